package state

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// List returns one page of the records whose keys begin with the given parts,
// in the order of their keys, and the bookmark of the next page. Only
// evaluations may list: in a transaction that writes, any insert into the range
// would make it fail.
func (t Table[T, P]) List(ctx *Context, parts []string, req ledger.PageRequest) ([]T, string, error) {
	if ctx.writes {
		return nil, "", fmt.Errorf("listing %s: only evaluations list", t.noun)
	}
	prefix, err := composeKey(t.kind, parts)
	if err != nil {
		return nil, "", err
	}
	from, err := openBookmark(prefix, req.Bookmark)
	if err != nil {
		return nil, "", err
	}
	rows, meta, err := ctx.stub.GetStateByPartialCompositeKeyWithPagination(string(t.kind), parts, int32(req.Limit()), from) //nolint:gosec // Limit is at most MaxPageSize
	if err != nil {
		return nil, "", fmt.Errorf("listing %s: %w", t.noun, err)
	}
	defer rows.Close()
	items := []T{}
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return nil, "", fmt.Errorf("listing %s: %w", t.noun, err)
		}
		r, err := t.decode(row.Value)
		if err != nil {
			return nil, "", err
		}
		items = append(items, *r)
	}
	return items, sealBookmark(meta.GetBookmark()), nil
}

// A bookmark is the key at which the next page starts. Fabric takes any key for
// one, and would begin the scan in another table; so it is checked to lie in the
// range.
func openBookmark(prefix, bookmark string) (string, error) {
	if bookmark == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(bookmark)
	if err != nil || !strings.HasPrefix(string(b), prefix) {
		return "", ledger.Problemf(ledger.CodeInvalid, "the bookmark is not of this list")
	}
	return string(b), nil
}

func sealBookmark(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// querier is what a database and an open transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// scanner is what one row and the current of many have in common.
type scanner interface{ Scan(dest ...any) error }

// scanRow reads the columns named by placeColumns, then further ones.
func scanRow[T any](from scanner, more ...any) (fact.Row[T], error) {
	var row fact.Row[T]
	var ms int64
	var doc []byte
	o := &row.Origin
	dest := append([]any{&o.Block, &o.Index, &o.Tx, &o.By, &ms, &o.Late, &doc}, more...)
	if err := from.Scan(dest...); err != nil {
		return row, err
	}
	o.Time = fromMillis(ms)
	if err := json.Unmarshal(doc, &row.Record); err != nil {
		return row, fmt.Errorf("reading a stored record: %w", err)
	}
	return row, nil
}

// one reads the row of a table that a condition selects. It fails with a
// not_found problem, naming what, when there is none.
func one[T any](ctx context.Context, s *Store, what, where string, args ...any) (fact.Row[T], error) {
	row, found, err := find[T](ctx, s.reading, what, where, args...)
	if err == nil && !found {
		return row, notFound(what)
	}
	return row, err
}

func find[T any](ctx context.Context, q querier, what, where string, args ...any) (fact.Row[T], bool, error) {
	row, err := scanRow[T](q.QueryRowContext(ctx, "SELECT "+placeColumns+" FROM "+where, args...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return row, false, nil
	case err != nil:
		return row, false, fmt.Errorf("reading %s: %w", what, err)
	}
	return row, true, nil
}

// listing is a query that is read page by page: after the last row of a page
// the next one goes on behind that row's order columns, so that rows which come
// and go meanwhile neither repeat nor hide others.
type listing struct {
	table  string
	where  []string // conditions, with their arguments
	args   []any
	moving []any    // arguments of the last conditions that may be others on the next page
	order  []string // columns that order the rows completely
	newest bool     // descending
}

func (l *listing) narrow(column, value string) {
	if value != "" {
		l.where = append(l.where, column+" = ?")
		l.args = append(l.args, value)
	}
}

// page reads one page of a listing.
func page[T any](ctx context.Context, s *Store, l listing, req ledger.PageRequest) (fact.Page[T], error) {
	p := fact.Page[T]{Items: []fact.Row[T]{}}
	next, err := eachRow(ctx, s, s.reading, l, req, func(row fact.Row[T]) { p.Items = append(p.Items, row) })
	p.Next = next
	return p, err
}

// eachRow calls use for each row of a page and returns the next page's bookmark.
func eachRow[T any](ctx context.Context, s *Store, q querier, l listing, req ledger.PageRequest, use func(fact.Row[T])) (string, error) {
	return eachOf(ctx, s, q, l, placeColumns, req, func(from scanner, more ...any) error {
		row, err := scanRow[T](from, more...)
		if err == nil {
			use(row)
		}
		return err
	})
}

// eachOf has take scan the named columns, and further ones, of each row of a page,
// and returns the next page's bookmark.
func eachOf(
	ctx context.Context, s *Store, q querier, l listing, columns string, req ledger.PageRequest, take func(from scanner, more ...any) error,
) (string, error) {
	name := l.name()
	where, args := l.where, slices.Concat(l.args, l.moving)
	if req.Bookmark != "" {
		last, err := s.parseBookmark(name, req.Bookmark, len(l.order))
		if err != nil {
			return "", err
		}
		compare := ">"
		if l.newest {
			compare = "<"
		}
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(last)), ", ")
		where = append(where[:len(where):len(where)], fmt.Sprintf("(%s) %s (%s)", strings.Join(l.order, ", "), compare, marks))
		args = append(args[:len(args):len(args)], last...)
	}
	query := "SELECT " + columns + ", " + strings.Join(l.order, ", ") + " FROM " + l.table
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	direction := ""
	if l.newest {
		direction = " DESC"
	}
	query += " ORDER BY " + strings.Join(l.order, direction+", ") + direction + " LIMIT ?"
	rows, err := q.QueryContext(ctx, query, append(args[:len(args):len(args)], req.Limit()+1)...)
	if err != nil {
		return "", fmt.Errorf("listing %s: %w", l.table, err)
	}
	defer rows.Close()
	last, more := make([]any, len(l.order)), make([]any, len(l.order))
	for i := range more {
		more[i] = &last[i]
	}
	for n := 0; rows.Next(); n++ {
		if n == req.Limit() {
			return next(rows, s, name, last)
		}
		if err := take(rows, more...); err != nil {
			return "", fmt.Errorf("listing %s: %w", l.table, err)
		}
	}
	if err := rows.Err(); err != nil {
		return "", fmt.Errorf("listing %s: %w", l.table, err)
	}
	return "", nil
}

// next makes the bookmark of the row that a page ended with.
func next(rows *sql.Rows, s *Store, name string, last []any) (string, error) {
	if err := rows.Close(); err != nil {
		return "", fmt.Errorf("ending a page: %w", err)
	}
	return s.bookmark(name, last)
}

// name tells a listing from others, so that a bookmark serves only its own.
func (l *listing) name() string {
	b, err := json.Marshal([]any{l.table, l.where, l.args, l.order})
	if err != nil {
		panic(err) // strings and integers only
	}
	return string(b)
}

// macSize is the length of a bookmark's code: enough against guessing, and a
// guess would gain nothing but another page of the same list.
const macSize = 12

// bookmarkText is one text for one bookmark.
var bookmarkText = base64.RawURLEncoding.Strict()

// bookmark says behind which row a page begins, authenticated so that nobody
// steers a query with one.
func (s *Store) bookmark(name string, last []any) (string, error) {
	payload, err := json.Marshal(last)
	if err != nil {
		return "", fmt.Errorf("making a bookmark: %w", err)
	}
	return bookmarkText.EncodeToString(append(s.mac(name, payload), payload...)), nil
}

func (s *Store) parseBookmark(name, bookmark string, columns int) ([]any, error) {
	invalid := ledger.Problemf(ledger.CodeInvalid, "the bookmark is not one of this list")
	b, err := bookmarkText.DecodeString(bookmark)
	if err != nil || len(b) < macSize || !hmac.Equal(b[:macSize], s.mac(name, b[macSize:])) {
		return nil, invalid
	}
	d := json.NewDecoder(strings.NewReader(string(b[macSize:])))
	d.UseNumber()
	var last []any
	if err := d.Decode(&last); err != nil || len(last) != columns {
		return nil, invalid
	}
	for i, v := range last {
		if n, ok := v.(json.Number); ok {
			if last[i], err = n.Int64(); err != nil {
				return nil, invalid
			}
		}
	}
	return last, nil
}

func (s *Store) mac(name string, payload []byte) []byte {
	m := hmac.New(sha256.New, s.secret)
	text(m, []byte(name))
	m.Write(payload)
	return m.Sum(nil)[:macSize]
}

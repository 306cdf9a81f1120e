package client

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestJSONGoesOutAsItIs: what is JSON already is not written anew, since a
// person may have signed the digest of these very bytes.
func TestJSONGoesOutAsItIs(t *testing.T) {
	t.Parallel()
	c, north, endorsers := five(t)
	north.script(func() { north.endorse = approve(t, endorsers[:3]...) })
	const text = "{\"reason\": \"a&b <c>\",\n  \"id\": \"x\"}\n"
	for _, req := range []any{json.RawMessage(text), []byte(text)} {
		p, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.DeviceRelease, req)
		if err != nil || !strings.Contains(string(p.Bytes), text) {
			t.Errorf("%T: %v", req, err)
		}
	}
	north.taken()
	for _, text := range []string{"", "{", `{} {}`} {
		if _, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.DeviceRelease, json.RawMessage(text)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	if calls := north.taken(); len(calls) != 0 {
		t.Errorf("what is no JSON led to %v", calls)
	}
}

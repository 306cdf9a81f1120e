package wallet

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/secant-platform/secant/identity/oid4vp"
)

// steering is text that would clear a screen, turn its letters around, or hide.
const steering = "a\u009b2Jb\x1b[31mc\u202ed\u2066e\u200ef\u2028g\U000e0041h\x7f"

// TestForeignTextSteersNoTerminal: what issuers and verifiers write is shown, and
// does nothing.
func TestForeignTextSteersNoTerminal(t *testing.T) {
	t.Parallel()
	if got := harmless(steering + "\u00a0ü"); got != "a2Jb[31mcdefgh ü" {
		t.Errorf("shown as %q", got)
	}
	b, err := json.Marshal(map[string]string{"given_name": steering + "ü"})
	if err != nil {
		t.Fatal(err)
	}
	shown := escaped(string(b))
	if i := strings.IndexFunc(shown, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("printed: %q", shown)
	}
	var back map[string]string
	if err := json.Unmarshal([]byte(shown), &back); err != nil || back["given_name"] != steering+"ü" {
		t.Errorf("means %q, %v", back, err)
	}
	if got := who(&oid4vp.Request{ClientID: "x", Name: "North. It will see nothing"}); !strings.HasSuffix(got, `"North. It will see nothing"`) {
		t.Errorf("a verifier's own words are not marked as such: %s", got)
	}
}

package gs1

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/identity/peertest"
)

// TestOthersReadTheSame: digital-link.js reads and makes the links that this
// package makes and reads, and gs1-barcode-parser-mod finds in a scan what this
// package finds.
func TestOthersReadTheSame(t *testing.T) {
	t.Parallel()
	peer := peertest.Install(t, "gs1", "peer")
	elements := Elements{{GTIN, "09506000134352"}, {Lot, "L-1"}, {Serial, "SN42"}, {Expiry, "271130"}}
	link, err := Link("https://id.example.org", elements)
	if err != nil {
		t.Fatal(err)
	}
	scan := "]d2010950600013435210L-1\x1d1727113021SN42"
	type reading struct {
		Valid                                     bool
		Identifier, Qualifiers, Attributes, Found map[string]string
		Made                                      string
	}
	got := peertest.Run[reading](t, peer, link, scan)
	if !got.Valid {
		t.Errorf("digital-link.js calls %s no link", link)
	}
	for _, c := range []struct{ want, got map[string]string }{
		{map[string]string{GTIN: "09506000134352"}, got.Identifier},
		{map[string]string{Lot: "L-1", Serial: "SN42"}, got.Qualifiers},
		{map[string]string{Expiry: "271130"}, got.Attributes},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("digital-link.js reads otherwise: %s", d)
		}
	}
	made, err := ParseLink(got.Made)
	if d := cmp.Diff(elements[:3], made); d != "" || err != nil {
		t.Errorf("%s of digital-link.js: %v %s", got.Made, err, d)
	}
	ours, err := ParseScan(scan)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range ours {
		found[e.AI] = e.Value
	}
	found[Expiry] = "date" // the other makes it one of its language
	if d := cmp.Diff(found, got.Found); d != "" {
		t.Errorf("gs1-barcode-parser-mod reads otherwise: %s", d)
	}
}

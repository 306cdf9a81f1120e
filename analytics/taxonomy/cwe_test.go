package taxonomy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ownWeaknesses is of the form in which CWE publishes its lists, in words of our own.
const ownWeaknesses = `CWE-ID,Name,Weakness Abstraction,Status,Description,Extended Description,Related Weaknesses,Alternate Terms,Related Attack Patterns,Notes
306,Nobody is asked who they are,Base,Draft,"A port takes commands, from anyone.",,::NATURE:ChildOf:CWE ID:287:VIEW ID:1000:ORDINAL:Primary::NATURE:PeerOf:CWE ID:79:VIEW ID:1000::,::TERM:Open door:DESCRIPTION:As people call it::,::12::166::,,
287,Asking badly,Class,Draft,,,,,,,
9999,Gone,Base,Deprecated,,,,,,,
x,No number,Base,Draft,,,,,,,
`

func TestWeaknessesOfCWE(t *testing.T) {
	t.Parallel()
	v := read(t, "weaknesses", ownWeaknesses)
	want := []Node{
		{ID: "CWE-287", Kind: "weakness", Name: "Asking badly"},
		{
			ID: "CWE-306", Kind: "weakness", Name: "Nobody is asked who they are", Description: "A port takes commands, from anyone.", Parents: []string{"CWE-287"},
			Synonyms: []string{"Open door"}, External: []ExternalReference{{"capec", "CAPEC-12"}, {"capec", "CAPEC-166"}},
		},
		{ID: "CWE-9999", Kind: "weakness", Name: "Gone", Deprecated: true},
	}
	for i := range v.Nodes { // absent or empty is the same
		n := &v.Nodes[i]
		for _, list := range []*[]string{&n.Parents, &n.Synonyms} {
			if len(*list) == 0 {
				*list = nil
			}
		}
		if len(n.External) == 0 {
			n.External = nil
		}
	}
	if d := cmp.Diff(want, v.Nodes); d != "" || v.Authority != "cwe" || v.ID != "weaknesses" {
		t.Errorf("%s by %s: %s", v.ID, v.Authority, d)
	}
}

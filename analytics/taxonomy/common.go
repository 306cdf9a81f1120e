package taxonomy

import (
	_ "embed"
	"strings"

	"github.com/secant-platform/secant/analytics/classify"
)

//go:embed common.txt
var commonText string

// common are words of everyday English and of every report: no name by themselves.
var common = func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(commonText) {
		all[w] = true
	}
	for _, e := range classify.Background() {
		for _, w := range tokens(strings.ToLower(e.Text)) {
			all[w] = true
		}
	}
	return all
}()

func isCommon(word string) bool {
	w := strings.ToLower(word)
	return common[w] || common[strings.TrimSuffix(w, "s")] || common[strings.TrimSuffix(w, "ed")] || common[strings.TrimSuffix(w, "ing")]
}

// small are the words that no term begins or ends with.
var small = func() map[string]bool {
	all := map[string]bool{}
	for w := range strings.FieldsSeq(`a about above after again against all also although always am among an and another any are as at be because been before being below
		between both but by came can cannot come could did do does doing done during each either else etc even ever every few for from further get gets given got had
		has have having he her here hers him his how however i if in into is it its itself just like made make makes many may me might more most much must my near no nor not
		now of off often on once one only onto or other others our out over own per rather said same see seen several she should since so some such than that the their them
		then there these they this those though through thus to together too two under until up upon us use used uses using very via was we well were what when where whether
		which while who whom whose why will with within without would yet you your first second new three`) {
		all[w] = true
	}
	return all
}()

package classify

import "strings"

// shingle is how many words in a row are compared.
const shingle = 4

// Apart returns those examples that are no near duplicate of a sentence that a model is to
// be tried with: the same words in the same order, or half of the runs of four words of
// the shorter of the two. Reports are quoted in ATT&CK's own examples, and a model that
// was trained with the answer proves nothing.
func Apart(examples, tried []Example) []Example {
	same := map[string]bool{}
	runs := map[string][]int32{} // run of words -> which of tried have it
	size := make([]int, len(tried))
	for i := range tried {
		list := words(tried[i].Text)
		same[strings.Join(list, " ")] = true
		size[i] = max(0, len(list)-shingle+1)
		for r := range distinct(list) {
			runs[r] = append(runs[r], int32(i))
		}
	}
	var kept []Example
	for i := range examples {
		list := words(examples[i].Text)
		if same[strings.Join(list, " ")] || shares(list, runs, size) {
			continue
		}
		kept = append(kept, examples[i])
	}
	return kept
}

// shares reports whether half of the runs of the shorter of two texts are in both.
func shares(list []string, runs map[string][]int32, size []int) bool {
	both := map[int32]int{}
	for r := range distinct(list) {
		for _, i := range runs[r] {
			both[i]++
		}
	}
	own := max(0, len(list)-shingle+1)
	for i, n := range both {
		if 2*n >= min(own, size[i]) {
			return true
		}
	}
	return false
}

// distinct are the runs of words of a text.
func distinct(list []string) map[string]bool {
	all := map[string]bool{}
	for i := 0; i+shingle <= len(list); i++ {
		all[strings.Join(list[i:i+shingle], " ")] = true
	}
	return all
}

package classify

import (
	"math"
	"slices"
	"strings"
)

// features is the size of the space into which features are hashed. Even places are
// pieces of words, odd ones words, so that the two can be weighed apart.
const features = 1 << 16

// Pieces of words have so many bytes, the space before and after the word included.
const shortest, longest = 3, 5

// counted is a feature of a sentence and how often it stands there.
type counted struct {
	at    uint16
	times uint16
}

// weighed is a feature of a sentence and its weight there.
type weighed struct {
	at    uint16
	value float32
}

// hash is FNV-1a of 32 bits, finished so that its low bits are as good as its high ones.
func hash(s string, seed uint32) uint32 {
	h := uint32(2166136261) ^ seed*16777619
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	h = (h ^ h>>15) * 0x2c1b3c6d
	h = (h ^ h>>12) * 0x297a2d39
	return h ^ h>>15
}

// placeOf is where a feature is in the space.
func placeOf(s string, seed uint32) uint16 { return uint16(hash(s, seed) & (features - 1)) }

// count lists the features of a sentence: its words, its pairs of words, and the pieces of
// what stands between spaces. scratch is memory to use again.
func count(sentence string, scratch []uint16) ([]counted, []uint16) {
	all := scratch[:0]
	sentence = strings.ReplaceAll(cut(sentence), "’", "'")
	list := words(sentence)
	for i, w := range list {
		all = append(all, placeOf(w, 101)|1)
		if i > 0 {
			all = append(all, placeOf(list[i-1]+" "+w, 102)|1)
		}
	}
	for w := range strings.FieldsSeq(strings.ToLower(sentence)) {
		w = " " + w + " "
		for n := shortest; n <= longest; n++ {
			for i := 0; i+n <= len(w); i++ {
				all = append(all, placeOf(w[i:i+n], uint32(n))&^1)
			}
		}
	}
	slices.Sort(all)
	found := make([]counted, 0, len(all))
	for i, at := range all {
		if i > 0 && all[i-1] == at {
			found[len(found)-1].times++
			continue
		}
		found = append(found, counted{at, 1})
	}
	return found, all
}

// weigh turns counts into a vector of length one: 1 + ln of the count, times how rare the
// feature is; words and pieces make half of it each. What is not known is left out.
func weigh(found []counted, rarity []float32) []weighed {
	all := make([]weighed, 0, len(found))
	var square [2]float64
	for _, f := range found {
		r := rarity[f.at]
		if r == 0 {
			continue
		}
		v := r
		if f.times > 1 {
			v = float32(float64(r) * (1 + math.Log(float64(f.times))))
		}
		all = append(all, weighed{f.at, v})
		square[f.at&1] += float64(v * v)
	}
	parts := 0.0
	for _, s := range square {
		if s > 0 {
			parts++
		}
	}
	var scale [2]float32
	for i, s := range square {
		if s > 0 {
			scale[i] = float32(1 / math.Sqrt(s*parts))
		}
	}
	for i := range all {
		all[i].value *= scale[all[i].at&1]
	}
	return all
}

// rarities are the weights of features by how many of the examples have them: 1 + ln of
// the inverse; 0 where fewer than two do, since nothing can be learnt of one.
func rarities(all [][]counted) []float32 {
	have := make([]int, features)
	for _, found := range all {
		for _, f := range found {
			have[f.at]++
		}
	}
	rarity := make([]float32, features)
	for i, n := range have {
		if n > 1 {
			rarity[i] = float32(1 + math.Log(float64(1+len(all))/float64(1+n)))
		}
	}
	return rarity
}

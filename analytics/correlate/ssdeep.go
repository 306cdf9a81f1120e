package correlate

import (
	"strconv"
	"strings"
)

// gramLength is how many characters two context-triggered hashes must have in a row in
// common before they are compared at all (Kornblum, "Identifying almost identical
// files using context triggered piecewise hashing", 2006).
const gramLength = 7

// ssdeep is a context-triggered piecewise hash, "blocksize:hash:hash of twice that".
type ssdeep struct {
	block       int
	once, twice string // without runs of more than three equal characters
}

func parseSSDEEP(s string) (ssdeep, bool) {
	size, rest, ok := strings.Cut(s, ":")
	once, twice, both := strings.Cut(rest, ":")
	block, err := strconv.Atoi(size)
	if !ok || !both || err != nil || block < 3 || block > 1<<40 {
		return ssdeep{}, false
	}
	twice, _, _ = strings.Cut(twice, ",") // the file's name
	return ssdeep{block, shortRuns(once), shortRuns(twice)}, true
}

// shortRuns cuts runs of a character to three: they say little and weigh much.
func shortRuns(s string) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if i >= 3 && s[i] == s[i-1] && s[i] == s[i-2] && s[i] == s[i-3] {
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// likeness compares two hashes: 0 for nothing in common, to 100.
func (a ssdeep) likeness(b ssdeep) int {
	switch {
	case a == b:
		return 100
	case a.block == b.block:
		return max(scoreParts(a.once, b.once, a.block), scoreParts(a.twice, b.twice, a.block*2))
	case a.block == b.block*2:
		return scoreParts(a.once, b.twice, a.block)
	case a.block*2 == b.block:
		return scoreParts(a.twice, b.once, b.block)
	}
	return 0
}

// smallestBlock is the least block size, and longest the number of characters of a
// whole hash.
const (
	smallestBlock = 3
	longest       = 64
)

// scoreParts turns the distance of two parts into likeness. Parts of small files are
// short, and little in common says little of them: the block size bounds the score.
func scoreParts(a, b string, block int) int {
	if len(a) < gramLength || len(b) < gramLength || !shareGram(a, b) {
		return 0
	}
	score := distance(a, b) * longest / (len(a) + len(b))
	score = 100 - 100*score/longest
	if block < (99+gramLength)/gramLength*smallestBlock {
		score = min(score, block/smallestBlock*min(len(a), len(b)))
	}
	return max(score, 0)
}

func shareGram(a, b string) bool {
	for i := 0; i+gramLength <= len(a); i++ {
		if strings.Contains(b, a[i:i+gramLength]) {
			return true
		}
	}
	return false
}

// distance is the edit distance in which a character put in or left out costs one and
// one that is another costs two.
func distance(a, b string) int {
	var rows [2][longest + 1]int
	if len(a) > longest || len(b) > longest {
		return len(a) + len(b)
	}
	last, now := &rows[0], &rows[1]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		now[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change += 2
			}
			now[j+1] = min(change, last[j+1]+1, now[j]+1)
		}
		last, now = now, last
	}
	return last[len(b)]
}

// grams calls use for the keys under which a hash is found: each seven characters in a
// row of either part, with the block size of that part.
func (a ssdeep) grams(use func(uint64)) {
	for _, p := range [...]struct {
		text  string
		block int
	}{{a.once, a.block}, {a.twice, a.block * 2}} {
		for i := 0; i+gramLength <= len(p.text); i++ {
			use(gram(p.text[i:i+gramLength], p.block))
		}
	}
}

// gram packs seven characters of base 64 and the place of the block size in its series
// (3 times a power of two) into a number.
func gram(s string, block int) uint64 {
	var n uint64
	for i := range gramLength {
		n = n<<6 | uint64(strings.IndexByte(alphabet, s[i]))&63 //nolint:gosec // -1 is masked
	}
	for block > smallestBlock {
		block /= 2
		n += 1 << (6 * gramLength)
	}
	return n
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

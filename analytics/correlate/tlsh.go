package correlate

import (
	"encoding/hex"
	"strings"
)

// tlsh is a locality-sensitive hash of 128 buckets (Oliver, Cheng and Chen, "TLSH: a
// locality sensitive hash", 2013), as 35 bytes: checksum, length, quartile ratios, and
// 32 bytes of two bits a bucket.
type tlsh [35]byte

func parseTLSH(s string) (t tlsh, ok bool) {
	s = strings.TrimPrefix(strings.ToLower(s), "t1")
	n, err := hex.Decode(t[:], []byte(s[:min(len(s), 2*len(t))]))
	return t, err == nil && n == len(t) && len(s) == 2*len(t)
}

const (
	tlshHead    = 3
	tlshBands   = 16 // of two bytes, eight buckets
	maxDistance = 30 // up to which files count as alike; below 2 * tlshBands
)

// distance is how far two hashes are apart; 0: they are the same.
func (t *tlsh) distance(o *tlsh) int {
	d := 0
	if t[0] != o[0] {
		d = 1
	}
	switch n := apart(swap(t[1]), swap(o[1]), 256); {
	case n <= 1:
		d += n
	default:
		d += 12 * n
	}
	// The ratios stand in half a byte each; which comes first makes no difference.
	for _, shift := range [...]uint{0, 4} {
		if n := apart(int(t[2]>>shift&15), int(o[2]>>shift&15), 16); n <= 1 {
			d += n
		} else {
			d += 12 * (n - 1)
		}
	}
	for i := tlshHead; i < len(t); i++ {
		d += int(pairs[t[i]][o[i]])
	}
	return d
}

// swap exchanges the halves of a byte, as the length is written.
func swap(b byte) int { return int(b>>4 | b<<4) }

// apart is the distance on a circle of n places.
func apart(a, b, n int) int {
	d := a - b
	if d < 0 {
		d = -d
	}
	return min(d, n-d)
}

// pairs is the distance of four buckets: by how many quartiles each differs, and six
// for three of them.
var pairs = func() (all [256][256]uint8) {
	for a := range all {
		for b := range all[a] {
			for shift := 0; shift < 8; shift += 2 {
				d := a>>shift&3 - b>>shift&3
				if d < 0 {
					d = -d
				}
				if d == 3 {
					d = 6
				}
				all[a][b] += uint8(d)
			}
		}
	}
	return all
}()

// bands calls use for the keys under which a hash is found. Of two that are at most 31
// apart one of the 16 bands differs by at most one, so that with probes, which are all
// that differ by one, none is missed: what is alike is found without comparing all.
func (t *tlsh) bands(probes bool, use func(uint64) bool) {
	for band := range tlshBands {
		i := tlshHead + 2*band
		bits := uint64(t[i])<<8 | uint64(t[i+1])
		key := uint64(band) << 16
		if !use(key | bits) {
			return
		}
		if !probes {
			continue
		}
		for shift := 0; shift < 16; shift += 2 {
			pair := bits >> shift & 3
			if pair > 0 && !use(key|(bits-1<<shift)) || pair < 3 && !use(key|(bits+1<<shift)) {
				return
			}
		}
	}
}

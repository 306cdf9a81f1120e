package vc_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"

	"github.com/secant-platform/secant/identity/vc"
)

// bytesOfProof are the bytes of a part's proof, and what makes the part with others.
func bytesOfProof(t *testing.T, part []byte) (proof []byte, with func([]byte, map[string]any) []byte) {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(part, &d); err != nil {
		t.Fatal(err)
	}
	said, _ := d["proof"].(map[string]any)
	text, _ := said["proofValue"].(string)
	proof, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if proof, err = base64.RawURLEncoding.DecodeString(text); err != nil {
			t.Fatal(err)
		}
	}
	return proof, func(b []byte, more map[string]any) []byte {
		said["proofValue"] = base64.StdEncoding.EncodeToString(b)
		subject, _ := d["credentialSubject"].(map[string]any)
		for name, claim := range more {
			subject[name] = claim
		}
		out, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for name := range more {
			delete(subject, name)
		}
		return out
	}
}

// infinity is the compressed point at infinity of G1.
func infinity() []byte { return append([]byte{0xc0}, make([]byte, 47)...) }

// forged is a proof that nobody needs a signature for, where a verifier takes more
// responses than there are bases: the last in their row then stands in the place of the
// challenge, and all are zero.
func forged(count int, revealed []byte, responses ...int) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(count))
	b = append(b, revealed...)
	of := func(responses int) []byte {
		b := binary.BigEndian.AppendUint32(infinity(), uint32(responses))
		return append(b, make([]byte, 32*responses)...)
	}
	for range 3 {
		b = append(b, infinity()...)
	}
	first := of(responses[0])
	b = binary.BigEndian.AppendUint32(b, uint32(len(first)))
	return append(append(b, first...), of(responses[1])...)
}

// TestNobodyForgesAPart: aries' reader of proofs takes ones without any signature, lets
// statements follow that no proof covers, and ends the program on others.
func TestNobodyForgesAPart(t *testing.T) {
	t.Parallel()
	s := newBBS(t)
	v := bbsVerifier(t, s)
	credential, err := vc.IssueBBS(v.Contexts, s, anonymousSample())
	if err != nil {
		t.Fatal(err)
	}
	part, err := v.Disclose(t.Context(), credential, []string{"level"}, nonce, now)
	if err != nil {
		t.Fatal(err)
	}
	proof, with := bytesOfProof(t, part)
	if _, err := v.VerifyDisclosure(t.Context(), with(proof, nil), nonce, now); err != nil {
		t.Fatalf("as it is: %v", err)
	}
	count := int(binary.BigEndian.Uint16(proof))
	bitmap := proof[2 : 2+count/8+1]
	shown := 0
	for _, b := range bitmap {
		for ; b > 0; b >>= 1 {
			shown += int(b & 1)
		}
	}
	padded := slices.Clone(proof)
	padded[2] |= 0x80 // the place of no statement
	many := append([]byte{0xff, 0xff}, make([]byte, 0xffff/8+1)...)
	copy(many[len(many)-len(bitmap):], bitmap)
	for name, b := range map[string][]byte{
		"a proof of nothing":                       forged(count, bitmap, 3, 3+count-shown),
		"a proof of nothing, with fewer":           forged(shown, []byte{0, byte(1<<shown - 1)}, 3, 3),
		"more behind it":                           append(slices.Clone(proof), 0),
		"a place that does not exist":              padded,
		"so many statements that it takes minutes": append(many, proof[2+len(bitmap):]...),
		"nothing": {},
	} {
		if got, err := v.VerifyDisclosure(t.Context(), with(b, nil), nonce, now); err == nil {
			t.Errorf("%s: it reads as %+v", name, got)
		}
	}
	for _, more := range []map[string]any{{"ward": "Z"}, {"shift": true}, {"profession": "physician"}, {"number": "N-1"}} {
		if got, err := v.VerifyDisclosure(t.Context(), with(proof, more), nonce, now); err == nil {
			t.Errorf("with a claim that nobody signed it reads as %+v", got)
		}
		if got, err := v.VerifyDisclosure(t.Context(), with(forged(count, bitmap, 3, 3+count-shown), more), nonce, now); err == nil {
			t.Errorf("with another, forged, it reads as %+v", got)
		}
	}
	for n := 0; n < len(proof); n += 9 { // and none of these ends the program
		if _, err := v.VerifyDisclosure(t.Context(), with(proof[:n], nil), nonce, now); err == nil {
			t.Errorf("%d bytes of it are a proof", n)
		}
	}
}

// FuzzWholePart reads whatever bytes it is given, and takes those of one length alone.
func FuzzWholePart(f *testing.F) {
	finite := forged(3, []byte{1}, 2, 4)
	for i, b := range finite {
		if b == 0xc0 {
			finite[i] = 0x80
		}
	}
	if !vc.WholePart(finite, 1) {
		f.Fatal("a proof in its form is refused")
	}
	f.Add(finite, 1)
	f.Add(forged(3, []byte{1}, 3, 5), 1)
	f.Add([]byte{0, 1}, 1)
	f.Fuzz(func(t *testing.T, proof []byte, shown int) {
		if !vc.WholePart(proof, shown) {
			return
		}
		count := int(binary.BigEndian.Uint16(proof))
		const point, length, scalar = 48, 4, 32
		if want := 2 + count/8 + 1 + 3*point + length + 2*(point+length) + (4+count-shown)*scalar; len(proof) != want || shown < 1 || shown > count {
			t.Errorf("%d bytes are a proof of %d of %d statements, which has %d", len(proof), shown, count, want)
		}
	})
}

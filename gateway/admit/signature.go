package admit

import (
	"encoding/base64"
	"net/http"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Signature is who readings are said to be from, and how they are signed.
type Signature struct {
	Unit      proof.Hash
	Edge      proof.Hash      // of the edge box that signs for the device; zero when none does
	Signed    bool            // the two below are there
	Seed      proof.Seed      // zero otherwise
	Signature proof.Signature // zero otherwise
	Sequence  proof.Sequence  // what it says of its count and clock, signed if it is signed
}

// ReadSignature reads the headers that name a device and carry its signature over
// readings. Those of a request in parts have their seeds there. It lists what is wrong
// with them.
func ReadSignature(h http.Header, parted bool) (s Signature, faults []ledger.Fault) {
	fault := func(header, detail string) {
		faults = append(faults, ledger.Fault{Field: "header." + header, Detail: detail})
	}
	if s.Unit.UnmarshalText([]byte(h.Get(auth.HeaderDevice))) != nil {
		fault(auth.HeaderDevice, "must be 64 lower-case hexadecimal digits")
	}
	var err error
	if s.Sequence, err = proof.ParseSequence(h.Get(auth.HeaderSequence), h.Get(auth.HeaderMade)); err != nil {
		fault(auth.HeaderSequence, sequenceForm)
	}
	seed, signature := h.Get(auth.HeaderSeed), h.Get(auth.HeaderSignature)
	if edge := h.Get(auth.HeaderEdge); edge != "" {
		switch {
		case s.Edge.UnmarshalText([]byte(edge)) != nil || s.Edge == (proof.Hash{}):
			fault(auth.HeaderEdge, "must be 64 lower-case hexadecimal digits")
		case s.Edge == s.Unit:
			fault(auth.HeaderEdge, "must be another device than the one it signs for")
		case signature == "":
			fault(auth.HeaderEdge, "must not be given without the edge box's signature")
		}
	}
	if seed == "" && signature == "" {
		return s, faults
	}
	s.Signed = true
	var b []byte
	b, err = base64.RawURLEncoding.Strict().DecodeString(seed)
	switch {
	case parted && seed != "":
		fault(auth.HeaderSeed, "must stand in each part of a request in parts, and not in its own headers")
	case !parted && (err != nil || len(b) != len(s.Seed)):
		fault(auth.HeaderSeed, "must be 32 bytes in unpadded base64url")
	}
	copy(s.Seed[:], b)
	if s.Signature.UnmarshalText([]byte(signature)) != nil {
		fault(auth.HeaderSignature, "must be 64 bytes in unpadded base64url")
	}
	return s, faults
}

const sequenceForm = "must be epoch/number in decimal digits, the number 1 or more, and " + auth.HeaderMade + " milliseconds since 1970; each at most 9007199254740991"

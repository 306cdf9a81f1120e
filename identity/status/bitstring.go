package status

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Purpose is what a set bit of a Bitstring Status List says of its credential.
type Purpose string

// The purposes that are known (Bitstring Status List 1.0, section 2.2). A purpose
// has a list of its own, so that a [List] with two bits makes two.
const (
	Revocation Purpose = "revocation"
	Suspension Purpose = "suspension"
)

// status is what a set bit means.
func (p Purpose) status() (Status, bool) {
	switch p {
	case Revocation:
		return Revoked, true
	case Suspension:
		return Suspended, true
	}
	return Valid, false
}

// The types that the standard names.
const (
	credentialType = "BitstringStatusListCredential"
	subjectType    = "BitstringStatusList"
	multibase      = "u" // base64url without padding
)

// Credential returns the list for one purpose as a BitstringStatusListCredential
// (section 2.2) of VCDM 2.0 that is not signed yet: the members of a JSON object.
func (l *List) Credential(issuer string, p Purpose, e Edition) (map[string]any, error) {
	if err := e.validate(); err != nil {
		return nil, fmt.Errorf("making a status list credential: %w", err)
	}
	if issuer == "" {
		return nil, errors.New("making a status list credential: it needs an issuer")
	}
	encoded, err := l.bitstring(p)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"@context":   []any{"https://www.w3.org/ns/credentials/v2"},
		"id":         e.URI,
		"type":       []any{"VerifiableCredential", credentialType},
		"issuer":     issuer,
		"validFrom":  e.Issued.UTC().Format(time.RFC3339),
		"validUntil": e.Expires.UTC().Format(time.RFC3339),
		"credentialSubject": map[string]any{
			"id": e.URI + "#list", "type": subjectType, "statusPurpose": string(p),
			"encodedList": encoded, "ttl": e.TTL.Milliseconds(),
		},
	}, nil
}

// bitstring returns a bit for each place, the first in the highest bit: gzip in
// multibase base64url (section 3.2). What is revoked is suspended as well: a credential
// that can name one list only, as those of the data model 1.1 are for wallets that read
// no more, names that of suspensions.
func (l *List) bitstring(p Purpose) (string, error) {
	want, ok := p.status()
	if !ok || int(want) >= 1<<l.bits {
		return "", errors.New("making a bitstring: the list has no statuses for this purpose")
	}
	l.mu.RLock()
	statuses := slices.Clone(l.statuses)
	l.mu.RUnlock()
	set := make([]byte, l.capacity/8)
	perByte := 8 / l.bits
	for n, b := range statuses {
		for i := n * perByte; b != 0; i++ { // most are valid, and none of them is looked at
			if is := Status(b & l.mask()); is == want || is == Revoked {
				set[i/8] |= 0x80 >> (i % 8)
			}
			b >>= l.bits
		}
	}
	var b bytes.Buffer
	if err := pack(gzip.NewWriter(&b), set); err != nil {
		return "", err
	}
	return multibase + base64.RawURLEncoding.EncodeToString(b.Bytes()), nil
}

// Bitstring is a Bitstring Status List, unpacked.
type Bitstring struct {
	URI      string // "id" of the credential, which is its address; empty: it does not say
	Issuer   string
	Purposes []Purpose
	Issued   time.Time     // "validFrom"; zero: it does not say
	Expires  time.Time     // "validUntil"; zero: it does not say
	TTL      time.Duration // 5 minutes unless it says something else

	bits []byte
}

const defaultTTL = 5 * time.Minute // section 2.2

// ParseBitstring reads a BitstringStatusListCredential of at most
// verify.MaxStatusList bytes, of which somebody checked already who signed it, and
// unpacks it up to verify.MaxStatusBytes. One of fewer than MinCapacity places is
// refused (section 3.2). Whether it is current is for the caller to judge.
func ParseBitstring(credential []byte) (*Bitstring, error) {
	if len(credential) > verify.MaxStatusList {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a status list has at most %d bytes", verify.MaxStatusList)
	}
	var c map[string]any
	if !verify.OneMeaning(credential) || json.Unmarshal(credential, &c) != nil {
		return nil, invalid("the status list is not a JSON object of one meaning")
	}
	subject, ok := c["credentialSubject"].(map[string]any)
	if !ok || !slices.Contains(texts(c["type"]), credentialType) || subject["type"] != subjectType {
		return nil, invalid("the status list is not a " + credentialType)
	}
	b := &Bitstring{TTL: defaultTTL}
	var err error
	if b.Issuer, err = issuerOf(c["issuer"]); err != nil {
		return nil, err
	}
	if b.URI, ok = text(c["id"]); !ok {
		return nil, invalid("the status list's address is no text")
	}
	if b.Issued, ok = date(c["validFrom"]); !ok {
		return nil, invalid("the status list's times are not times")
	}
	if b.Expires, ok = date(c["validUntil"]); !ok {
		return nil, invalid("the status list's times are not times")
	}
	for _, p := range texts(subject["statusPurpose"]) {
		b.Purposes = append(b.Purposes, Purpose(p))
	}
	if ttl, there := subject["ttl"]; there {
		ms, ok := ttl.(float64)
		if !ok || ms < 1 || ms > math.MaxInt32 || ms != math.Trunc(ms) {
			return nil, invalid("the status list's time to live is no number of milliseconds")
		}
		b.TTL = time.Duration(ms) * time.Millisecond
	}
	b.bits, err = unpackBits(subject["encodedList"])
	return b, err
}

func issuerOf(v any) (string, error) {
	if o, ok := v.(map[string]any); ok {
		v = o["id"]
	}
	s, ok := v.(string)
	if !ok || s == "" {
		return "", invalid("the status list has no issuer")
	}
	return s, nil
}

// text returns a member that is a text when it is there.
func text(v any) (string, bool) {
	if v == nil {
		return "", true
	}
	s, ok := v.(string)
	return s, ok
}

// date returns a member that is a time when it is there.
func date(v any) (time.Time, bool) {
	s, ok := text(v)
	if !ok || s == "" {
		return time.Time{}, ok && v == nil
	}
	t, err := time.Parse(time.RFC3339, s)
	return t.UTC(), err == nil
}

// texts returns a member that is a text or an array of texts; nil for another.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

func unpackBits(v any) ([]byte, error) {
	malformed := invalid("the status list cannot be unpacked")
	s, ok := v.(string)
	if !ok || len(s) == 0 || s[:1] != multibase {
		return nil, malformed
	}
	packed, err := base64.RawURLEncoding.Strict().DecodeString(s[1:])
	if err != nil || base64.RawURLEncoding.EncodedLen(len(packed)) != len(s)-1 { // the decoder skips line breaks
		return nil, malformed
	}
	in := bytes.NewReader(packed)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, malformed
	}
	z.Multistream(false)
	unpacked, err := io.ReadAll(io.LimitReader(z, verify.MaxStatusBytes+1))
	if err != nil || len(unpacked) > verify.MaxStatusBytes || in.Len() > 0 {
		return nil, malformed
	}
	if len(unpacked) < MinCapacity/8 {
		return nil, invalid("the status list is too short to hide a credential in")
	}
	return unpacked, nil
}

// At returns whether the bit at an index is set; an index before the list's begin
// or behind its end is invalid. It takes the same time wherever the index is.
func (b *Bitstring) At(index int) (bool, error) {
	if index < 0 || index/8 >= len(b.bits) {
		return false, invalid("the status list does not reach to the credential")
	}
	return b.bits[index/8]<<(index%8)&0x80 != 0, nil
}

func invalid(detail string) error { return ledger.Problemf(ledger.CodeInvalid, "%s", detail) }

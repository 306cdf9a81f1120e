package verify

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxStatusBytes bounds a status list once it is unpacked: a million credentials
// with eight bits each.
const MaxStatusBytes = 1 << 20

// StatusRef is a credential's place in a Token Status List.
type StatusRef struct {
	URI   string
	Index int
}

// List returns the name under which the issuer's organisation commits to the
// list on the ledger: the last part of its address.
func (r *StatusRef) List() string { return r.URI[strings.LastIndexByte(r.URI, '/')+1:] }

// Status returns where the credential's status stands, and false when its issuer
// gave it none. A status of another kind than a Token Status List is refused, as
// nobody here could tell what it says.
func (c *Credential) Status() (*StatusRef, bool, error) {
	status, there := c.Claims["status"]
	if !there {
		return nil, false, nil
	}
	unknown := invalid("the credential has a status of another kind than a token status list")
	o, ok := status.(object)
	if !ok || len(o) != 1 {
		return nil, true, unknown
	}
	list, ok := o["status_list"].(object)
	if !ok {
		return nil, true, unknown
	}
	uri, err := list.text("uri")
	index, isIndex := list.count("idx")
	if err != nil || uri == "" || !isIndex {
		return nil, true, unknown
	}
	return &StatusRef{URI: uri, Index: index}, true, nil
}

// ParseStatusLists reads what a proposal carries under
// ledger.TransientStatusLists: signed lists as their issuers publish them.
func ParseStatusLists(b []byte) ([]string, error) {
	if len(b) > ledger.MaxTransient {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "status lists have at most %d bytes together", ledger.MaxTransient)
	}
	v, err := parseJSON(b)
	list, ok := v.([]any)
	if err != nil || !ok || len(list) > ledger.MaxStatements {
		return nil, invalid("the status lists are not a list of at most %d signed tokens", ledger.MaxStatements)
	}
	var tokens []string
	for _, v := range list {
		token, ok := v.(string)
		if !ok {
			return nil, invalid("a status list is no text")
		}
		tokens = append(tokens, token)
	}
	return tokens, nil
}

// statusListType is the "typ" of a signed list.
const statusListType = "statuslist+jwt"

// Valid reads the credential's status from a signed Token Status List, and
// returns a Problem unless it is 0, "valid". That the list is the issuer's
// current one is for the caller to know, by its digest; so its signature and
// time are not looked at.
func (r *StatusRef) Valid(token string) error {
	jws, err := ParseJWS(token)
	if err != nil {
		return err
	}
	claims, err := parseObject(jws.Payload)
	if err != nil || jws.Type != statusListType {
		return invalid("the status list is not a signed token status list")
	}
	if sub, err := claims.text("sub"); err != nil || sub != r.URI {
		return invalid("the status list is another one")
	}
	list, _ := claims["status_list"].(object)
	bits, ok := list.count("bits")
	if !ok || bits != 1 && bits != 2 && bits != 4 && bits != 8 {
		return invalid("the status list has no number of bits")
	}
	packed, err := list.text("lst")
	if err != nil {
		return invalid("the status list is empty")
	}
	unpacked, err := unpack(packed)
	if err != nil {
		return err
	}
	perByte := 8 / bits
	if r.Index/perByte >= len(unpacked) {
		return invalid("the status list does not reach to the credential")
	}
	if unpacked[r.Index/perByte]>>(r.Index%perByte*bits)&(1<<bits-1) != 0 {
		return ledger.Problemf(ledger.CodeDenied, "the credential is revoked or suspended")
	}
	return nil
}

// unpack decodes base64url of zlib (RFC 1950) up to a bound.
func unpack(packed string) ([]byte, error) {
	malformed := invalid("the status list cannot be unpacked")
	b, ok := decodeSegment(packed)
	if !ok {
		return nil, malformed
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, malformed
	}
	unpacked, err := io.ReadAll(io.LimitReader(z, MaxStatusBytes+1))
	if err != nil || len(unpacked) > MaxStatusBytes {
		return nil, malformed
	}
	return unpacked, nil
}

// count returns a member that must be a whole number from 0 to 2^31-1.
func (o object) count(name string) (int, bool) {
	number, ok := o[name].(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(number.String(), 10, 32)
	return int(n), err == nil && n >= 0
}

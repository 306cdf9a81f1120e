package verify

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

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
func (c *Credential) Status() (*StatusRef, bool, error) { return StatusOf(c.Claims) }

// StatusOf is [Credential.Status] for the claims of any JWT, as ParseObject reads
// them.
func StatusOf(claims map[string]any) (*StatusRef, bool, error) {
	status, there := claims["status"]
	if !there {
		return nil, false, nil
	}
	unknown := invalid("the credential has a status of another kind than a token status list")
	o, ok := status.(map[string]any)
	if !ok || len(o) != 1 {
		return nil, true, unknown
	}
	member, ok := o["status_list"].(map[string]any)
	if !ok {
		return nil, true, unknown
	}
	list := object(member)
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

// MaxStatusList bounds a signed status list, in bytes: one of MaxStatusBytes that
// does not compress, in base64url twice.
const MaxStatusList = 2 << 20

// StatusList is a Token Status List (IETF draft-ietf-oauth-status-list, section
// 4), unpacked.
type StatusList struct {
	URI     string        // "sub": its own address
	Issued  time.Time     // "iat"
	Expires time.Time     // "exp"; zero: it does not say
	TTL     time.Duration // "ttl", for how long a copy may be kept before it is fetched again; 0: it does not say

	bits     int
	statuses []byte
}

// ParseStatusList reads a signed list of at most MaxStatusList bytes, checks that
// the issuer's key signed it, and unpacks it up to MaxStatusBytes. Whether it is
// current is for the caller to judge. The issuer may be nil where the ledger
// commits to the list's digest, and only there.
func ParseStatusList(token string, issuer *Key) (*StatusList, error) {
	jws, err := parseJWS(token, MaxStatusList)
	if err != nil {
		return nil, err
	}
	if issuer != nil {
		if err := jws.Verify(issuer); err != nil {
			return nil, err
		}
	}
	list, claims, err := readStatusList(jws)
	if err != nil {
		return nil, err
	}
	var there bool
	if list.Issued, there, err = claims.date("iat"); err != nil || !there {
		return nil, invalid("the status list does not say when it was issued")
	}
	if list.Expires, _, err = claims.date("exp"); err != nil {
		return nil, err
	}
	if _, there = claims["ttl"]; there {
		seconds, ok := claims.count("ttl")
		if !ok || seconds == 0 {
			return nil, invalid("the status list's time to live is no number of seconds")
		}
		list.TTL = time.Duration(seconds) * time.Second
	}
	return list, nil
}

func readStatusList(jws *JWS) (*StatusList, object, error) {
	claims, err := parseObject(jws.Payload)
	if err != nil || jws.Type != statusListType {
		return nil, nil, invalid("the status list is not a signed token status list")
	}
	uri, err := claims.text("sub")
	if err != nil || uri == "" {
		return nil, nil, invalid("the status list does not say which it is")
	}
	list, _ := claims["status_list"].(object)
	bits, ok := list.count("bits")
	if !ok || bits != 1 && bits != 2 && bits != 4 && bits != 8 {
		return nil, nil, invalid("the status list has no number of bits")
	}
	packed, err := list.text("lst")
	if err != nil {
		return nil, nil, invalid("the status list is empty")
	}
	statuses, err := unpack(packed)
	if err != nil {
		return nil, nil, err
	}
	return &StatusList{URI: uri, bits: bits, statuses: statuses}, claims, nil
}

// At returns the status at an index, 0 to 255; one before the list's begin or
// behind its end is invalid. It takes the same time wherever the index is.
func (l *StatusList) At(index int) (int, error) {
	perByte := 8 / l.bits
	if index < 0 || index/perByte >= len(l.statuses) {
		return 0, invalid("the status list does not reach to the credential")
	}
	return int(l.statuses[index/perByte] >> (index % perByte * l.bits) & (1<<l.bits - 1)), nil
}

// Size returns how many bytes the unpacked list takes.
func (l *StatusList) Size() int { return len(l.statuses) }

// Valid reads the credential's status from a signed Token Status List of at most
// MaxJWS bytes, and returns a Problem unless it is 0, "valid". That the list is
// the issuer's current one is for the caller to know, by its digest; so its
// signature and time are not looked at.
func (r *StatusRef) Valid(token string) error {
	jws, err := ParseJWS(token)
	if err != nil {
		return err
	}
	list, _, err := readStatusList(jws)
	if err != nil {
		return err
	}
	if list.URI != r.URI {
		return invalid("the status list is another one")
	}
	status, err := list.At(r.Index)
	if err != nil {
		return err
	}
	if status != 0 {
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

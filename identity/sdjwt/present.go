package sdjwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// BindingType is the "typ" header of a key binding.
const BindingType = "kb+jwt"

// Binding is what a holder signs when presenting.
type Binding struct {
	Audience string // who asks
	Nonce    string // what makes this presentation the answer to one question
	At       time.Time
}

// Present returns a presentation of a credential (as Issue returns it) that shows
// the named hidden claims and no other, bound by the holder's key (RFC 9901,
// section 4.3).
func Present(credential string, holder keys.Signer, show []string, b Binding) (string, error) {
	token, shown, err := choose(credential, show)
	if err != nil {
		return "", err
	}
	if err := boundTo(token, holder.JWK()); err != nil {
		return "", err
	}
	return bind(token, shown, holder, b)
}

// bind adds the holder's signature to what is shown.
func bind(token string, shown []string, holder keys.Signer, b Binding) (string, error) {
	bound := strings.Join(append([]string{token}, shown...), "~") + "~"
	payload, err := json.Marshal(struct {
		Issued   int64  `json:"iat"`
		Audience string `json:"aud"`
		Nonce    string `json:"nonce"`
		Hash     string `json:"sd_hash"`
	}{b.At.Unix(), b.Audience, b.Nonce, verify.Hash(bound)})
	if err != nil {
		return "", fmt.Errorf("encoding a key binding: %w", err)
	}
	binding, err := keys.Compact(holder, keys.Header{Type: BindingType}, payload)
	if err != nil {
		return "", err
	}
	return bound + binding, nil
}

// choose takes a credential apart and keeps the disclosures of the named claims.
func choose(credential string, show []string) (token string, shown []string, err error) {
	parts := strings.Split(credential, "~")
	last := len(parts) - 1
	if last < 1 || parts[last] != "" {
		return "", nil, errors.New("presenting: this is not a credential without a key binding")
	}
	found := 0
	for _, d := range parts[1:last] {
		name, err := nameOf(d)
		if err != nil {
			return "", nil, err
		}
		if slices.Contains(show, name) {
			shown = append(shown, d)
			found++
		}
	}
	if found != len(show) {
		return "", nil, errors.New("presenting: the credential does not hide every claim that is to be shown, once")
	}
	return parts[0], shown, nil
}

// nameOf returns the name of the claim that a disclosure discloses.
func nameOf(disclosure string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(disclosure)
	if err != nil {
		return "", fmt.Errorf("reading a disclosure: %w", err)
	}
	var list []any
	if err := json.Unmarshal(b, &list); err != nil {
		return "", fmt.Errorf("reading a disclosure: %w", err)
	}
	if len(list) != 3 {
		return "", errors.New("reading a disclosure: it is of an element, which is shown with its claim or not at all")
	}
	name, ok := list[1].(string)
	if !ok {
		return "", errors.New("reading a disclosure: its name is no text")
	}
	return name, nil
}

// boundTo finds out before a verifier does that a credential is another key's.
func boundTo(token string, key ledger.JWK) error {
	jws, err := verify.ParseJWS(token)
	if err != nil {
		return fmt.Errorf("reading a credential: %w", err)
	}
	var claims struct {
		Confirmation struct {
			JWK json.RawMessage `json:"jwk"`
		} `json:"cnf"`
	}
	if err := json.Unmarshal(jws.Payload, &claims); err != nil {
		return fmt.Errorf("reading a credential: %w", err)
	}
	bound, err := verify.ParseJWK(claims.Confirmation.JWK)
	if err != nil {
		return fmt.Errorf("reading a credential's key: %w", err)
	}
	if bound.JWK() != key {
		return errors.New("presenting: the credential is bound to another key")
	}
	return nil
}

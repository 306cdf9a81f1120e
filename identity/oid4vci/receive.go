package oid4vci

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// Receive asks for one credential for each holder's key (section 8), which the
// client checks before it hands them over. Without holders it asks for one that is
// bound to no key.
func (c *Client) Receive(ctx context.Context, s *Session, id string, holders ...keys.Signer) (*Receipt, error) {
	config, known := s.Remote.Issuer.Configurations[id]
	if !known || config.bound() != (len(holders) > 0) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the issuer does not issue this credential, or not for these keys")
	}
	if kind, there := config.ProofTypes[proofJWT]; config.bound() && len(config.ProofTypes) > 0 && (!there || kind.Attestations != nil) {
		return nil, ledger.Problemf(ledger.CodeDenied, "the issuer wants the wallet's maker to attest its keys, which nobody does for this one")
	}
	request, err := s.request(id)
	if err != nil {
		return nil, err
	}
	if len(holders) > 0 {
		nonce, err := c.nonce(ctx, s.Remote)
		if err != nil {
			return nil, err
		}
		proofs := make([]string, len(holders))
		for n, h := range holders {
			if proofs[n], err = c.proof(s.Remote, h, nonce); err != nil {
				return nil, err
			}
		}
		request["proofs"] = map[string]any{"jwt": proofs}
	}
	wanted := []Received{{Issuer: s.Remote.Issuer.Issuer, ID: id, Configuration: config}}
	for n, h := range holders {
		one := wanted[0]
		one.Holder = h.JWK()
		wanted = append(wanted[:n], one)
	}
	return c.receipt(ctx, s, s.Remote.Issuer.Credential, request, wanted)
}

// request names a credential as the token has it (section 8.2).
func (s *Session) request(id string) (map[string]any, error) {
	if len(s.token.Details) == 0 {
		return map[string]any{"credential_configuration_id": id}, nil
	}
	for _, d := range s.token.Details {
		if d.Configuration == id && len(d.Identifiers) > 0 {
			return map[string]any{"credential_identifier": d.Identifiers[0]}, nil
		}
	}
	return nil, ledger.Problemf(ledger.CodeInvalid, "the token is not for this credential")
}

// Collect asks again for what was deferred (section 9).
func (c *Client) Collect(ctx context.Context, s *Session, r *Receipt) (*Receipt, error) {
	if r.Transaction == "" || s.Remote.Issuer.Deferred == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "nothing was deferred")
	}
	return c.receipt(ctx, s, s.Remote.Issuer.Deferred, map[string]any{"transaction_id": r.Transaction}, r.wanted)
}

// Notify tells the issuer what became of what it issued (section 11). It does
// nothing when the issuer did not ask.
func (c *Client) Notify(ctx context.Context, s *Session, r *Receipt, event string) error {
	if r.Notification == "" || s.Remote.Issuer.Notification == "" {
		return nil
	}
	notice := map[string]any{"notification_id": r.Notification, "event": event}
	if _, err := c.send(ctx, s.Remote.Issuer.Notification, notice, s.token.AccessToken); err != nil {
		return fmt.Errorf("notifying the issuer: %w", err)
	}
	return nil
}

func (c *Client) nonce(ctx context.Context, r *Remote) (string, error) {
	if r.Issuer.Nonce == "" {
		return "", nil
	}
	b, err := c.post(ctx, r.Issuer.Nonce, nil, "")
	if err != nil {
		return "", fmt.Errorf("asking for a nonce: %w", err)
	}
	var answer NonceResponse
	err = decodeAnswer(b, &answer)
	return answer.Nonce, err
}

// proof makes a key proof (appendix F.1).
func (c *Client) proof(r *Remote, holder keys.Signer, nonce string) (string, error) {
	payload, err := json.Marshal(struct {
		Issuer   string `json:"iss,omitempty"`
		Audience string `json:"aud"`
		Issued   int64  `json:"iat"`
		Nonce    string `json:"nonce,omitempty"`
	}{c.ID, r.Issuer.Issuer, c.now().Unix(), nonce})
	if err != nil {
		return "", fmt.Errorf("encoding a key proof: %w", err)
	}
	jwk := holder.JWK()
	return keys.Compact(holder, keys.Header{Type: proofType, JWK: &jwk}, payload)
}

func (c *Client) receipt(ctx context.Context, s *Session, address string, request map[string]any, wanted []Received) (*Receipt, error) {
	b, err := c.ask(ctx, s, address, request)
	if err != nil {
		return nil, fmt.Errorf("asking for a credential: %w", err)
	}
	var answer struct {
		Credentials []struct {
			Credential json.RawMessage `json:"credential"`
		} `json:"credentials"`
		Transaction  string `json:"transaction_id"`
		Interval     int    `json:"interval"`
		Notification string `json:"notification_id"`
	}
	if err := decodeAnswer(b, &answer); err != nil {
		return nil, err
	}
	r := &Receipt{Notification: answer.Notification}
	if answer.Transaction != "" && len(answer.Credentials) == 0 {
		// A hostile interval is neither a flood nor for ever.
		r.After = time.Duration(min(max(answer.Interval, 1), int(GrantLife/time.Second))) * time.Second
		r.Transaction, r.wanted = answer.Transaction, wanted
		return r, nil
	}
	if len(answer.Credentials) != len(wanted) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the issuer issued another number of credentials than were asked for")
	}
	for n, one := range wanted {
		one.Credential = answer.Credentials[n].Credential
		if err := c.check(ctx, one); err != nil {
			return nil, fmt.Errorf("checking a credential: %w", err)
		}
		r.Credentials = append(r.Credentials, one)
	}
	return r, nil
}

// check refuses what was not asked for: of another type, or bound to another key.
func (c *Client) check(ctx context.Context, r Received) error {
	var err error
	switch r.Configuration.Format {
	case FormatSDJWT:
		err = checkSDJWT(r)
	case FormatJWT, FormatLDP:
		err = c.checkW3C(ctx, r)
	default:
		if c.Check == nil {
			err = ledger.Problemf(ledger.CodeInvalid, "the credential is of a format that cannot be checked")
		}
	}
	if err == nil && c.Check != nil {
		err = c.Check(ctx, r)
	}
	return err
}

var (
	errForm  = ledger.Problemf(ledger.CodeInvalid, "the credential is not in its form")
	errType  = ledger.Problemf(ledger.CodeInvalid, "the credential is of another type than was asked for")
	errBound = ledger.Problemf(ledger.CodeInvalid, "the credential is not bound to the key that it was asked for")
)

// checkSDJWT looks at an SD-JWT VC as its holder gets it: without a key binding.
func checkSDJWT(r Received) error {
	var s string
	if json.Unmarshal(r.Credential, &s) != nil {
		return errForm
	}
	parts := strings.Split(s, "~")
	if len(parts) < 2 || parts[len(parts)-1] != "" {
		return errForm
	}
	claims, err := payloadOf(parts[0])
	if err != nil {
		return err
	}
	if claims["vct"] != r.Configuration.Type {
		return errType
	}
	return boundBy(claims, r)
}

// payloadOf decodes the payload of a JWT that nobody has verified yet.
func payloadOf(jwt string) (map[string]any, error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return nil, errForm
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return nil, errForm
	}
	claims, err := verify.ParseObject(b, maxDepth)
	if err != nil {
		return nil, errForm
	}
	return claims, nil
}

// boundBy checks the key in "cnf" (RFC 7800, section 3.2).
func boundBy(claims map[string]any, r Received) error {
	if !r.Configuration.bound() {
		return nil
	}
	cnf, _ := claims["cnf"].(map[string]any)
	b, err := json.Marshal(cnf["jwk"])
	if err != nil {
		return errBound
	}
	key, err := verify.ParseJWK(b)
	if err != nil || key.JWK() != r.Holder {
		return errBound
	}
	return nil
}

// checkW3C looks at a credential of the W3C's model, a JWT or an object.
func (c *Client) checkW3C(ctx context.Context, r Received) error {
	claims, vc, err := r.w3c()
	if err != nil {
		return err
	}
	var types []string
	switch t := vc["type"].(type) {
	case string:
		types = []string{t}
	case []any:
		for _, one := range t {
			if s, ok := one.(string); ok {
				types = append(types, s)
			}
		}
	}
	if r.Configuration.Definition == nil || !containsAll(types, r.Configuration.Definition.Type) {
		return errType
	}
	if !r.Configuration.bound() {
		return nil
	}
	if _, there := claims["cnf"]; there {
		return boundBy(claims, r)
	}
	did, _ := claims["sub"].(string)
	if subject, ok := vc["credentialSubject"].(map[string]any); ok && did == "" {
		did, _ = subject["id"].(string)
	}
	if did == "" || c.KeyOf == nil {
		return errBound
	}
	key, err := c.KeyOf(ctx, did)
	if err != nil || key != r.Holder {
		return errBound
	}
	return nil
}

// w3c returns the claims of a credential and the credential in them.
func (r Received) w3c() (claims, vc map[string]any, err error) {
	if r.Configuration.Format == FormatLDP {
		vc, err = verify.ParseObject(r.Credential, maxDepth)
		return nil, vc, err
	}
	var s string
	if json.Unmarshal(r.Credential, &s) != nil {
		return nil, nil, errForm
	}
	if claims, err = payloadOf(s); err != nil {
		return nil, nil, err
	}
	vc, ok := claims["vc"].(map[string]any) // VC 1.1, section 6.3.1
	if !ok {
		vc = claims // VC-JOSE-COSE
	}
	return claims, vc, nil
}

func containsAll(list, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(s string) bool { return !slices.Contains(list, s) })
}

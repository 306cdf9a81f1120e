package vc

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/doc/verifiable"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// typeJWT is the "typ" of a credential or presentation in a JWT (VCDM 1.1,
// section 6.3.1).
const typeJWT = "JWT"

// confirmation is the holder's key (RFC 7800, section 3.2).
type confirmation struct {
	JWK *ledger.JWK `json:"jwk"`
}

// IssueJWT makes a credential of the data model 1.1 as a JWT (VCDM 1.1, section
// 6.3.1). aries maps the model to claims; "cnf" stands beside them.
func IssueJWT(contexts *Contexts, issuer keys.Signer, c Credential) (string, error) {
	d, err := c.document(ContextV1, "")
	if err != nil {
		return "", err
	}
	// The data model has any number of statuses (section 4.9), aries one.
	status, hasStatus := d["credentialStatus"]
	delete(d, "credentialStatus")
	model, err := d.aries(contexts)
	if err != nil {
		return "", err
	}
	mapped, err := model.JWTClaims(false)
	if err != nil {
		return "", fmt.Errorf("mapping a credential to claims: %w", err)
	}
	if hasStatus {
		mapped.VC["credentialStatus"] = status
	}
	claims := struct {
		*verifiable.JWTCredClaims
		Issued  int64         `json:"iat"` // aries would say when the credential begins
		Confirm *confirmation `json:"cnf,omitempty"`
		Status  any           `json:"status,omitempty"`
	}{JWTCredClaims: mapped, Issued: c.Issued.Unix()}
	if c.Key != nil {
		if _, err := verify.NewKey(*c.Key); err != nil {
			return "", fmt.Errorf("issuing a credential: its holder: %w", err)
		}
		claims.Confirm = &confirmation{c.Key}
	}
	if c.Token != nil {
		claims.Status = map[string]any{"status_list": map[string]any{"idx": c.Token.Index, "uri": c.Token.URI}}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encoding claims: %w", err)
	}
	return keys.Compact(issuer, keys.Header{Type: typeJWT, KeyID: c.KeyID}, payload)
}

// VerifyJWT checks a credential in a JWT. Its contexts need not be known: all that
// it says is signed as it stands, and means what its type's schema says.
func (v *Verifier) VerifyJWT(ctx context.Context, token string, at time.Time) (*Verified, error) {
	j, claims, err := parseJWT(token)
	if err != nil {
		return nil, err
	}
	issuer, err := claims.required("iss")
	if err != nil {
		return nil, err
	}
	key, err := find(ctx, v.Issuers, issuer, fullKeyID(issuer, j.KeyID), at)
	if err != nil {
		return nil, err
	}
	if err := j.Verify(key); err != nil {
		return nil, verify.InPart(verify.PartSignature, err)
	}
	d, err := claims.credential()
	if err != nil {
		return nil, err
	}
	c, err := readModel(d, ContextV1)
	if err != nil {
		return nil, err
	}
	c.Format = FormatJWT
	c.Proof = Proof{Type: key.Algorithm(), KeyID: fullKeyID(issuer, j.KeyID)}
	if c.Proof.Created, err = claims.seconds("iat"); err != nil {
		return nil, err
	}
	if c.Key, err = claims.confirmed(); err != nil {
		return nil, err
	}
	if c.Token, _, err = verify.StatusOf(claims); err != nil {
		return nil, err
	}
	if err := c.current(at, v.Skew); err != nil {
		return nil, err
	}
	return c, nil
}

// parseJWT takes a JWT apart and reads its claims.
func parseJWT(token string) (*verify.JWS, document, error) {
	j, err := verify.ParseJWS(token)
	if err != nil {
		return nil, nil, err
	}
	if j.Type != "" && j.Type != typeJWT {
		return nil, nil, invalid("the token is of another type")
	}
	claims, err := parseDocument(j.Payload)
	return j, claims, err
}

// fullKeyID resolves a "kid" that is a fragment against its issuer (DID Core,
// section 3.2.2). It must be there: without it, any of an issuer's keys would do.
func fullKeyID(issuer, kid string) string {
	if len(kid) > 0 && kid[0] == '#' {
		return issuer + kid
	}
	return kid
}

// credential maps the claims back to the model (VCDM 1.1, section 6.3.1). What is
// said twice must be said alike.
func (d document) credential() (document, error) {
	inner, err := d.object("vc")
	if err != nil {
		return nil, err
	}
	out := inner.without("proof")
	if len(out) != len(inner) {
		return nil, invalid("a credential in a JWT has no other proof")
	}
	issuer, err := d.required("iss")
	if err != nil {
		return nil, err
	}
	if _, there := inner["issuer"]; !there {
		out["issuer"] = issuer
	} else if said, err := inner.issuer(); err != nil || said != issuer {
		return nil, invalid("the token is by another issuer than its credential")
	}
	if err := d.merge(out, "jti", "id"); err != nil {
		return nil, err
	}
	if err := d.mergeSubject(out); err != nil {
		return nil, err
	}
	for claim, name := range map[string]string{"nbf": "issuanceDate", "exp": "expirationDate"} {
		if err := d.mergeDate(out, claim, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// merge takes a registered claim for a member of the credential.
func (d document) merge(out document, claim, name string) error {
	s, err := d.text(claim)
	if err != nil || s == "" {
		return err
	}
	if said, there := out[name]; there && said != s {
		return invalid("the token's %q is not its credential's %q", claim, name)
	}
	out[name] = s
	return nil
}

func (d document) mergeSubject(out document) error {
	subjects, err := out.objects("credentialSubject")
	if err != nil || len(subjects) != 1 {
		return invalid("the credential must have one subject")
	}
	subject := document(subjects[0]).without("")
	if err := d.merge(subject, "sub", "id"); err != nil {
		return err
	}
	out["credentialSubject"] = map[string]any(subject)
	return nil
}

func (d document) mergeDate(out document, claim, name string) error {
	t, err := d.seconds(claim)
	if err != nil || t.IsZero() {
		return err
	}
	said, err := out.date(name)
	if err != nil {
		return err
	}
	if !said.IsZero() && !said.Truncate(time.Second).Equal(t) {
		return invalid("the token's %q is not its credential's %q", claim, name)
	}
	out[name] = stamp(t)
	return nil
}

// seconds returns a claim that must be a time in whole seconds when it is there
// (RFC 7519, section 2).
func (d document) seconds(claim string) (time.Time, error) {
	v, there := d[claim]
	if !there {
		return time.Time{}, nil
	}
	const last = 253402300799 // end of the year 9999
	number, _ := v.(json.Number)
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || n < 1 || n > last {
		return time.Time{}, invalid("%q must be a time in whole seconds", claim)
	}
	return time.Unix(n, 0).UTC(), nil
}

// confirmed returns the key in "cnf", nil when there is no "cnf".
func (d document) confirmed() (*ledger.JWK, error) {
	if _, there := d["cnf"]; !there {
		return nil, nil //nolint:nilnil // it is bound to no key of its own
	}
	cnf, err := d.object("cnf")
	if err != nil {
		return nil, err
	}
	jwk, err := cnf.object("jwk")
	if err != nil || len(cnf) != 1 {
		return nil, invalid("the credential is not bound to one key")
	}
	b, err := json.Marshal(jwk)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	key, err := verify.ParseJWK(b)
	if err != nil {
		return nil, err
	}
	k := key.JWK()
	return &k, nil
}

package statetest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Person is somebody whose credentials come from one issuer.
type Person struct {
	Issuer    string  // DID
	IssuerKey *DIDKey // of its document, for assertions
	Key       *DIDKey // the person's own
}

// Employ gives an organisation of a seeded ledger an issuer, whom the members
// accept for these types of credential, and a person with such credentials.
func (l *Ledger) Employ(org string, credentialTypes ...string) (*Person, error) {
	const label = "care"
	p := &Person{IssuerKey: NewDIDKey("key-1", org+label), Key: NewDIDKey("holder", org+label)}
	var err error
	if p.Issuer, err = l.CreateIssuer(org, label, p.IssuerKey); err != nil {
		return nil, fmt.Errorf("creating an issuer: %w", err)
	}
	for _, vct := range credentialTypes {
		if err := l.Accept(p.Issuer, vct); err != nil {
			return nil, fmt.Errorf("accepting an issuer: %w", err)
		}
	}
	return p, nil
}

// Colleague is another person of the same issuer.
func (p *Person) Colleague(name string) *Person {
	other := *p
	other.Key = NewDIDKey("holder", p.Issuer+name)
	return &other
}

// Order is the transaction that persons are asked to agree to.
type Order struct {
	Name       string
	Request    any
	Record     ledger.Key
	Revision   int    // of the record
	Credential string // type of the persons' credentials
	Occasion   int    // tells apart orders that are the same otherwise: each has a nonce of its own
}

// Agreed returns the transient map of a proposal to which the persons agree, as
// of the ledger's time.
func (l *Ledger) Agreed(o Order, persons ...*Person) map[string][]byte {
	statements := make([]ledger.HolderStatement, len(persons))
	for i, p := range persons {
		statements[i] = p.agree(o, l.Now())
	}
	b, err := ledger.EncodeStatements(statements...)
	if err != nil {
		panic(err)
	}
	return map[string][]byte{ledger.TransientStatements: b}
}

// agree signs the order's statement by a presentation of an SD-JWT VC with key
// binding (RFC 9901) that discloses nothing.
func (p *Person) agree(o Order, now time.Time) ledger.HolderStatement {
	request, err := json.Marshal(o.Request)
	if err != nil {
		panic(err)
	}
	nonce := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s", p.Key.JWK.X, now.UnixNano(), o.Occasion, request))
	s := ledger.Statement{
		V: ledger.StatementVersion, Network: Network, Channel: Channel, Chaincode: ledger.ChaincodeName,
		Function: o.Name, Request: ledger.BodyDigest(request), Record: ledger.KeyDigest(o.Record), Revision: o.Revision,
		Nonce: base64.RawURLEncoding.EncodeToString(nonce[:]), Expires: now.UTC().Add(5 * time.Minute).Format(ledger.StatementTime),
	}
	challenge, err := s.Challenge()
	if err != nil {
		panic(err)
	}
	credential := p.IssuerKey.JWS("dc+sd-jwt", p.Issuer+"#"+p.IssuerKey.ID, object(map[string]any{
		"iss": p.Issuer, "vct": o.Credential, "iat": now.Unix() - 60, "exp": now.Unix() + 3600,
		"cnf": map[string]any{"jwk": p.Key.JWK},
	})) + "~"
	shown := sha256.Sum256([]byte(credential))
	binding := p.Key.JWS("kb+jwt", "", object(map[string]any{
		"aud": ledger.StatementAudience(Network, Channel), "nonce": challenge, "iat": now.Unix(),
		"sd_hash": base64.RawURLEncoding.EncodeToString(shown[:]),
	}))
	return ledger.HolderStatement{Statement: s, Presentation: credential + binding}
}

func object(members map[string]any) []byte {
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return b
}

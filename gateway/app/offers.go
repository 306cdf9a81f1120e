package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// offerLife is how long an offer waits to be taken.
const offerLife = 24 * time.Hour

// configurationID names a type in a format to wallets. One with the issuer's
// certificate has another name: a wallet that does not know the issuer's root takes
// it by its DID. So has one that is signed in another way than is usual.
func configurationID(t *catalogue.Type, f catalogue.Format, s catalogue.Suite, certified bool) string {
	id := t.Name + "_" + string(f)
	if s != "" && s != catalogue.RDFC2022 {
		id += "_" + string(s)
	}
	if certified && desk.Certifies(t, f) {
		id += "_x5c"
	}
	return id
}

// issuedFormats are the formats that the desk issues.
var issuedFormats = []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD, catalogue.MDoc}

// configurations are the credentials that an organisation of a kind issues, as
// wallets are told of them. Those with BBS+ are among them where the node has keys
// for it.
func configurations(kind string, bbs bool) map[string]oid4vci.Configuration {
	out := map[string]oid4vci.Configuration{}
	for _, t := range catalogue.Types() {
		if !t.By(kind) {
			continue
		}
		for _, f := range issuedFormats {
			if !t.In(f) {
				continue
			}
			for _, certified := range []bool{false, true} {
				id := configurationID(t, f, "", certified)
				out[id] = configuration(t, f, "", id)
			}
		}
		for _, s := range t.Suites {
			if s == catalogue.BBS && !bbs {
				continue
			}
			id := configurationID(t, catalogue.LD, s, false)
			out[id] = configuration(t, catalogue.LD, s, id)
		}
	}
	return out
}

func configuration(t *catalogue.Type, f catalogue.Format, suite catalogue.Suite, id string) oid4vci.Configuration {
	c := oid4vci.Configuration{Format: string(f), Scope: id, Metadata: &oid4vci.Metadata{}}
	switch f {
	case catalogue.SDJWT:
		c.Type, c.SigningAlgorithms, c.BindingMethods = t.Name, []any{"ES256"}, []string{"jwk"}
	case catalogue.MDoc:
		const es256, esp256 = -7, -9 // the same algorithm's old and new number (RFC 9864)
		c.DocType, c.SigningAlgorithms, c.BindingMethods = t.DocType, []any{es256, esp256}, []string{"cose_key"}
	case catalogue.JWT:
		c.Definition = &oid4vci.Definition{Type: t.W3C}
		c.SigningAlgorithms, c.BindingMethods = []any{"ES256"}, []string{"jwk", "did:jwk", "did:key"}
	case catalogue.LD:
		linked(&c, t, suite)
	}
	for _, locale := range catalogue.Locales {
		c.Metadata.Display = append(c.Metadata.Display, oid4vci.Display{
			Name: t.Display.Name.In(locale), Locale: locale, BackgroundColor: t.Display.Background, TextColor: t.Display.Foreground,
		})
	}
	for _, claim := range t.Claims {
		path := []any{claim.Name}
		switch f {
		case catalogue.JWT, catalogue.LD:
			path = []any{"credentialSubject", claim.Name}
		case catalogue.MDoc:
			path = []any{t.DocType, claim.Name}
		}
		described := oid4vci.Claim{Path: path}
		for _, locale := range catalogue.Locales {
			described.Display = append(described.Display, oid4vci.Display{Name: claim.Label.In(locale), Locale: locale})
		}
		c.Metadata.Claims = append(c.Metadata.Claims, described)
	}
	return c
}

// linked describes a credential in the format LD.
func linked(c *oid4vci.Configuration, t *catalogue.Type, s catalogue.Suite) {
	c.SigningAlgorithms, c.BindingMethods = []any{string(s)}, []string{"did:jwk"}
	c.Definition = &oid4vci.Definition{Type: t.W3C}
	switch s {
	case catalogue.Ed25519:
		// Who presents it signs with the same suite, which has keys of one kind.
		c.ProofAlgorithms = []string{verify.AlgEdDSA}
		c.Definition.Context = slices.Concat([]string{vc.ContextV1}, t.Contexts, []string{vc.ContextStatus, vc.ContextEd25519})
	case catalogue.BBS:
		c.BindingMethods = nil
		c.Definition.Context = slices.Concat([]string{vc.ContextV1}, t.Contexts, []string{vc.ContextBBS})
	default:
		c.SigningAlgorithms = []any{string(catalogue.RDFC2022)}
		c.Definition.Context = append([]string{vc.ContextV2}, t.Contexts...)
	}
}

// offered is what an offer is made with, and comes back when a wallet takes it.
type offered struct {
	ID        string                      `json:"id"` // drawn
	Type      string                      `json:"type"`
	Formats   map[string]catalogue.Format `json:"formats"` // by configuration
	Claims    map[string]any              `json:"claims"`
	Reference string                      `json:"reference"`
	Life      time.Duration               `json:"life"`
	Certified bool                        `json:"certified,omitempty"`
	Turn      int64                       `json:"turn,omitempty"` // of the reference
	Suite     catalogue.Suite             `json:"suite,omitempty"`
	Person    string                      `json:"person,omitempty"` // who alone may take it, as the provider has it; empty: whoever has the link
}

// conformity is the type of certificates of conformity.
const conformity = "DeviceCertification"

// credentials is the desk as /v1 sees it.
type credentials struct {
	*identity
	store    *store.Store
	controls *controls
}

// Offer offers a credential to whoever gets the link, or to one person.
func (c credentials) Offer(ctx context.Context, order desk.Order, how rest.Offering) (*oid4vci.Made, error) {
	if how.Person != "" && c.people == nil {
		return nil, c.nobodySignsIn()
	}
	formats := how.Formats
	t, ok := catalogue.Find(order.Type)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the catalogue has no such type")
	}
	if len(formats) == 0 && order.Suite != "" {
		formats = []catalogue.Format{catalogue.LD}
	}
	if len(formats) == 0 {
		for _, f := range issuedFormats {
			if t.In(f) && order.Life <= desk.MaxLife(t, f, "") {
				formats = append(formats, f)
			}
		}
	}
	if t.Name == conformity {
		var err error
		if order.Claims, order.Life, err = c.controls.conform(ctx, c.name.Org, order.Claims, order.Life); err != nil {
			return nil, err
		}
	}
	turn, err := c.desk.Turn(ctx, order.Reference)
	if err != nil {
		return nil, err
	}
	subject := offered{
		Turn: turn, ID: rand.Text(), Type: t.Name, Formats: map[string]catalogue.Format{}, Claims: order.Claims, Reference: order.Reference, Life: order.Life,
		Certified: order.Certified, Suite: order.Suite, Person: how.Person,
	}
	var ids []string
	for _, f := range formats {
		order.Format, order.Certified = f, subject.Certified && desk.Certifies(t, f)
		if err := c.desk.Check(order); err != nil {
			return nil, err
		}
		id := configurationID(t, f, order.Suite, order.Certified)
		if _, twice := subject.Formats[id]; !twice {
			ids, subject.Formats[id] = append(ids, id), f
		}
	}
	b, err := json.Marshal(subject)
	if err != nil {
		return nil, fmt.Errorf("encoding an offer: %w", err)
	}
	return c.issuer.Offer(ctx, oid4vci.OfferRequest{Configurations: ids, Subject: b, Life: offerLife, TxCode: how.TxCode, Code: how.Person != ""})
}

// Credentials lists what was issued.
func (c credentials) Credentials(ctx context.Context, credentialType, reference string, page ledger.PageRequest) ([]desk.Record, string, error) {
	return c.store.Credentials(ctx, credentialType, reference, page)
}

// SetStatus revokes, suspends or reinstates. With a credential that is taken back ends
// the offer by which it came, which would give the same wallet more of them.
func (c credentials) SetStatus(ctx context.Context, id string, to status.Status) (*desk.Record, error) {
	return c.desk.SetStatus(ctx, id, to)
}

// SetReference revokes, suspends or reinstates all that was issued under a reference.
// With what is taken back end the offers that were made under it, taken or not.
func (c credentials) SetReference(ctx context.Context, reference string, to status.Status) (changed, rest []desk.Record, err error) {
	return c.desk.SetReference(ctx, reference, to)
}

// Rotate makes new keys for the issuer.
func (c credentials) Rotate(ctx context.Context, which string) error { return c.rotate(ctx, which) }

// Lasting verifies the lasting signature of a certificate, by the ledger's word.
func (c credentials) Lasting(ctx context.Context, format catalogue.Format, certificate []byte) (*rest.LastingSignature, error) {
	key, err := c.durable.Verify(ctx, format, certificate)
	if err != nil {
		return nil, err
	}
	return &rest.LastingSignature{Algorithm: verify.AlgMLDSA65, Key: key}, nil
}

// issue makes what a wallet came for.
func (i *identity) issue(ctx context.Context, o oid4vci.Order) ([]oid4vci.Issued, error) {
	var subject offered
	if err := json.Unmarshal(o.Subject, &subject); err != nil {
		return nil, fmt.Errorf("reading an offer: %w", err)
	}
	format, ok := subject.Formats[o.Configuration]
	t, known := catalogue.Find(subject.Type)
	if !ok || !known {
		return nil, ledger.Problemf(ledger.CodeDenied, "the offer is of another credential")
	}
	issued, err := i.desk.Issue(ctx, desk.Order{
		Type: subject.Type, Format: format, Claims: subject.Claims, Reference: subject.Reference, Life: subject.Life, Holders: o.Holders, Names: o.Names,
		Certified: subject.Certified && desk.Certifies(t, format), Suite: subject.Suite, Offer: subject.ID, Turn: subject.Turn,
	})
	if err != nil {
		return nil, err
	}
	out := make([]oid4vci.Issued, len(issued))
	for k, one := range issued {
		switch credential := one.Credential.(type) {
		case string:
			out[k].Text = credential
		case json.RawMessage:
			if err := json.Unmarshal(credential, &out[k].Object); err != nil {
				return nil, fmt.Errorf("reading a credential of ours: %w", err)
			}
		}
	}
	return out, nil
}

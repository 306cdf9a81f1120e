package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/status"
)

// offerLife is how long an offer waits to be taken.
const offerLife = 24 * time.Hour

// configurationID names a type in a format to wallets. One with the issuer's
// certificate has another name: a wallet that does not know the issuer's root takes
// it by its DID.
func configurationID(t *catalogue.Type, f catalogue.Format, certified bool) string {
	id := t.Name + "_" + string(f)
	if certified && desk.Certifies(t, f) {
		id += "_x5c"
	}
	return id
}

// issuedFormats are the formats that the desk issues.
var issuedFormats = []catalogue.Format{catalogue.SDJWT, catalogue.JWT, catalogue.LD, catalogue.MDoc}

// configurations are the credentials that an organisation of a kind issues, as
// wallets are told of them.
func configurations(kind string) map[string]oid4vci.Configuration {
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
				id := configurationID(t, f, certified)
				out[id] = configuration(t, f, id)
			}
		}
	}
	return out
}

func configuration(t *catalogue.Type, f catalogue.Format, id string) oid4vci.Configuration {
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
		c.Definition = &oid4vci.Definition{Context: append([]string{"https://www.w3.org/ns/credentials/v2"}, t.Contexts...), Type: t.W3C}
		c.SigningAlgorithms, c.BindingMethods = []any{"eddsa-rdfc-2022"}, []string{"did:jwk"}
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

// offered is what an offer is made with, and comes back when a wallet takes it.
type offered struct {
	ID        string                      `json:"id"` // drawn
	Type      string                      `json:"type"`
	Formats   map[string]catalogue.Format `json:"formats"` // by configuration
	Claims    map[string]any              `json:"claims"`
	Reference string                      `json:"reference"`
	Life      time.Duration               `json:"life"`
	Certified bool                        `json:"certified,omitempty"`
}

// credentials is the desk as /v1 sees it.
type credentials struct {
	*identity
	store *store.Store
}

// Offer offers a credential to whoever gets the link.
func (c credentials) Offer(ctx context.Context, order desk.Order, formats []catalogue.Format, txCode bool) (*oid4vci.Made, error) {
	t, ok := catalogue.Find(order.Type)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the catalogue has no such type")
	}
	if len(formats) == 0 {
		for _, f := range issuedFormats {
			if t.In(f) && order.Life <= desk.MaxLife(t, f) {
				formats = append(formats, f)
			}
		}
	}
	subject := offered{
		ID: rand.Text(), Type: t.Name, Formats: map[string]catalogue.Format{}, Claims: order.Claims, Reference: order.Reference, Life: order.Life,
		Certified: order.Certified,
	}
	var ids []string
	for _, f := range formats {
		order.Format, order.Certified = f, subject.Certified && desk.Certifies(t, f)
		if err := c.desk.Check(order); err != nil {
			return nil, err
		}
		id := configurationID(t, f, order.Certified)
		if _, twice := subject.Formats[id]; !twice {
			ids, subject.Formats[id] = append(ids, id), f
		}
	}
	b, err := json.Marshal(subject)
	if err != nil {
		return nil, fmt.Errorf("encoding an offer: %w", err)
	}
	return c.issuer.Offer(ctx, oid4vci.OfferRequest{Configurations: ids, Subject: b, Life: offerLife, TxCode: txCode})
}

// Credentials lists what was issued.
func (c credentials) Credentials(ctx context.Context, credentialType, reference string, page ledger.PageRequest) ([]desk.Record, string, error) {
	return c.store.Credentials(ctx, credentialType, reference, page)
}

// SetStatus revokes, suspends or reinstates. With a credential that is taken back ends
// the offer by which it came, which would give the same wallet more of them.
func (c credentials) SetStatus(ctx context.Context, id string, to status.Status) (*desk.Record, error) {
	if to != status.Valid {
		if err := c.endOffer(ctx, id); err != nil {
			return nil, err
		}
	}
	return c.desk.SetStatus(ctx, id, to)
}

// Rotate makes new keys for the issuer.
func (c credentials) Rotate(ctx context.Context, which string) error { return c.rotate(ctx, which) }

// The kinds of what is kept of offers that were taken, while they go on.
const (
	flowCopy  = "offer.copy"  // a credential's offer, by the credential's id
	flowEnded = "offer.ended" // that an offer has ended, by its id
)

// flowKey is the key of a name that is no secret.
func flowKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// endOffer has the offer give nothing more by which a credential came.
func (i *identity) endOffer(ctx context.Context, credential string) error {
	offer, err := i.flows.Flow(ctx, flowCopy, flowKey(credential))
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil // it has ended by itself
	}
	if err != nil {
		return fmt.Errorf("finding a credential's offer: %w", err)
	}
	err = i.flows.CreateFlow(ctx, flowEnded, flowKey(string(offer)), []byte("{}"), time.Now().Add(oid4vci.GrantLife))
	if err != nil && ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		return fmt.Errorf("ending an offer: %w", err)
	}
	return nil
}

// goesOn refuses an offer of which something was taken back.
func (i *identity) goesOn(ctx context.Context, o *offered) error {
	_, err := i.flows.Flow(ctx, flowEnded, flowKey(o.ID))
	switch ledger.CodeOf(err) {
	case ledger.CodeNotFound:
		return nil
	case "":
		return ledger.Problemf(ledger.CodeDenied, "the offer has ended: what it gave was taken back")
	}
	return fmt.Errorf("reading whether an offer goes on: %w", err)
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
	if err := i.goesOn(ctx, &subject); err != nil {
		return nil, err
	}
	issued, err := i.desk.Issue(ctx, desk.Order{
		Type: subject.Type, Format: format, Claims: subject.Claims, Reference: subject.Reference, Life: subject.Life, Holders: o.Holders,
		Certified: subject.Certified && desk.Certifies(t, format),
	})
	if err != nil {
		return nil, err
	}
	out := make([]oid4vci.Issued, len(issued))
	for k, one := range issued {
		err := i.flows.CreateFlow(ctx, flowCopy, flowKey(one.Record.ID), []byte(subject.ID), time.Now().Add(oid4vci.GrantLife))
		if err != nil {
			return nil, fmt.Errorf("keeping a credential's offer: %w", err)
		}
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

package desk

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// Order is a credential to issue.
type Order struct {
	Type      string
	Format    catalogue.Format
	Claims    map[string]any
	Reference string        // see Record; at most MaxReference bytes
	Life      time.Duration // 0: the type's own
	Holders   []ledger.JWK  // each gets a copy of its own
	// Certified is for an SD-JWT VC that carries the issuer's certificate, as HAIP
	// wants it. Verifiers that know the issuer by its DID take it as well.
	Certified bool
}

// MaxReference bounds a reference, in bytes.
const MaxReference = 64

// maxCopies bounds how many copies one order makes.
const maxCopies = 16

// Issued is one credential as its holder gets it: text, or a JSON object for
// catalogue.LD. An mdoc is base64url of an IssuerSigned.
type Issued struct {
	Record     Record
	Credential any
}

// MaxLife returns for how long at most a credential of a type is issued in a format.
func MaxLife(t *catalogue.Type, f catalogue.Format) time.Duration {
	if f == catalogue.MDoc {
		return min(t.MaxLife, certificate.MaxCredential)
	}
	return t.MaxLife
}

// Certifies reports whether credentials of a type and format may carry the issuer's
// certificate beside its key's id. Those of statements may not: the ledger keeps
// them, and takes bare headers only.
func Certifies(t *catalogue.Type, f catalogue.Format) bool {
	return f == catalogue.SDJWT && !ofStatements(t)
}

// Check returns a Problem when an order could not be issued, whoever the holders.
func (d *Desk) Check(o Order) error {
	t, ok := catalogue.Find(o.Type)
	switch {
	case !ok || !t.By(d.o.Kind):
		return ledger.Problemf(ledger.CodeInvalid, "an organisation of the kind %s issues no credential of that type", d.o.Kind)
	case !t.In(o.Format):
		return ledger.Problemf(ledger.CodeInvalid, "the type is not issued in that format; it has %v", t.Formats)
	case o.Life < 0 || o.Life > MaxLife(t, o.Format):
		return ledger.Problemf(ledger.CodeInvalid, "a credential of the type lasts %s at most in that format", MaxLife(t, o.Format))
	case len(o.Reference) > MaxReference:
		return ledger.Problemf(ledger.CodeInvalid, "a reference has at most %d bytes", MaxReference)
	}
	if o.Certified && !Certifies(t, o.Format) {
		return ledger.Problemf(ledger.CodeInvalid, "the credential carries no certificate in that type and format")
	}
	for _, c := range t.Claims {
		if value, stated := o.Claims[c.Name]; c.Issuer && stated && value != d.o.Organisation {
			return ledger.Problemf(ledger.CodeInvalid, "the claim %s names the issuing organisation, and no other", c.Name)
		}
	}
	return inClaims(catalogue.Validate(t.Name, o.Claims))
}

// inClaims says that the faults of a problem are the claims'.
func inClaims(err error) error {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok {
		return err
	}
	placed := &ledger.Problem{Code: p.Code, Detail: p.Detail}
	for _, f := range p.Faults {
		f.Field = strings.TrimSuffix("claims."+f.Field, ".")
		placed.Faults = append(placed.Faults, f)
	}
	return placed
}

// Issue makes a copy of the credential for each holder. The copies have places of
// their own in the status list and nothing in common but their claims.
func (d *Desk) Issue(ctx context.Context, o Order) ([]Issued, error) {
	if err := d.Check(o); err != nil {
		return nil, err
	}
	if len(o.Holders) == 0 || len(o.Holders) > maxCopies {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a credential goes to 1 to %d keys of its holder", maxCopies)
	}
	t, _ := catalogue.Find(o.Type)
	life := o.Life
	if life == 0 {
		life = min(t.Life, MaxLife(t, o.Format))
	}
	now := d.o.Now().UTC().Truncate(time.Second)
	issued, records := make([]Issued, len(o.Holders)), make([]Record, len(o.Holders))
	for i, holder := range o.Holders {
		index, err := d.list.Allocate()
		if err != nil {
			return nil, fmt.Errorf("finding a place in the status list: %w", err)
		}
		id := make([]byte, 16)
		if _, err := rand.Read(id); err != nil {
			return nil, fmt.Errorf("drawing an id: %w", err)
		}
		records[i] = Record{
			ID: hex.EncodeToString(id), Type: t.Name, Format: o.Format, Reference: o.Reference,
			Holder: holder.Thumbprint(), Index: index, Issued: now, Expires: now.Add(life),
		}
		credential, err := d.make(t, o, holder, &records[i])
		if err != nil {
			return nil, err
		}
		issued[i] = Issued{records[i], credential}
	}
	// Kept before they are handed out: what cannot be revoked must not exist.
	if err := d.o.Store.AddCredentials(ctx, records); err != nil {
		return nil, fmt.Errorf("keeping what is issued: %w", err)
	}
	return issued, nil
}

func (d *Desk) make(t *catalogue.Type, o Order, holder ledger.JWK, r *Record) (any, error) {
	key, err := d.key(o.Format)
	if err != nil {
		return nil, fmt.Errorf("finding the issuer's key: %w", err)
	}
	name := d.name(t)
	keyID := name + "#" + key.ID()
	switch o.Format {
	case catalogue.SDJWT:
		open, hidden := map[string]any{}, maps.Clone(o.Claims)
		for _, claim := range t.Open() {
			if value, stated := hidden[claim]; stated {
				open[claim] = value
				delete(hidden, claim)
			}
		}
		var chain []*x509.Certificate
		if o.Certified {
			if chain, err = d.o.Chain(key, r.Issued); err != nil {
				return nil, fmt.Errorf("finding the issuer's certificate: %w", err)
			}
			// Wallets that look at certificates want an https address among their names.
			name, keyID = d.o.Home, d.o.Home+"#"+key.ID()
		}
		return sdjwt.Issue(key, sdjwt.Credential{
			Chain: chain, Issuer: name, KeyID: keyID, Type: t.Name, Holder: holder, Issued: r.Issued, Expires: r.Expires,
			Status: &sdjwt.Status{URI: d.address(listToken), Index: r.Index}, Open: open, Hidden: hidden,
		})
	case catalogue.MDoc:
		return d.mdoc(key, t, o, holder, r)
	case catalogue.JWT, catalogue.LD:
		c, err := d.w3c(t, o, holder, r)
		if err != nil {
			return nil, err
		}
		c.Issuer, c.KeyID = name, keyID
		if o.Format == catalogue.JWT {
			c.Key = &holder
			return vc.IssueJWT(d.o.Contexts, key, c)
		}
		b, err := vc.Issue(d.o.Contexts, key, c)
		return json.RawMessage(b), err
	}
	return nil, ledger.Problemf(ledger.CodeInvalid, "the format %s is not issued here", o.Format)
}

// mdoc makes the credential as an mdoc, in base64url as it travels (OpenID4VCI 1.0,
// appendix A.2.4).
func (d *Desk) mdoc(key *keys.Key, t *catalogue.Type, o Order, holder ledger.JWK, r *Record) (string, error) {
	chain, err := d.o.Chain(key, r.Issued)
	if err != nil {
		return "", fmt.Errorf("finding the issuer's certificate: %w", err)
	}
	elements := maps.Clone(o.Claims)
	for _, name := range t.Days() {
		if day, ok := elements[name].(string); ok {
			elements[name] = mdoc.Date(day)
		}
	}
	b, err := mdoc.Issue(key, chain, mdoc.Document{
		DocType: t.DocType, Holder: holder, Signed: r.Issued, ValidUntil: r.Expires,
		Status:   &verify.StatusRef{URI: d.address(listToken), Index: r.Index},
		Elements: map[string]map[string]any{t.DocType: elements},
	})
	return base64.RawURLEncoding.EncodeToString(b), err
}

// w3c is the credential for the formats of the W3C's data models.
func (d *Desk) w3c(t *catalogue.Type, o Order, holder ledger.JWK, r *Record) (vc.Credential, error) {
	subject, err := did.JWKDID(holder)
	if err != nil {
		return vc.Credential{}, fmt.Errorf("naming the holder: %w", err)
	}
	var entries []map[string]any
	for _, p := range purposes {
		entries = append(entries, status.Entry{Purpose: p.purpose, Index: r.Index, URI: d.address(p.list)}.Claim())
	}
	return vc.Credential{
		Contexts: slices.Clone(t.Contexts), Types: slices.Clone(t.W3C[1:]),
		Holder: subject, Issued: r.Issued, Begins: r.Issued, Expires: r.Expires, Status: entries, Subject: maps.Clone(o.Claims),
	}, nil
}

// Methods lists every generation of the keys that sign credentials, the newest of
// each purpose last. It makes the first ones.
func Methods(keeper keys.Keeper) ([]*keys.Key, error) {
	var all []*keys.Key
	for _, p := range []struct{ purpose, algorithm string }{{PurposeIssuer, "ES256"}, {PurposeEdwards, "EdDSA"}} {
		if _, err := keeper.Signer(p.purpose, p.algorithm); err != nil {
			return nil, fmt.Errorf("opening the issuer's key: %w", err)
		}
		generations, err := keeper.Generations(p.purpose)
		if err != nil {
			return nil, fmt.Errorf("listing the issuer's keys: %w", err)
		}
		for _, g := range generations {
			k, err := keeper.At(p.purpose, g)
			if err != nil {
				return nil, fmt.Errorf("opening the issuer's key: %w", err)
			}
			all = append(all, k)
		}
	}
	return all, nil
}

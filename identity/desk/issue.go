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
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/lasting"
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
	// Holders get a copy each; none for a BBS+ credential.
	Holders []ledger.JWK
	// Names are the DIDs by which W3C credentials name their holders, as many as there
	// are holders, or none; empty: the key's did:jwk. Only those that are a key, or
	// stand on the ledger, are taken: by another, verifiers would not know the holder.
	Names []string
	// Suite says how a credential in the format LD is signed; empty: catalogue.RDFC2022.
	Suite catalogue.Suite
	// Offer names the offer by which it is issued: nothing comes of it any more once one
	// of its credentials was taken back. Empty: none.
	Offer string
	// Turn is that of the reference when the order was made: nothing comes of it once what
	// is under the reference was taken back.
	Turn int64
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

// suite is how the credential is signed, empty in formats that leave no choice.
func (o *Order) suite() catalogue.Suite {
	if o.Suite == "" && o.Format == catalogue.LD {
		return catalogue.RDFC2022
	}
	return o.Suite
}

// minAnonymous is for how long a BBS+ credential is issued at least: its times are
// cut to the hour.
const minAnonymous = 2 * vc.BBSResolution

// MaxLife returns for how long at most a credential of a type is issued in a format
// and, in the format LD, a suite. BBS+ credentials have no status, and last as long
// as the type may without.
func MaxLife(t *catalogue.Type, f catalogue.Format, s catalogue.Suite) time.Duration {
	if s == catalogue.BBS {
		return t.WithoutStatus
	}
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
	case o.suite() != "" && (o.Format != catalogue.LD || !t.Signed(o.suite())) || o.Suite == catalogue.BBS && d.o.BBS == nil:
		return ledger.Problemf(ledger.CodeInvalid, "the type is not issued with that suite here")
	case o.Life < 0 || o.Life > MaxLife(t, o.Format, o.Suite):
		return ledger.Problemf(ledger.CodeInvalid, "a credential of the type lasts %s at most in that format", MaxLife(t, o.Format, o.Suite))
	case o.Suite == catalogue.BBS && o.Life != 0 && o.Life < minAnonymous:
		return ledger.Problemf(ledger.CodeInvalid, "a credential whose times are cut to the hour lasts %s at least", minAnonymous)
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
	if err := catalogue.Validate(t.Name, o.Claims); err != nil {
		return inClaims(err)
	}
	return checkSize(o.Claims)
}

// MaxClaims bounds what a credential says, in bytes as JSON: with proofs and
// presentations around it, every format and verifier takes that much.
const MaxClaims = 8 << 10

// checkSize says which claim takes most of the room when there is too little of it.
// The names are those of a type's schema.
func checkSize(claims map[string]any) error {
	all, longest, most := 0, "", 0
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		b, err := json.Marshal(map[string]any{name: claims[name]})
		if err != nil {
			return fmt.Errorf("encoding claims: %w", err)
		}
		if all += len(b); len(b) > most {
			longest, most = name, len(b)
		}
	}
	if all <= MaxClaims {
		return nil
	}
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the claims are too long", Faults: []ledger.Fault{
		{Field: "claims", Detail: fmt.Sprintf("must have at most %d bytes as JSON in all", MaxClaims)},
		{Field: "claims." + longest, Detail: "is the longest of them"},
	}}
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
	if o.Suite == catalogue.BBS {
		return d.anonymous(ctx, o)
	}
	if len(o.Holders) == 0 || len(o.Holders) > maxCopies {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a credential goes to 1 to %d keys of its holder", maxCopies)
	}
	if len(o.Names) != 0 && len(o.Names) != len(o.Holders) {
		return nil, errors.New("issuing a credential: there are other holders than names")
	}
	t, _ := catalogue.Find(o.Type)
	life := o.life(t)
	now := d.o.Now().UTC().Truncate(time.Second)
	issued, records := make([]Issued, len(o.Holders)), make([]Record, 0, len(o.Holders))
	for i, holder := range o.Holders {
		list, index, err := d.place(ctx)
		if err != nil {
			d.release(records)
			return nil, fmt.Errorf("finding a place in the status list: %w", err)
		}
		id, err := newID()
		if err != nil {
			d.release(records)
			return nil, err
		}
		records = append(records, Record{
			ID: id, Type: t.Name, Format: o.Format, Reference: o.Reference, Offer: o.Offer,
			Holder: holder.Thumbprint(), List: list, Index: index, Issued: now, Expires: now.Add(life),
		})
		credential, err := d.make(t, o, holder, o.nameOf(i), &records[i])
		if err != nil {
			d.release(records)
			return nil, err
		}
		issued[i] = Issued{records[i], credential}
	}
	signatures, err := d.lasting(t, issued)
	if err != nil {
		d.release(records)
		return nil, err
	}
	// Kept before they are handed out: what cannot be revoked must not exist, and no
	// certificate without its lasting signature.
	if err := d.o.Store.AddCredentials(ctx, records, signatures, o.Turn); err != nil {
		if ledger.CodeOf(err) == ledger.CodeDenied { // of any other it is not known what was kept
			d.release(records)
		}
		return nil, fmt.Errorf("keeping what is issued: %w", err)
	}
	return issued, nil
}

// release gives back the places of credentials that do not exist: or else whoever
// fetches by an offer that has ended could fill the lists.
func (d *Desk) release(records []Record) {
	lists := d.all()
	for _, r := range records {
		lists[r.List-1].Release(r.Index)
	}
}

// life is for how long the credential is valid.
func (o *Order) life(t *catalogue.Type) time.Duration {
	if o.Life != 0 {
		return o.Life
	}
	return min(t.Life, MaxLife(t, o.Format, o.Suite))
}

// nameOf is the DID by which one of the holders named itself; empty: none that is taken.
func (o *Order) nameOf(i int) string {
	if i < len(o.Names) && did.OfHolder(o.Names[i]) {
		return o.Names[i]
	}
	return ""
}

// newID draws a record's id.
func newID() (string, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("drawing an id: %w", err)
	}
	return hex.EncodeToString(id), nil
}

// lasting makes the lasting signatures of what is handed out next, by the digest of what
// each is over; none for a type that has none.
func (d *Desk) lasting(t *catalogue.Type, issued []Issued) (map[string]string, error) {
	if !t.Lasting || d.o.Last == nil {
		return nil, nil //nolint:nilnil // none, and no error
	}
	all := map[string]string{}
	for _, one := range issued {
		var b []byte
		switch credential := one.Credential.(type) {
		case string:
			b = []byte(credential)
		case json.RawMessage:
			b = credential
		}
		c, err := lasting.Open(d.o.Contexts, one.Record.Format, b)
		if err == nil {
			all[c.Digest()], err = d.o.Last(c)
		}
		if err != nil {
			return nil, fmt.Errorf("making a certificate's lasting signature: %w", err)
		}
	}
	return all, nil
}

func (d *Desk) make(t *catalogue.Type, o Order, holder ledger.JWK, named string, r *Record) (any, error) {
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
			Status: &sdjwt.Status{URI: d.address(token.name(r.List)), Index: r.Index}, Open: open, Hidden: hidden,
		})
	case catalogue.MDoc:
		return d.mdoc(key, t, o, holder, r)
	case catalogue.JWT, catalogue.LD:
		c, err := d.w3c(t, o, holder, named, r)
		if err != nil {
			return nil, err
		}
		c.Issuer, c.KeyID = name, keyID
		if o.Format == catalogue.JWT {
			c.Key = &holder
			return vc.IssueJWT(d.o.Contexts, key, c)
		}
		issue := vc.Issue
		if o.Suite == catalogue.Ed25519 {
			// The data model 2.0 has the terms of a status, this one has not.
			issue, c.Contexts = vc.IssueLinked, append(c.Contexts, vc.ContextStatus)
		}
		b, err := issue(d.o.Contexts, key, c)
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
		Status:   &verify.StatusRef{URI: d.address(token.name(r.List)), Index: r.Index},
		Elements: map[string]map[string]any{t.DocType: elements},
	})
	return base64.RawURLEncoding.EncodeToString(b), err
}

// w3c is the credential for the formats of the W3C's data models.
func (d *Desk) w3c(t *catalogue.Type, o Order, holder ledger.JWK, named string, r *Record) (vc.Credential, error) {
	subject, err := did.JWKDID(holder)
	if err != nil {
		return vc.Credential{}, fmt.Errorf("naming the holder: %w", err)
	}
	if named != "" {
		subject = named
	}
	entry := func(f form) map[string]any {
		return status.Entry{Purpose: f.purpose, Index: r.Index, URI: d.address(f.name(r.List))}.Claim()
	}
	var entries []map[string]any
	var own *verify.StatusRef
	switch {
	case o.Format == catalogue.JWT:
		// Wallets of the data model 1.1 take one status, Credo among them: what is
		// suspended stands in the Token Status List, as it does for other JWTs.
		entries = append(entries, entry(revocation))
		own = &verify.StatusRef{URI: d.address(token.name(r.List)), Index: r.Index}
	case o.suite() == catalogue.Ed25519:
		// Its readers know one status too: in the list of suspensions is what is revoked as well.
		entries = append(entries, entry(suspension))
		entries[0]["id"] = d.address(suspension.name(r.List)) + "#" + strconv.Itoa(r.Index)
	default:
		entries = append(entries, entry(revocation), entry(suspension))
	}
	return vc.Credential{
		Contexts: slices.Clone(t.Contexts), Types: slices.Clone(t.W3C[1:]),
		Holder: subject, Issued: r.Issued, Begins: r.Issued, Expires: r.Expires, Status: entries, Token: own, Subject: maps.Clone(o.Claims),
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

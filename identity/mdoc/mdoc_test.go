package mdoc

import (
	"crypto"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

const (
	docType = "org.secant.practitioner.1"
	space   = "org.secant.practitioner.1"
	other   = "org.secant.practitioner.1.north"
)

var session = Session{
	ClientID: "x509_san_dns:south.example", Nonce: "n-1", ResponseURI: "https://south.example/oid4vp/1",
	Thumbprint: make([]byte, 32),
}

func sample(holder keys.Signer) Document {
	return Document{
		DocType: docType, Holder: holder.JWK(), Signed: now, ValidUntil: now.Add(24 * time.Hour),
		Status: &verify.StatusRef{URI: "https://north.example/status/staff-1", Index: 7},
		Elements: map[string]map[string]any{
			space: {
				"family_name": "Lovelace", "given_name": "Ada", "birth_date": Date("1815-12-10"),
				"licence":  map[string]any{"number": "L-1", "since": Date("2020-01-02"), "wards": []any{"A", int64(3), true, nil}},
				"portrait": []byte{1, 2, 3}, "checked": now,
			},
			other: {"role": "nurse"},
		},
	}
}

// want is what a verifier asks who trusts the issuer of the PKI.
func want(p *pki) Want {
	return Want{
		Trust:   Trust{DocType: docType, At: now.Add(time.Minute), Issuers: []Issuer{p.issuer()}},
		Session: session, Elements: map[string][]string{space: {"family_name", "licence"}, other: {"role"}},
	}
}

func issue(tb testing.TB, p *pki, d Document) []byte {
	tb.Helper()
	b, err := Issue(signerOf(tb, p.leaf.key), p.chain(), d)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestAHolderShowsWhatIsAskedAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, makes := range map[string][2]func(testing.TB) crypto.Signer{
		"P-256 for Ed25519": {newKey, newEdwards}, "Ed25519 for P-256": {newEdwards, newKey},
	} {
		p, holder := newPKI(t, makes[0](t)), signerOf(t, makes[1](t))
		issued := issue(t, p, sample(holder))
		w := want(p)
		whole, err := VerifyIssued(issued, w.Trust)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(sample(holder).Elements, whole.Elements); diff != "" {
			t.Errorf("%s: what was issued reads as %s", name, diff)
		}
		response, err := Present(issued, holder, w.Elements, session)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"Ada", "1815"} {
			if strings.Contains(string(response), secret) {
				t.Errorf("%s: the response holds %q", name, secret)
			}
		}
		got, err := Verify(response, w)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wanted := map[string]map[string]any{
			space: {"family_name": "Lovelace", "licence": sample(holder).Elements[space]["licence"]},
			other: {"role": "nurse"},
		}
		if diff := cmp.Diff(wanted, got.Elements); diff != "" {
			t.Errorf("%s: what is shown reads as %s", name, diff)
		}
		if !got.Certificate.Equal(p.leaf.certificate) {
			t.Errorf("%s: it is by another certificate", name)
		}
		if got.Holder.JWK() != holder.JWK() || got.Issuer != issuerName || got.DocType != docType ||
			!got.Signed.Equal(now) || !got.ValidUntil.Equal(now.Add(24*time.Hour)) ||
			*got.Status != (verify.StatusRef{URI: "https://north.example/status/staff-1", Index: 7}) {
			t.Errorf("%s: it reads as %+v", name, got)
		}
	}
}

func TestTwoCredentialsHaveNothingInCommon(t *testing.T) {
	t.Parallel()
	p := newPKI(t, newKey(t))
	seen := map[string]bool{}
	orders := map[string]bool{}
	for range 8 {
		s, object, err := parseIssuerSigned(issue(t, p, sample(signerOf(t, newKey(t)))))
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for i, e := range s.NameSpaces[space] {
			var it item
			if err := decode(e.inner, &it, "an element"); err != nil {
				t.Fatal(err)
			}
			if digest := string(object.Digests[space][uint64(i)]); seen[digest] || len(it.Random) != 32 {
				t.Error("a digest is there twice, or its salt is short")
			} else {
				seen[digest] = true
			}
			order = append(order, it.Name)
		}
		orders[strings.Join(order, " ")] = true
	}
	if len(orders) == 1 {
		t.Error("the order of the elements is always the same")
	}
}

func TestWithoutAStatusThereIsNone(t *testing.T) {
	t.Parallel()
	p, holder := newPKI(t, newKey(t)), signerOf(t, newKey(t))
	d := sample(holder)
	d.Status, d.ValidFrom = nil, now.Add(time.Second)
	got, err := VerifyIssued(issue(t, p, d), want(p).Trust)
	if err != nil || got.Status != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnIssuerIsFoundByAnyOfItsNames(t *testing.T) {
	t.Parallel()
	p := newPKI(t, newKey(t))
	issued := issue(t, p, sample(signerOf(t, newKey(t))))
	trust := want(p).Trust
	stranger := newPKI(t, newKey(t))
	for _, name := range []string{issuerName, "North.Example", "did:secant:dev:hospital-north:staff"} {
		trust.Issuers = []Issuer{
			{Name: "south.example", Roots: stranger.issuer().Roots},
			{Name: name, Roots: stranger.issuer().Roots},
			{Name: name, Roots: p.issuer().Roots},
		}
		if got, err := VerifyIssued(issued, trust); err != nil || got.Issuer != name {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestWhatNobodyWouldTakeIsNotIssued(t *testing.T) {
	t.Parallel()
	p, holder := newPKI(t, newKey(t)), signerOf(t, newKey(t))
	key := signerOf(t, p.leaf.key)
	for name, spoil := range map[string]func(*Document){
		"no type":             func(d *Document) { d.DocType = "" },
		"no elements":         func(d *Document) { d.Elements = nil },
		"an empty name space": func(d *Document) { d.Elements["x"] = nil },
		"no time":             func(d *Document) { d.Signed = time.Time{} },
		"no end":              func(d *Document) { d.ValidUntil = time.Time{} },
		"ends first":          func(d *Document) { d.ValidFrom = d.ValidUntil },
		"outlives its issuer": func(d *Document) { d.ValidUntil = now.Add(49 * time.Hour) },
		"before its issuer":   func(d *Document) { d.Signed = now.Add(-2 * time.Hour) },
		"no holder":           func(d *Document) { d.Holder = ledger.JWK{} },
		"no list":             func(d *Document) { d.Status.URI = "" },
		"no place":            func(d *Document) { d.Status.Index = -1 },
		"no day":              func(d *Document) { d.Elements[space]["x"] = Date("2026-02-30") },
		"a channel":           func(d *Document) { d.Elements[space]["x"] = make(chan int) },
		"too large":           func(d *Document) { d.Elements[space]["x"] = make([]byte, MaxBytes) },
		"too many": func(d *Document) {
			for i := range MaxElements {
				d.Elements[other][string(rune('一'+i))] = true
			}
		},
	} {
		d := sample(holder)
		spoil(&d)
		if _, err := Issue(key, p.chain(), d); err == nil {
			t.Errorf("%s: is issued", name)
		}
	}
	stranger := newPKI(t, newKey(t))
	nowhere := certify(t, nil, newKey(t), func(c *x509.Certificate) { asRoot(c); c.Subject.Country = nil })
	under := func(a *authority, change func(*x509.Certificate)) []*x509.Certificate {
		return []*x509.Certificate{certify(t, a, p.leaf.key, func(c *x509.Certificate) { asSigner(c); change(c) }).certificate}
	}
	for name, chain := range map[string][]*x509.Certificate{
		"of no country":      under(nowhere, func(*x509.Certificate) {}),
		"an authority":       under(p.root, func(c *x509.Certificate) { c.IsCA = true }),
		"not for signatures": under(p.root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }),

		"nobody":      nil,
		"with root":   append(p.chain(), p.root.certificate),
		"no chain":    {p.leaf.certificate, stranger.middle.certificate},
		"another key": stranger.chain(),
		"five":        {p.leaf.certificate, p.middle.certificate, p.middle.certificate, p.middle.certificate, p.middle.certificate},
	} {
		if _, err := Issue(key, chain, sample(holder)); err == nil {
			t.Errorf("%s: is issued", name)
		}
	}
}

func TestWhatCannotBeShownIsNot(t *testing.T) {
	t.Parallel()
	p, holder := newPKI(t, newKey(t)), signerOf(t, newKey(t))
	issued := issue(t, p, sample(holder))
	all := map[string][]string{space: {"family_name"}}
	for name, c := range map[string]struct {
		issued  []byte
		holder  keys.Signer
		show    map[string][]string
		session Session
	}{
		"no credential":       {[]byte{0xa0}, holder, all, session},
		"a long credential":   {make([]byte, MaxBytes+1), holder, all, session},
		"another's":           {issued, signerOf(t, newKey(t)), all, session},
		"no such element":     {issued, holder, map[string][]string{space: {"family_name", "x"}}, session},
		"no such name space":  {issued, holder, map[string][]string{"x": {"family_name"}}, session},
		"an element twice":    {issued, holder, map[string][]string{space: {"family_name", "family_name"}}, session},
		"no session":          {issued, holder, all, Session{}},
		"a short fingerprint": {issued, holder, all, Session{ClientID: "c", Nonce: "n", ResponseURI: "r", Thumbprint: []byte{1}}},
	} {
		if _, err := Present(c.issued, c.holder, c.show, c.session); err == nil {
			t.Errorf("%s: is shown", name)
		}
	}
	plainSession := session
	plainSession.Thumbprint = nil // a response that is not encrypted
	response, err := Present(issued, holder, all, plainSession)
	if err != nil {
		t.Fatal(err)
	}
	w := want(p)
	w.Session, w.Elements = plainSession, nil
	if got, err := Verify(response, w); err != nil || len(got.Elements[space]) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

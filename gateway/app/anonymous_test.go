package app

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/fetch"
	"github.com/secant-platform/secant/identity/vc"
)

// physician is a second person, whose hidden claims are all others.
var physician = map[string]any{
	"profession": "physician", "organisation": "hospital-north", "given_name": "Bo", "family_name": "Quist",
	"licence_number": "L-0815", "licence_authority": "Medical Council", "licence_until": "2031-06-30",
}

// known has the wallet look issuers up by did:web, as anybody does.
func (p *person) known() *person {
	resolver := did.New(did.Config{Web: fetch.New(fetch.Options{
		Roots: p.roots, Reachable: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
	})})
	p.wallet.KnowIssuers(resolver.BBSKey)
	return p
}

// offer has north offer a credential in a suite to whoever has the link.
func (c *clinics) offer(suite string, claims map[string]any) string {
	var made struct{ Link string }
	c.north.await("the key to stand in the issuer's document", func() bool { return c.north.node.identity.services.Load() != nil })
	c.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "Practitioner", "claims": claims, "suite": suite, "reference": "r-1",
	}, &made)
	return made.Link
}

// outcome is what a node says came of a question.
type proofOutcome struct {
	Outcome string
	Shown   map[string][]struct {
		Types  []string
		Claims map[string]any
	}
}

// begin asks a question at the node.
func (p *person) begin(in map[string]string) (link, ticket string) {
	p.t.Helper()
	var begun struct {
		Link   string `json:"link"`
		Ticket string `json:"ticket"`
	}
	if status := p.askBy(nil, http.MethodPost, "/proofs/questions", "", in, &begun); status != http.StatusOK || begun.Link == "" {
		p.t.Fatalf("asking %v: %d %+v", in, status, begun)
	}
	return begun.Link, begun.Ticket
}

// TestAnonymousProofs: a hospital issues a credential that is bound to nobody, and
// another hospital's node learns of it what it asked for, and nothing more.
func TestAnonymousProofs(t *testing.T) {
	c := openClinics(t)
	p := newPerson(t, c.south.cfg.PublicURL(), c.root).known()
	p.receive(c.offer("BbsBlsSignature2020", physician))
	held := p.wallet.List()
	if len(held) != 1 || held[0].Key != "" || !held[0].Expires.After(time.Now()) || held[0].Expires.After(time.Now().Add(24*time.Hour)) {
		t.Fatalf("the wallet holds %+v", held)
	}
	t.Run("a record is kept, and cannot be taken back", func(t *testing.T) {
		var kept struct {
			Items []struct{ ID, Holder, Format string }
		}
		c.north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?reference=r-1", nil, &kept)
		if len(kept.Items) != 1 || kept.Items[0].Holder != "" || kept.Items[0].Format != "ldp_vc" {
			t.Fatalf("%+v", kept)
		}
		c.north.want(http.StatusUnprocessableEntity, "registrar", http.MethodPost, "/v1/credentials/"+kept.Items[0].ID+"/status", map[string]string{"status": "revoked"}, nil)
	})

	var list struct {
		Items []struct {
			Purpose  string
			Phrasing []string
			Claims   []string
		}
	}
	if status := p.askBy(nil, http.MethodGet, "/proofs/questions", "", nil, &list); status != http.StatusOK || len(list.Items) != len(catalogue.Questions()) {
		t.Fatalf("the questions: %d %+v", status, list)
	}
	link, ticket := p.begin(map[string]string{"purpose": "physician", "device": "other"})
	var o proofOutcome
	result := func(ticket string) int {
		o = proofOutcome{}
		return p.askBy(nil, http.MethodPost, "/proofs/results", "", map[string]string{"ticket": ticket}, &o)
	}
	if status := result(ticket); status != http.StatusOK || o.Outcome != "waiting" {
		t.Errorf("before the wallet answered: %d %+v", status, o)
	}
	if _, err := p.show(link); err != nil {
		t.Fatal(err)
	}
	if shown := p.wallet.Log()[0].Shown; len(shown) != 1 || len(shown[0].Paths) != 3 {
		t.Errorf("the wallet says that it showed %+v", shown)
	}
	t.Run("the ticket opens no session", func(t *testing.T) {
		if status := p.ask(http.MethodPost, "/v1/sign-in/token", "", map[string]string{"ticket": ticket}, nil); status != http.StatusNotFound {
			t.Errorf("a session for a proof: %d", status)
		}
		var begun struct{ Link, Ticket string }
		if status := p.ask(http.MethodPost, "/v1/sign-in", "", map[string]string{"who": "staff", "device": "other"}, &begun); status != http.StatusOK {
			t.Fatalf("beginning to sign in: %d", status)
		}
		if status := result(begun.Ticket); status != http.StatusNotFound {
			t.Errorf("the ticket of a sign-in, for a proof: %d", status)
		}
	})
	if status := result(ticket); status != http.StatusOK || o.Outcome != "answered" {
		t.Fatalf("after the wallet answered: %d %+v", status, o)
	}
	want := map[string]any{
		"issuer":            subject(t, c.north).DID,
		"credentialSubject": map[string]any{"profession": "physician", "licence_authority": "Medical Council"},
	}
	if diff := cmp.Diff(want, o.Shown["proof"][0].Claims); diff != "" || len(o.Shown) != 1 {
		t.Errorf("what was proven: %s", diff)
	}
	if status := result(ticket); status != http.StatusNotFound {
		t.Errorf("the result a second time: %d", status)
	}

	t.Run("a nurse is no physician", func(t *testing.T) {
		nurse := newPerson(t, c.south.cfg.PublicURL(), c.root).known()
		nurse.receive(c.offer("BbsBlsSignature2020", practitioner))
		link, _ := nurse.begin(map[string]string{"purpose": "physician", "device": "other"})
		nurse.cannot(link)
	})
	t.Run("a credential that names its holder is not shown", func(t *testing.T) {
		other := newPerson(t, c.south.cfg.PublicURL(), c.root)
		other.receive(c.offer("Ed25519Signature2020", physician))
		link, _ := other.begin(map[string]string{"purpose": "physician", "device": "other"})
		other.cannot(link)
	})
	t.Run("a wallet that knows no issuers takes none", func(t *testing.T) {
		other := newPerson(t, c.south.cfg.PublicURL(), c.root)
		if err := other.take(c.offer("BbsBlsSignature2020", physician)); err == nil {
			t.Error("it takes what it cannot verify")
		}
	})
	t.Run("two showings cannot be linked", c.unlinkable)
	t.Run("keys are the ledger's", c.keysForBBS)
}

// cannot wants the wallet to have nothing to answer with.
func (p *person) cannot(link string) {
	p.t.Helper()
	q, r := p.read(link)
	found, err := p.wallet.Match(q.Query)
	if err != nil {
		p.t.Fatal(err)
	}
	if chosen, err := q.Query.Choose(found, false); err == nil {
		p.t.Errorf("the wallet would show %+v to %v", chosen, r)
	}
}

// issueBBS has north's desk issue a BBS+ credential.
func (c *clinics) issueBBS(t *testing.T, claims map[string]any) []byte {
	t.Helper()
	issued, err := c.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: catalogue.LD, Suite: catalogue.BBS, Claims: claims,
	})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := issued[0].Credential.(json.RawMessage)
	return b
}

// holderOf derives parts as a holder does.
func (c *clinics) holderOf(t *testing.T) *vc.Verifier {
	t.Helper()
	contexts, err := check.Contexts()
	if err != nil {
		t.Fatal(err)
	}
	known := &issuers{store: c.south.node.store, resolver: c.south.node.dids, network: c.issuerName().Network}
	return &vc.Verifier{Contexts: contexts, BBS: known.BBSKey}
}

func (c *clinics) issuerName() ledger.DIDName {
	name, _ := ledger.ParseDID(c.issuer)
	return name
}

// leaves are the values of a document, by their places.
func leaves(at string, v any, into map[string]string) map[string]string {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			leaves(at+"/"+name, member, into)
		}
	case []any:
		for _, member := range v {
			leaves(at+"[]", member, into)
		}
	default:
		b, _ := json.Marshal(v)
		into[at] += string(b)
	}
	return into
}

// common are the places at which two documents say the same.
func common(a, b map[string]string) []string {
	var same []string
	for _, at := range slices.Sorted(maps.Keys(a)) {
		if a[at] == b[at] {
			same = append(same, at)
		}
	}
	return same
}

// unlinkable: two showings of one credential have no more in common than one of it
// and one of another person's, to the same question: what is disclosed, and what all
// credentials of the hour say.
func (c *clinics) unlinkable(t *testing.T) {
	other := maps.Clone(physician)
	maps.Copy(other, map[string]any{"given_name": "Cy", "family_name": "Rask", "licence_number": "L-7", "licence_until": "2030-01-01"})
	holder := c.holderOf(t)
	mine, theirs := c.issueBBS(t, physician), c.issueBBS(t, other)
	if bytes.Contains(mine, []byte("did:jwk")) || bytes.Contains(mine, []byte("credentialStatus")) {
		t.Fatalf("it names a holder or a status: %s", mine)
	}
	show := func(credential []byte, nonce string) (map[string]string, []byte) {
		t.Helper()
		part, err := holder.Disclose(t.Context(), credential, []string{"profession", "licence_authority"}, vc.AnonymousNonce(nonce, asker), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if err := json.Unmarshal(part, &document); err != nil {
			t.Fatal(err)
		}
		for name, value := range physician {
			text, _ := value.(string)
			if name != "profession" && name != "licence_authority" && name != "organisation" && bytes.Contains(part, []byte(strconv.Quote(text))) {
				t.Errorf("%s is there, which was not disclosed", name)
			}
		}
		all := leaves("", document, map[string]string{})
		proof, err := base64.StdEncoding.DecodeString(strings.Trim(all["/proof/proofValue"], `"`))
		if err != nil {
			t.Fatal(err)
		}
		return all, proof
	}
	first, firstProof := show(mine, "nonce-1")
	second, secondProof := show(mine, "nonce-2")
	foreign, _ := show(theirs, "nonce-3")
	if diff := cmp.Diff(common(first, foreign), common(first, second)); diff != "" {
		t.Errorf("two showings of one credential have something in common that others have not: %s", diff)
	}
	for _, at := range []string{"/proof/proofValue", "/proof/nonce"} {
		if slices.Contains(common(first, second), at) {
			t.Errorf("%s is the same in two showings", at)
		}
	}
	// Not even a part of the proof: a point or a scalar has 32 bytes and more.
	const window = 16
	for i := 0; i+window <= len(firstProof); i++ {
		if bytes.Contains(secondProof, firstProof[i:i+window]) {
			t.Fatalf("the proofs share bytes %d to %d", i, i+window)
		}
	}
}

// keysForBBS: members read the key from the ledger, anybody else from the did:web, a
// rotation keeps what was issued, and nobody answers for another question.
func (c *clinics) keysForBBS(t *testing.T) {
	holder := c.holderOf(t)
	before := c.issueBBS(t, physician)
	judge := func(credential []byte, nonce string) error {
		part, err := holder.Disclose(t.Context(), credential, []string{"profession"}, vc.AnonymousNonce("n-1", asker), time.Now())
		if err != nil {
			return err
		}
		_, err = c.south.node.identity.verifier.Verify(t.Context(), check.Presented{Format: catalogue.LD, Token: string(part)},
			check.Want{Types: []string{"Practitioner"}, Nonce: nonce, Audience: asker, Anonymous: true})
		return err
	}
	if err := judge(before, "n-1"); err != nil {
		t.Fatal(err)
	}
	refusedAt(t, "for another question", judge(before, "n-2"), check.StepBinding)
	c.north.want(http.StatusNoContent, "operator", http.MethodPost, "/v1/issuer/rotation", map[string]string{"keys": "credentials"}, nil)
	after := c.issueBBS(t, physician)
	for name, one := range map[string][]byte{"before a rotation": before, "after": after} {
		c.south.await("the south to take one of "+name, func() bool { return judge(one, "n-1") == nil })
	}
	web := did.New(did.Config{Web: fetch.New(fetch.Options{Roots: rootsOfFile(t, c.root), Reachable: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})})
	outsider := &vc.Verifier{Contexts: holder.Contexts, BBS: web.BBSKey}
	for _, one := range [][]byte{before, after} {
		if _, err := outsider.VerifyBBS(context.WithoutCancel(t.Context()), one, time.Now()); err != nil {
			t.Errorf("by did:web: %v", err)
		}
	}
}

// rootsOfFile reads roots.
func rootsOfFile(t *testing.T, path string) *x509.CertPool {
	t.Helper()
	return newPerson(t, "", path).roots
}

package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/vc"
)

// proofsPath is where the node asks wallets for proofs that open no session.
const proofsPath = "/proofs"

// flowProof is the kind of its requests: a ticket of one opens no sign-in, and that of
// a sign-in no proof.
const flowProof = "vp.proof"

// openQuestions lets anybody ask the catalogue's questions. What comes of one is what
// the answer proves, and never a session. Wallets that know no client by its certificate's
// digest are asked by the name of the host, where the certificate has it.
func (i *identity) openQuestions(n *node, router *auth.Router, contexts *vc.Contexts, clients []*oid4vp.Client) error {
	purposes := map[string]oid4.Purpose{}
	for _, q := range catalogue.Questions() {
		t, ok := catalogue.Find(q.Type)
		if !ok {
			return fmt.Errorf("asking %s: the catalogue has no such type", q.Name)
		}
		p := oid4.Purpose{Query: anonymousQuery(q, t), Only: true, About: aboutQuestion(q)}
		if i.statements != "" {
			p.Older, p.OlderClientID = olderQuery(q, t), i.statements
		}
		purposes[q.Name] = p
	}
	asker, err := oid4vp.NewVerifier(oid4vp.Options{
		Base: n.cfg.PublicURL() + proofsPath, Clients: clients, Flows: n.store, Judge: i.proven, Now: time.Now,
		Name: n.cfg.DisplayName, Kind: flowProof, Contexts: contexts,
		Standing: oid4.Standing(purposes), Secret: []byte(rand.Text() + rand.Text()),
	})
	if err != nil {
		return fmt.Errorf("making the verifier of proofs: %w", err)
	}
	routes, err := oid4.NewVerifier(asker, purposes)
	if err != nil {
		return fmt.Errorf("making the routes of proofs: %w", err)
	}
	routes.Register(router)
	return nil
}

// askedClaims are the claims of a question where they stand in a W3C credential, and who
// says so.
func askedClaims(q catalogue.Question) []oid4vp.Claim {
	claims := []oid4vp.Claim{{Path: oid4vp.Path{"issuer"}}}
	for _, c := range q.Claims {
		one := oid4vp.Claim{Path: oid4vp.Path{"credentialSubject", c.Name}}
		for _, v := range c.Values {
			one.Values = append(one.Values, v)
		}
		claims = append(claims, one)
	}
	return claims
}

// anonymousQuery asks for the part of a BBS+ credential that answers a question.
func anonymousQuery(q catalogue.Question, t *catalogue.Type) *oid4vp.Query {
	unbound := false
	return &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
		ID: "proof", Format: oid4vp.FormatLDP, Meta: oid4vp.Meta{W3C: [][]string{t.W3C}}, Binding: &unbound, Claims: askedClaims(q),
	}}}
}

// olderQuery asks the same of wallets that know neither DCQL nor the nonce of such a
// part: for a credential that its holder shows whole. The node forgets the rest.
func olderQuery(q catalogue.Question, t *catalogue.Type) *oid4vp.Query {
	query := &oid4vp.Query{Sets: []oid4vp.CredentialSet{{}}}
	for _, f := range []oid4vp.Format{oid4vp.FormatJWT, oid4vp.FormatLDP} {
		id := string(f)
		query.Credentials = append(query.Credentials, oid4vp.CredentialQuery{
			ID: id, Format: f, Meta: oid4vp.Meta{W3C: [][]string{t.W3C}}, Claims: askedClaims(q),
		})
		query.Sets[0].Options = append(query.Sets[0].Options, []string{id})
	}
	return query
}

func aboutQuestion(q catalogue.Question) *oid4.About {
	a := &oid4.About{Type: q.Type, Label: map[string]string{}}
	for _, locale := range catalogue.Locales {
		a.Label[locale] = q.Label.In(locale)
	}
	for _, c := range q.Claims {
		a.Claims = append(a.Claims, c.Name)
	}
	return a
}

// proven has the strict verifier judge a proof. Where no holder was asked for, an
// answer that names one is refused: who gave it wanted to stay unknown.
func (i *identity) proven(ctx context.Context, p oid4vp.Presented, w oid4vp.Want) (*oid4vp.Judged, error) {
	c, err := i.verifier.Verify(ctx, check.Presented{Format: catalogue.Format(p.Format), Token: p.Token}, check.Want{
		Types: typeNames(w.Types), Nonce: w.Nonce, Audience: w.Audience, ResponseURI: w.ResponseURI, Thumbprint: w.Thumbprint, Anonymous: !w.Bound,
	})
	if err != nil {
		return nil, err
	}
	if !w.Bound && (c.HolderID() != "" || c.Subject != "" || len(c.Status) > 0) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the answer names its holder, which was not asked for")
	}
	judged := &oid4vp.Judged{}
	judged.Types, judged.Claims = c.Asked()
	return judged, nil
}

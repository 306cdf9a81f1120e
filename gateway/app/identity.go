package app

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/agreement"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/gateway/telemetry"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/fetch"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/hsm"
	"github.com/secant-platform/secant/identity/keys/local"
	"github.com/secant-platform/secant/identity/lasting"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// identityFolder holds the keys with which the node issues credentials.
const identityFolder = "identity"

// issuerLabel names the issuer of a member's credentials.
const issuerLabel = ledger.LabelCredentials

// Where a node serves what wallets ask for, below its public address.
const (
	issuerPath   = "/oid4vci"
	verifierPath = "/oid4vp"
)

// identity is what a node with a public address does for wallets.
type identity struct {
	name         ledger.DIDName // of the issuer
	web          string         // its did:web
	keeper       keys.Keeper
	certificates *certificate.Authority
	desk         *desk.Desk
	verifier     *check.Verifier
	issuer       *oid4vci.Issuer
	people       oid4.People // who sign in before something is issued to them; nil: nobody can
	asker        *oid4vp.Verifier
	statements   string // client identifier under which statements are asked for; empty: none are
	agreements   *agreement.Desk
	settler      *settler
	lasting      *lastingSignatures
	durable      *lasting.Verifier // of others' lasting signatures
	// published are the keys in the issuer's document, as they were last seen there.
	published atomic.Pointer[ledger.DIDKeys]
	services  atomic.Pointer[[]ledger.Service] // that stand there, as published does
	base      string                           // where the issuer is at home
	bbs       *local.Store                     // of keys for BBS+; nil: none
}

// openIdentities opens the keys, the desk and the two protocols, and registers
// their routes.
func (n *node) openIdentities(ctx context.Context, router *auth.Router) (*identity, error) {
	secret, err := auth.OpenSecret(n.cfg.Keys.Identity.Path())
	if err != nil {
		return nil, err
	}
	i := &identity{name: ledger.DIDName{
		Kind: ledger.DIDIssuer, Network: n.trust.Trust().Network, Org: n.cfg.Organisation, Label: issuerLabel,
	}}
	if i.keeper, err = n.openKeeper(secret); err != nil {
		return nil, fmt.Errorf("opening the issuer's keys: %w", err)
	}
	i.base, i.bbs = n.cfg.PublicURL(), bbsKeeper(i.keeper, n.cfg.PublicURL())
	if i.lasting, err = n.openLasting(secret, i.keeper); err != nil {
		return nil, err
	}
	web, err := did.WebName(n.cfg.PublicHost(), i.name)
	if err != nil {
		return nil, err
	}
	i.web = web
	contexts, err := check.Contexts()
	if err != nil {
		return nil, fmt.Errorf("reading the credentials' contexts: %w", err)
	}
	i.certificates, err = certificate.New(certificate.Options{
		Subject: certificate.Subject{Name: n.cfg.DisplayName, Country: n.cfg.Country, Base: n.cfg.PublicURL(), DID: web},
		Keys:    i.keeper, Purpose: desk.PurposeIssuer, Store: certificateFiles(filepath.Join(n.cfg.Data, certificateFolder)),
	})
	if err != nil {
		return nil, err
	}
	known := &issuers{store: n.store, resolver: n.dids, network: i.name.Network, host: n.cfg.PublicHost(), org: n.cfg.Organisation}
	lists := n.cfg.PublicURL() + oid4.PathStatus
	var bbs func() (string, *vc.BBSSigner, error)
	if i.bbs != nil {
		bbs = i.signBBS
	}
	i.desk, err = desk.New(ctx, desk.Options{
		BBS: bbs,
		DID: i.name.String(), Web: web, Home: n.cfg.PublicURL(), Kind: n.cfg.Kind, Organisation: n.cfg.Organisation, Keys: publishedKeys{i.keeper, &i.published}, Contexts: contexts,
		Chain: i.certificates.Chain, Lists: lists, Store: n.store, Now: time.Now,
		Committed: func(ctx context.Context, list string) (*ledger.StatusList, error) {
			row, err := n.store.StatusList(ctx, i.name.String(), list)
			return &row.Record, err
		},
		Commit: func(ctx context.Context, req ledger.CommitStatusList) error {
			_, err := n.worker.Do(ctx, ledger.RoleRegistrar, ledger.IdentityCommitStatusList, req)
			return err
		},
		Last: i.lasting.last,
	})
	if err != nil {
		return nil, err
	}
	source := &listSource{desk: i.desk, own: lists, fetch: n.fetch}
	cache, err := status.NewCache(status.Options{
		Commitment: func(ctx context.Context, issuer, list string) (*ledger.StatusList, error) {
			row, err := n.store.StatusList(ctx, issuer, list)
			return &row.Record, err
		},
		Fetch: source.Fetch, Now: time.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache of status lists: %w", err)
	}
	i.verifier, err = check.New(check.Options{
		Keys: known, BBS: known, Trust: known, Units: known, Contexts: contexts, Now: time.Now,
		Certificates: newRoots(known, n.fetch, i.root),
		Status:       &check.Lists{Cache: cache, Contexts: contexts, Keys: known, Names: known.names},
	})
	if err != nil {
		return nil, err
	}
	i.durable = &lasting.Verifier{Contexts: contexts, Published: known.lasting, Fetch: n.fetch.Get}
	i.settler = &settler{node: n, identity: i}
	clients, err := n.askers(ctx)
	if err != nil {
		return nil, err
	}
	if len(clients) > 1 {
		i.statements = clients[1].ID()
	}
	if err := i.open(n, router, secret, contexts, clients); err != nil { //nolint:contextcheck // requests bring contexts of their own
		return nil, err
	}
	i.agreements, err = n.openAgreements(i, source)
	return i, err
}

// holderKey finds the key by which a wallet says that it proves a key.
func holderKey(ctx context.Context, dids *did.Resolver, kid string) (ledger.JWK, error) {
	party, _, _ := strings.Cut(kid, "#")
	if !did.OfHolder(party) {
		return ledger.JWK{}, ledger.Problemf(ledger.CodeDenied, "a holder is named by did:jwk, did:key or did:secant")
	}
	return dids.Key(ctx, party, kid, check.Authentication, time.Now())
}

// metadataKey signs the issuer's metadata as its credentials are signed: whoever knows
// it by its did:web or by its root knows who speaks.
func (i *identity) metadataKey() (keys.Signer, keys.Header, error) {
	key, err := publishedKeys{i.keeper, &i.published}.Signer(desk.PurposeIssuer, verify.AlgES256)
	if err != nil {
		return nil, keys.Header{}, fmt.Errorf("finding the issuer's key: %w", err)
	}
	chain, err := i.certificates.Chain(key, time.Now())
	if err != nil {
		return nil, keys.Header{}, fmt.Errorf("finding the issuer's certificate: %w", err)
	}
	h := keys.Header{KeyID: i.web + "#" + key.ID()}
	for _, c := range chain {
		h.X5C = append(h.X5C, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return key, h, nil
}

// openKeeper opens what keeps the issuer's keys: a hardware module where one is
// configured, else files that the secret unlocks.
func (n *node) openKeeper(secret []byte) (keys.Keeper, error) {
	if t := n.cfg.Keys.PKCS11; t != nil {
		return hsm.Open(hsm.Config{Module: t.Module, Token: t.Token, PINFile: t.PIN.Path()})
	}
	return local.Open(filepath.Join(n.cfg.Data, identityFolder), []byte(hex.EncodeToString(secret)))
}

// open makes the two protocols.
func (i *identity) open(n *node, router *auth.Router, secret []byte, contexts *vc.Contexts, clients []*oid4vp.Client) (err error) {
	options := oid4vci.Options{
		URL: n.cfg.PublicURL() + issuerPath, Display: []oid4vci.Display{{Name: n.cfg.DisplayName}},
		Configurations: configurations(n.cfg.Kind, i.bbs != nil), Issue: i.issue, Flows: n.store, Secret: secret, BatchSize: oid4vci.MaxBatch,
		Authorities: n.cfg.PublicURL() + oid4.PathList, MetadataKey: i.metadataKey,
		KeyOf: func(ctx context.Context, kid string) (ledger.JWK, error) { return holderKey(ctx, n.dids, kid) },
	}
	if err := i.openPeople(n, secret, &options); err != nil {
		return err
	}
	if i.issuer, err = oid4vci.New(options); err != nil {
		return fmt.Errorf("making the issuer: %w", err)
	}
	routes, err := oid4.NewIssuer(i.issuer, i.people)
	if err != nil {
		return fmt.Errorf("making the issuer's routes: %w", err)
	}
	routes.Register(router)
	oid4.NewStatus(i.desk).Register(router)
	oid4.NewCertificates(i.certificates, time.Now).Register(router)
	oid4.NewLasting(i.lasting).Register(router)
	page := cmp.Or(n.cfg.SignIn.Return, n.cfg.PublicURL()+"/")
	i.asker, err = oid4vp.NewVerifier(oid4vp.Options{
		Base: n.cfg.PublicURL() + verifierPath, Clients: clients, Flows: n.store, Judge: i.judge, Now: time.Now,
		Name: n.cfg.DisplayName, Standing: session.Questions(page), Secret: []byte(rand.Text() + rand.Text()),
	})
	if err != nil {
		return fmt.Errorf("making the verifier: %w", err)
	}
	asks, err := oid4.NewVerifier(i.asker, nil)
	if err != nil {
		return fmt.Errorf("making the verifier's routes: %w", err)
	}
	asks.Register(router)
	return i.openQuestions(n, router, contexts, clients)
}

// askers are the node as wallets that are asked know it: by the digest of the
// certificate of its public address, and second, where the certificate has it, by the
// host's name: see statementAsker.
func (n *node) askers(ctx context.Context) ([]*oid4vp.Client, error) {
	signer, chain, err := n.publicChain()
	if err != nil {
		return nil, err
	}
	client, err := oid4vp.NewHashClient(signer, chain)
	if err != nil {
		return nil, fmt.Errorf("making a verifier of the public address's certificate: %w", err)
	}
	if statements := n.statementAsker(ctx, signer, chain); statements != nil {
		return []*oid4vp.Client{client, statements}, nil
	}
	return []*oid4vp.Client{client}, nil
}

// publicChain is the certificate of the public address, and those above it, with its key.
func (n *node) publicChain() (keys.Signer, []*x509.Certificate, error) {
	cert := n.publicCertificate()
	key, ok := cert.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("the key of the public address's certificate must be of P-256: wallets take no other")
	}
	signer, err := keys.FromCrypto(key)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the key of the public address's certificate: %w", err)
	}
	chain := make([]*x509.Certificate, len(cert.Certificate))
	for i, der := range cert.Certificate {
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, nil, fmt.Errorf("reading the certificate of the public address: %w", err)
		}
	}
	return signer, chain, nil
}

// publicCertificate is that under which wallets reach the node.
func (n *node) publicCertificate() *tls.Certificate {
	if n.public != nil {
		return &n.public.Certificates[0]
	}
	return &n.tls.Certificates[0]
}

// judge has the strict verifier judge a presentation. What was asked for a
// statement is a signature, and nothing else.
func (i *identity) judge(ctx context.Context, p oid4vp.Presented, w oid4vp.Want) (*oid4vp.Judged, error) {
	if w.Audience == i.statements {
		return i.agreements.Judge(ctx, p, w)
	}
	c, err := i.verifier.Verify(ctx, check.Presented{Format: catalogue.Format(p.Format), Token: p.Token}, check.Want{
		Types: typeNames(w.Types), Nonce: w.Nonce, Audience: w.Audience, ResponseURI: w.ResponseURI, Thumbprint: w.Thumbprint,
	})
	if err != nil {
		return nil, err
	}
	types, claims := c.Asked()
	role, _ := c.Claims["role"].(string)
	at, _ := c.Claims["organisation"].(string)
	detail, err := json.Marshal(session.Shown{Accepted: c.Accepted(), Holder: c.HolderID(), Role: role, At: at})
	if err != nil {
		return nil, fmt.Errorf("encoding a verdict: %w", err)
	}
	return &oid4vp.Judged{Types: types, Claims: claims, Detail: detail}, nil
}

// typeNames turns the types of a query into the catalogue's names.
func typeNames(asked []string) []string {
	var names []string
	for _, t := range catalogue.Types() {
		for _, a := range asked {
			if a == t.Name || t.DocType != "" && a == t.DocType {
				names = append(names, t.Name)
			}
		}
	}
	return names
}

// listSource fetches status lists, the own ones from the desk.
type listSource struct {
	desk  *desk.Desk
	own   string
	fetch *fetch.Client
}

// Fetch returns what is served at an address.
func (l *listSource) Fetch(ctx context.Context, uri string, limit int64) ([]byte, error) {
	if list, ok := strings.CutPrefix(uri, l.own); ok {
		e, err := l.desk.List(ctx, list)
		if err != nil {
			return nil, err
		}
		return e.Body, nil
	}
	return l.fetch.Get(ctx, uri, "application/statuslist+jwt, application/vc, application/json", limit)
}

// publishPause is the time between two looks at whether a status list is due.
const publishPause = time.Minute

// tend keeps the issuer's document and its status lists as they should be, and
// forgets what was offered and is over, until ctx ends.
func (i *identity) tend(ctx context.Context, n *node) error {
	pause := memberPause
	for ctx.Err() == nil {
		// Before the ledger is told of them, and before anything is issued under them.
		err := i.certificates.Renew(time.Now())
		if err == nil {
			err = i.settler.settle(ctx)
		}
		if i.published.Load() != nil { // what is wrong with the document does not end the lists
			err = errors.Join(err, i.desk.Publish(ctx))
		}
		err = errors.Join(err, n.store.ClearFlows(ctx))
		if err == nil {
			pause = publishPause
		} else if ctx.Err() == nil {
			n.logger.WarnContext(ctx, "issuer not settled yet", slog.Any(telemetry.KeyError, err))
			pause = min(2*pause, publishPause)
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
	}
	return nil
}

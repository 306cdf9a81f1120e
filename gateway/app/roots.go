package app

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/check"
)

// typeRoot is the type of the service of an issuer's document under which the root
// of its certificates is: where it is served, by its thumbprint. It is our own: no
// vocabulary has one.
const typeRoot = "IACA"

// rootService says on the ledger which root an issuer's certificates are under.
func rootService(base string, root *x509.Certificate) ledger.Service {
	thumbprint := certificate.Thumbprint(root)
	return ledger.Service{
		ID: "iaca-" + thumbprint[:16], Type: typeRoot, ServiceEndpoint: base + oid4.PathRoot + thumbprint + oid4.RootEnding,
	}
}

// Bounds on the roots of others.
const (
	maxRoots   = 256         // that are kept
	rootFailed = time.Second // for how long one that could not be had is not asked for again
)

// getter fetches what others serve.
type getter interface {
	Get(ctx context.Context, address, accept string, limit int64) ([]byte, error)
}

// roots knows the members' issuers by their certificates. What a root is for is
// read from the ledger each time, so that one that is taken off there vouches for
// nothing from then on; the certificate itself never changes, as its thumbprint is
// its name.
type roots struct {
	issuers *issuers
	fetch   getter
	own     func(thumbprint string) *x509.Certificate // nil: none of the node's own

	flights singleflight.Group
	mu      sync.Mutex // guards known
	known   map[string]fetched
}

// fetched is a root by its thumbprint, or why there is none.
type fetched struct {
	root  *x509.Certificate
	err   error
	until time.Time // of an error
}

func newRoots(known *issuers, fetch getter, own func(string) *x509.Certificate) *roots {
	return &roots{issuers: known, fetch: fetch, own: own, known: map[string]fetched{}}
}

// Certified returns the member's issuer that a certificate names by its did:web,
// and the roots that the issuer has on the ledger. The certificate says whose it is
// and not more: any root but that issuer's is worth nothing under its name. No root
// vouches for a key that is none of the issuer's document: neither a root's stolen
// key nor a key that was taken out there makes credentials.
func (r *roots) Certified(ctx context.Context, leaf *x509.Certificate) (*check.Certified, error) {
	name := ""
	for _, u := range leaf.URIs {
		if text := u.String(); strings.HasPrefix(text, "did:web:") {
			if name != "" {
				return nil, ledger.Problemf(ledger.CodeInvalid, "the certificate names two issuers")
			}
			name = text
		}
	}
	if name == "" {
		return nil, unknownIssuer()
	}
	id, err := r.issuers.secant(ctx, name)
	if err != nil {
		return nil, err
	}
	row, err := r.issuers.store.DID(ctx, id)
	if err != nil {
		return nil, err
	}
	if row.Record.Deactivated {
		return nil, unknownIssuer()
	}
	certified := &check.Certified{Issuer: id, Name: name}
	if !asserts(&row.Record, leaf) {
		return certified, nil
	}
	for address, thumbprint := range rootsOf(&row.Record) {
		root, err := r.root(ctx, address, thumbprint)
		if err != nil {
			return nil, err
		}
		certified.Roots = append(certified.Roots, root)
	}
	return certified, nil
}

// asserts reports whether a certificate's key is one with which its subject's
// document lets it make assertions, now.
func asserts(d *ledger.DID, leaf *x509.Certificate) bool {
	key, err := ledger.JWKOf(leaf.PublicKey)
	return err == nil && slices.ContainsFunc(d.Keys.AssertionMethod, func(id string) bool {
		jwk, ok := d.Keys.Method(d.Keys.AssertionMethod, id)
		return ok && jwk == key
	})
}

// rootsOf returns the thumbprints of an issuer's roots, by where they are served,
// which is where the issuer is at home: a document makes nobody call another host.
func rootsOf(d *ledger.DID) map[string]string {
	found := map[string]string{}
	for _, s := range d.Service {
		base, name, ok := strings.Cut(s.ServiceEndpoint, oid4.PathRoot)
		thumbprint, ends := strings.CutSuffix(name, oid4.RootEnding)
		if s.Type == typeRoot && ok && ends && len(found) < certificate.MaxRoots && at(d, strings.TrimPrefix(base, "https://")) {
			found[s.ServiceEndpoint] = thumbprint
		}
	}
	return found
}

// root returns the certificate with a thumbprint.
func (r *roots) root(ctx context.Context, address, thumbprint string) (*x509.Certificate, error) {
	if root := r.own(thumbprint); root != nil {
		return root, nil
	}
	if f, ok := r.find(thumbprint); ok {
		return f.root, f.err
	}
	// Whoever waits has the same answer; the fetch has a time of its own.
	got, err, _ := r.flights.Do(thumbprint, func() (any, error) {
		b, err := r.fetch.Get(context.WithoutCancel(ctx), address, "application/pkix-cert", certificate.MaxBytes)
		var root *x509.Certificate
		if err == nil {
			root, err = certificate.ParseRoot(b, thumbprint)
		} else if ledger.CodeOf(err) == ledger.CodeNotFound {
			err = ledger.Problemf(ledger.CodeUnavailable, "the issuer does not serve the root of its certificates")
		}
		r.keep(thumbprint, fetched{root, err, time.Now().Add(rootFailed)})
		return root, err
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // it is the fetch's own
	}
	return got.(*x509.Certificate), nil //nolint:errcheck,forcetypeassert // see above
}

func (r *roots) find(thumbprint string) (fetched, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.known[thumbprint]
	return f, ok && (f.err == nil || time.Now().Before(f.until))
}

// keep keeps a root, and forgets another when there are too many: which one does
// not matter, as there are fewer members than that.
func (r *roots) keep(thumbprint string, f fetched) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.known[thumbprint]; !known && len(r.known) >= maxRoots {
		for other := range r.known {
			delete(r.known, other)
			break
		}
	}
	r.known[thumbprint] = f
}

// root returns the node's own root with that thumbprint.
func (i *identity) root(thumbprint string) *x509.Certificate {
	for _, root := range i.certificates.Roots(time.Now()) {
		if certificate.Thumbprint(root) == thumbprint {
			return root
		}
	}
	return nil
}

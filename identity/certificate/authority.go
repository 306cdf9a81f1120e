package certificate

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// PurposeRoot is that of the keys under which the issuer's certificates are. They
// sign certificates and nothing else, and stand in no DID's document.
const PurposeRoot = "iaca"

// MaxRoots bounds how many roots an issuer has at once.
const MaxRoots = 4

// Store keeps certificates. Whoever can write to it can take certificates away, and
// not add any: those that the issuer's own keys did not sign are not looked at.
type Store interface {
	// Certificates returns what is kept, in any order, each in DER.
	Certificates() ([][]byte, error)
	// AddCertificate keeps a certificate, durably, under a name of hexadecimal digits.
	AddCertificate(name string, der []byte) error
}

// Options are what an authority works with. All are required.
type Options struct {
	Subject Subject
	Keys    keys.Keeper
	// Purpose is that of the keys that are certified, the newest before it is used.
	Purpose string
	Store   Store
}

// Authority makes an issuer's certificates when they are due and knows which it has.
// Its methods may be called at once.
type Authority struct {
	o Options

	mu      sync.Mutex // guards what follows, and that each certificate is made once
	roots   []root     // newest first
	signers []*x509.Certificate
	lists   map[string]list // of revocations, by serial number of the root
}

// root is a root with its key.
type root struct {
	*x509.Certificate

	key *keys.Key
}

// list is a list of revocations.
type list struct {
	der []byte
	due time.Time // to be made anew
}

// New makes an authority. It reads nothing yet.
func New(o Options) (*Authority, error) {
	if err := o.Subject.validate(); err != nil {
		return nil, err
	}
	if o.Keys == nil || o.Purpose == "" || o.Store == nil {
		return nil, errors.New("making an authority: it needs keys and a store")
	}
	return &Authority{o: o, lists: map[string]list{}}, nil
}

// Renew reads what is kept, and makes what is missing or ends too soon. It is called
// at start and from time to time, before the ledger is told of the roots. A root
// that was taken out of the store is one no more.
func (a *Authority) Renew(at time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.read(); err != nil {
		return err
	}
	key, err := a.o.Keys.Signer(a.o.Purpose, verify.AlgES256)
	if err != nil {
		return fmt.Errorf("opening the issuer's key: %w", err)
	}
	_, err = a.current(key, at)
	return err
}

// Chain returns the certificate of one of the issuer's keys, by itself: its root is
// not sent.
func (a *Authority) Chain(key keys.Signer, at time.Time) ([]*x509.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.roots == nil {
		if err := a.read(); err != nil {
			return nil, err
		}
	}
	c, err := a.current(key, at)
	if err != nil {
		return nil, err
	}
	return []*x509.Certificate{c}, nil
}

// Roots lists the roots that vouch for the issuer at a time, the newest first: those
// that were replaced vouch for what is under them until they end.
func (a *Authority) Roots(at time.Time) []*x509.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	var valid []*x509.Certificate
	for _, r := range a.roots {
		if len(valid) < MaxRoots && !at.Before(r.NotBefore) && at.Before(r.NotAfter) {
			valid = append(valid, r.Certificate)
		}
	}
	return valid
}

// Revocations returns the list of the root with that serial number, in DER. The
// Problem is not_found for a root that is none of the issuer's.
func (a *Authority) Revocations(serial string, at time.Time) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.roots {
		if Serial(r.Certificate) != serial {
			continue
		}
		if made := a.lists[serial]; at.Before(made.due) {
			return made.der, nil
		}
		der, err := NewRevocations(r.Certificate, r.key, at)
		if err != nil {
			return nil, err
		}
		a.lists[serial] = list{der, at.Add(listLife / 2)}
		return der, nil
	}
	return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such list of revocations")
}

// read takes over what is kept and the issuer's own keys signed.
func (a *Authority) read() error {
	kept, err := a.o.Store.Certificates()
	if err != nil {
		return fmt.Errorf("reading the issuer's certificates: %w", err)
	}
	own, err := a.keys()
	if err != nil {
		return err
	}
	roots, signers := []root{}, []*x509.Certificate{}
	for _, der := range kept {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		if !c.IsCA {
			signers = append(signers, c)
			continue
		}
		jwk, err := ledger.JWKOf(c.PublicKey)
		if key := own[jwk]; err == nil && key != nil && isRoot(c) {
			roots = append(roots, root{c, key})
		}
	}
	slices.SortFunc(roots, func(x, y root) int { return newer(x.Certificate, y.Certificate) })
	slices.SortFunc(signers, newer)
	a.roots, a.signers = roots, signers
	return nil
}

func newer(x, y *x509.Certificate) int {
	if c := y.NotBefore.Compare(x.NotBefore); c != 0 {
		return c
	}
	return x.SerialNumber.Cmp(y.SerialNumber)
}

// keys returns every generation of the root's key.
func (a *Authority) keys() (map[ledger.JWK]*keys.Key, error) {
	generations, err := a.o.Keys.Generations(PurposeRoot)
	if err != nil {
		return nil, fmt.Errorf("listing the keys of the issuer's roots: %w", err)
	}
	own := map[ledger.JWK]*keys.Key{}
	for _, g := range generations {
		k, err := a.o.Keys.At(PurposeRoot, g)
		if err != nil {
			return nil, fmt.Errorf("opening a key of the issuer's roots: %w", err)
		}
		own[k.JWK()] = k
	}
	return own, nil
}

// current returns the certificate under which a key signs credentials at a time,
// below the newest root, and makes either where it is missing.
func (a *Authority) current(key keys.Signer, at time.Time) (*x509.Certificate, error) {
	authority, err := a.root(at)
	if err != nil {
		return nil, err
	}
	for _, c := range a.signers {
		if a.serves(c, authority, key, at) {
			return c, nil
		}
	}
	c, err := NewSigner(authority.Certificate, authority.key, key, a.o.Subject, at)
	if err != nil {
		return nil, err
	}
	if err := a.o.Store.AddCertificate(Thumbprint(c), c.Raw); err != nil {
		return nil, fmt.Errorf("keeping a certificate: %w", err)
	}
	a.signers = slices.Insert(a.signers, 0, c)
	return c, nil
}

// serves reports whether a certificate is one for the key and the issuer as they are
// now, and lasts as long as a credential may.
func (a *Authority) serves(c *x509.Certificate, by *root, key keys.Signer, at time.Time) bool {
	jwk, err := ledger.JWKOf(c.PublicKey)
	if err != nil || jwk != key.JWK() || at.Before(c.NotBefore) || c.NotAfter.Sub(at) < MaxCredential {
		return false
	}
	if !bytes.Equal(c.RawIssuer, by.RawSubject) || c.CheckSignatureFrom(by.Certificate) != nil {
		return false
	}
	var names []string
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return slices.Equal(names, []string{a.o.Subject.Base, a.o.Subject.DID})
}

// root returns the root under which certificates are made: of the newest key, of
// the issuer's country, and longer than they last.
func (a *Authority) root(at time.Time) (*root, error) {
	key, err := a.o.Keys.Signer(PurposeRoot, verify.AlgES256)
	if err != nil {
		return nil, fmt.Errorf("opening the key of the issuer's root: %w", err)
	}
	for i := range a.roots {
		r := &a.roots[i]
		if r.key.Generation == key.Generation && slices.Equal(r.Subject.Country, []string{a.o.Subject.Country}) &&
			!at.Before(r.NotBefore) && r.NotAfter.Sub(at) > signerLife {
			return r, nil
		}
	}
	c, err := NewRoot(key, a.o.Subject, at)
	if err != nil {
		return nil, err
	}
	if err := a.o.Store.AddCertificate(Thumbprint(c), c.Raw); err != nil {
		return nil, fmt.Errorf("keeping the issuer's root: %w", err)
	}
	a.roots = slices.Insert(a.roots, 0, root{c, key})
	return &a.roots[0], nil
}

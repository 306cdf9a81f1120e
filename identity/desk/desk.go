package desk

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/lasting"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// The purposes under which the desk's keys are kept. Most formats take ES256;
// eddsa-rdfc-2022 wants the other.
const (
	PurposeIssuer  = "issuer"
	PurposeEdwards = "issuer-eddsa"
	PurposeBBS     = "issuer-bbs"
)

// Options are what a desk works with. All but BBS and Last are required.
type Options struct {
	DID string // the issuer's on the ledger: did:secant
	Web string // the same issuer's did:web, by which outside wallets know it
	// Home is the address at which the issuer is at home, by which those know it who
	// know issuers by certificates: "https://north.example".
	Home string
	Kind string // of the organisation: ledger.KindHospital, ...
	// Organisation is its MSP id, which claims about the issuer must name.
	Organisation string
	Keys         keys.Keeper
	// BBS returns the key that signs BBS+ credentials now, and its name in the
	// issuer's document; nil: the desk issues none.
	BBS      func() (id string, key *vc.BBSSigner, err error)
	Contexts *vc.Contexts
	// Chain returns the certificates of a key for PurposeIssuer, its own first and no
	// root among them, which last as long as an mdoc may: see certificate.Authority.
	Chain func(key keys.Signer, at time.Time) ([]*x509.Certificate, error)
	// Lists is the address below which the status lists are served, with a slash at
	// its end.
	Lists string
	Store Store
	// Committed returns the commitment that stands on the ledger for a list;
	// not_found while there is none.
	Committed func(ctx context.Context, list string) (*ledger.StatusList, error)
	// Commit commits the issuer to a list's next version, and returns when that is done.
	Commit func(ctx context.Context, req ledger.CommitStatusList) error
	Now    func() time.Time
	// Last makes the lasting signature of a certificate of conformity, which is kept
	// with the certificate's record. Nil: none is made.
	Last func(c *lasting.Certificate) (string, error)
}

func (o *Options) validate() error {
	switch {
	case o.DID == "" || o.Web == "" || o.Home == "" || o.Kind == "" || o.Organisation == "":
		return errors.New("making an issuer's desk: it needs an issuer")
	case o.Keys == nil || o.Contexts == nil || o.Chain == nil || o.Store == nil || o.Committed == nil || o.Commit == nil || o.Now == nil:
		return errors.New("making an issuer's desk: it needs keys, contexts, certificates, a store, the ledger and a clock")
	case !strings.HasSuffix(o.Lists, "/"):
		return errors.New("making an issuer's desk: the address of its lists ends in a slash")
	}
	return nil
}

// Desk issues credentials. Its methods may be called at once.
type Desk struct {
	o Options

	mu    sync.Mutex
	lists []*status.List // under mu; never empty

	// beginning is held while another list is begun, and shared by who looks for a place.
	beginning  sync.RWMutex
	changing   sync.Mutex // held while a status changes, and while editions are made
	publishing sync.Mutex // held while editions are made and committed, so that versions follow one another
}

// New opens the desk with what its store knows of earlier credentials.
func New(ctx context.Context, o Options) (*Desk, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	d := &Desk{o: o}
	err := o.Store.EachCredential(ctx, d.restore)
	if err == nil && len(d.lists) == 0 {
		err = d.grow(1)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was issued: %w", err)
	}
	return d, nil
}

// restore puts back what is known of a credential.
func (d *Desk) restore(r Record) error {
	if !r.HasStatus() {
		return nil
	}
	if r.List < 1 || r.List > maxLists {
		return errors.New("a credential is in a status list that there cannot be")
	}
	if err := d.grow(r.List); err != nil {
		return err
	}
	return d.lists[r.List-1].Restore(r.Index, r.Status)
}

// maxLists bounds what is read back: some hundred million credentials.
const maxLists = 1000

func (d *Desk) grow(to int) error {
	for len(d.lists) < to {
		l, err := status.New(capacity, statusBits)
		if err != nil {
			return err
		}
		d.lists = append(d.lists, l)
	}
	return nil
}

// key returns the key that signs credentials of a format now.
func (d *Desk) key(f catalogue.Format) (*keys.Key, error) {
	if f == catalogue.LD {
		return d.o.Keys.Signer(PurposeEdwards, verify.AlgEdDSA)
	}
	return d.o.Keys.Signer(PurposeIssuer, verify.AlgES256)
}

// name is how credentials of a type name their issuer. Holder statements are read
// by the ledger, which knows its own DIDs; all others go to wallets and verifiers
// that resolve did:web.
func (d *Desk) name(t *catalogue.Type) string {
	if ofStatements(t) {
		return d.o.DID
	}
	return d.o.Web
}

// ofStatements reports whether holders of the type sign statements for the ledger.
func ofStatements(t *catalogue.Type) bool {
	return t.Name == ledger.CredentialAssessor || t.Name == ledger.CredentialReleaser
}

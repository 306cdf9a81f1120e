package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// The one status list, in its forms. Every credential has a place in it; whoever
// fetches it learns that it is one of so many.
const (
	capacity   = status.MinCapacity
	statusBits = 2 // valid, revoked, suspended

	listToken      = "1"
	listRevocation = "1-revocation"
	listSuspension = "1-suspension"
)

var purposes = []struct {
	list    string
	purpose status.Purpose
}{{listRevocation, status.Revocation}, {listSuspension, status.Suspension}}

// Lists are the names of the status lists that a desk serves.
var Lists = []string{listToken, listRevocation, listSuspension}

// How long an edition lasts, from which rest of that on it is made anew, and for
// how long outside verifiers may keep a copy. Verifiers of the consortium need no
// such time: they learn of a new edition from the ledger.
const (
	editionLife  = 24 * time.Hour
	editionRenew = editionLife / 2
	EditionTTL   = 5 * time.Minute
)

func (d *Desk) address(list string) string { return d.o.Lists + list }

// SetStatus revokes, suspends or reinstates a credential, and returns when every
// node of the consortium knows. A credential that is revoked stays so.
func (d *Desk) SetStatus(ctx context.Context, id string, to status.Status) (*Record, error) {
	r, err := d.o.Store.Credential(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Status != to {
		if r.Status == status.Revoked {
			return nil, ledger.Problemf(ledger.CodeGone, "the credential is revoked, for good")
		}
		if err := d.change(ctx, r, to); err != nil {
			return nil, err
		}
	}
	return r, d.Publish(ctx)
}

// change changes a status where it is kept and in the list.
func (d *Desk) change(ctx context.Context, r *Record, to status.Status) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	if err := d.o.Store.SetCredential(ctx, r.ID, r.Status, to); err != nil {
		return err
	}
	if err := d.list.Set(r.Index, to); err != nil {
		return fmt.Errorf("setting a status: %w", err)
	}
	r.Status = to
	return nil
}

// Publish publishes the list anew if it has changed since the edition to which
// the issuer is committed on the ledger, or that one nears its end. It is called
// at start, from time to time, and after each change.
func (d *Desk) Publish(ctx context.Context) error {
	d.publishing.Lock()
	defer d.publishing.Unlock()
	editions, err := d.due(ctx)
	if err != nil || len(editions) == 0 {
		return err
	}
	// Kept before they are committed to, so that whoever sees the commitment can
	// have the list.
	if err := d.o.Store.AddEditions(ctx, editions); err != nil {
		return fmt.Errorf("keeping an edition of the status list: %w", err)
	}
	var commits errgroup.Group // side by side: each is a record of its own, and waits for a block
	for _, e := range editions {
		commits.Go(func() error {
			err := d.o.Commit(ctx, ledger.CommitStatusList{
				Issuer: d.o.DID, List: e.List, Version: e.Version, Digest: e.Digest, ValidUntil: e.Expires,
			})
			if err != nil {
				return fmt.Errorf("committing to the status list: %w", err)
			}
			return nil
		})
	}
	return commits.Wait() //nolint:wrapcheck // each says what it did
}

// due makes the editions that are to be published.
func (d *Desk) due(ctx context.Context) ([]Edition, error) {
	d.changing.Lock() // so that an edition tells all the changes that it counts
	defer d.changing.Unlock()
	change, err := d.o.Store.StatusChanges(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting changes of status: %w", err)
	}
	var editions []Edition
	for _, name := range Lists {
		current, version, err := d.current(ctx, name)
		if err != nil {
			return nil, err
		}
		if current != nil && current.Change == change && current.Expires.Sub(d.o.Now()) > editionRenew {
			continue
		}
		e, err := d.ready(ctx, name, version+1, change)
		if err == nil && e == nil {
			e, err = d.edition(name, version+1, change)
		}
		if err != nil {
			return nil, err
		}
		editions = append(editions, *e)
	}
	return editions, nil
}

// ready returns an edition that was made for a version, and tells all changes, but
// to which the ledger did not commit the issuer when it was asked. Nil: there is none.
func (d *Desk) ready(ctx context.Context, list string, version int, change int64) (*Edition, error) {
	editions, err := d.o.Store.Editions(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("reading editions of the status list: %w", err)
	}
	for i, e := range editions {
		if e.Version == version && e.Change == change && e.Expires.Sub(d.o.Now()) > editionRenew {
			return &editions[i], nil
		}
	}
	return nil, nil //nolint:nilnil // none is ready, and that is no error
}

// current returns the edition of a list to which the issuer is committed, nil
// when there is none or it is not kept any more, and the version that is committed to.
func (d *Desk) current(ctx context.Context, list string) (*Edition, int, error) {
	committed, err := d.o.Committed(ctx, list)
	switch {
	case ledger.CodeOf(err) == ledger.CodeNotFound:
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("reading the commitment to the status list: %w", err)
	}
	editions, err := d.o.Store.Editions(ctx, list)
	if err != nil {
		return nil, 0, fmt.Errorf("reading editions of the status list: %w", err)
	}
	for i := range editions {
		if editions[i].Digest == committed.Digest {
			return &editions[i], committed.Version, nil
		}
	}
	return nil, committed.Version, nil
}

// List returns a list as it is to be served: the edition to which the issuer is
// committed on the ledger.
func (d *Desk) List(ctx context.Context, list string) (*Edition, error) {
	e, _, err := d.current(ctx, list)
	if err == nil && e == nil {
		err = ledger.Problemf(ledger.CodeNotFound, "there is no such status list")
	}
	return e, err
}

func (d *Desk) edition(list string, version int, change int64) (*Edition, error) {
	now := d.o.Now().UTC().Truncate(time.Second)
	as := status.Edition{URI: d.address(list), Issued: now, Expires: now.Add(editionLife), TTL: EditionTTL}
	e := &Edition{List: list, Version: version, Change: change, Expires: as.Expires}
	var err error
	if list == listToken {
		e.Body, err = d.token(as)
	} else {
		e.Body, err = d.bitstring(list, as)
	}
	if err != nil {
		return nil, fmt.Errorf("making an edition of the status list: %w", err)
	}
	e.Digest = ledger.BodyDigest(e.Body)
	return e, nil
}

// token signs the list under the key of the credentials, as some wallets want.
func (d *Desk) token(as status.Edition) ([]byte, error) {
	key, err := d.key(catalogue.SDJWT)
	if err != nil {
		return nil, err
	}
	token, err := d.list.Sign(key, keys.Header{KeyID: d.o.Web + "#" + key.ID()}, as)
	return []byte(token), err
}

func (d *Desk) bitstring(list string, as status.Edition) ([]byte, error) {
	purpose := status.Revocation
	if list == listSuspension {
		purpose = status.Suspension
	}
	key, err := d.key(catalogue.LD)
	if err != nil {
		return nil, err
	}
	unsigned, err := d.list.Credential(d.o.Web, purpose, as)
	if err != nil {
		return nil, err
	}
	subject, ok := unsigned["credentialSubject"].(map[string]any)
	id, named := subject["id"].(string)
	if !ok || !named {
		return nil, errors.New("the list's credential has no subject")
	}
	delete(subject, "id")
	return vc.Issue(d.o.Contexts, key, vc.Credential{
		ID: as.URI, Types: []string{"BitstringStatusListCredential"}, Issuer: d.o.Web, KeyID: d.o.Web + "#" + key.ID(),
		Issued: as.Issued, Begins: as.Issued, Expires: as.Expires, Holder: id, Subject: subject,
	})
}

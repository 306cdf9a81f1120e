package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/status"
	"github.com/secant-platform/secant/identity/vc"
)

// A status list, in its forms. Every credential has a place in one; whoever fetches it
// learns that it is one of so many. When a list is full, the next is begun.
const (
	capacity   = status.MinCapacity
	statusBits = 2 // valid, revoked, suspended
)

// form is how a list is published: each is a list of its own to whoever fetches it, and
// to the ledger.
type form struct {
	suffix  string         // of the list's number, which make its name
	purpose status.Purpose // empty: a Token Status List
}

var (
	token      = form{}
	revocation = form{"-revocation", status.Revocation}
	suspension = form{"-suspension", status.Suspension}
	forms      = []form{token, revocation, suspension}
)

func (f form) name(list int) string { return strconv.Itoa(list) + f.suffix }

// Lists names the status lists that the desk publishes, in all their forms.
func (d *Desk) Lists() []string {
	var names []string
	for n := range d.all() {
		for _, f := range forms {
			names = append(names, f.name(n+1))
		}
	}
	return names
}

// all returns the lists, the first first.
func (d *Desk) all() []*status.List {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lists // which only grows, or loses what nobody has a place in
}

// place takes a free place in the newest list, which it begins when the one before is
// full.
func (d *Desk) place(ctx context.Context) (list, index int, err error) {
	for {
		d.beginning.RLock()
		all := d.all()
		d.beginning.RUnlock()
		index, err := all[len(all)-1].Allocate()
		if ledger.CodeOf(err) != ledger.CodeTooLarge {
			return len(all), index, err
		}
		if err := d.begin(ctx, len(all)); err != nil {
			return 0, 0, fmt.Errorf("beginning another status list: %w", err)
		}
	}
}

// begin begins the list after one, unless somebody has. Nobody gets a place in it
// before it is published: verifiers refuse a credential whose list is not to be had.
func (d *Desk) begin(ctx context.Context, after int) error {
	d.beginning.Lock()
	defer d.beginning.Unlock()
	if len(d.all()) > after {
		return nil
	}
	l, err := status.New(capacity, statusBits)
	if err != nil {
		return err
	}
	d.setLists(append(slices.Clone(d.all()), l))
	if err := d.Publish(ctx); err != nil {
		d.setLists(d.all()[:after])
		return err
	}
	return nil
}

func (d *Desk) setLists(lists []*status.List) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lists = lists
}

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
// node of the consortium knows. A credential that is revoked stays so. One that has no
// status is not taken back, which is an error; but its offer gives no more of them.
func (d *Desk) SetStatus(ctx context.Context, id string, to status.Status) (*Record, error) {
	r, err := d.o.Store.Credential(ctx, id)
	if err != nil {
		return nil, err
	}
	if !r.HasStatus() {
		if to != status.Valid {
			if err := d.o.Store.EndOffer(ctx, r.Offer); err != nil {
				return nil, fmt.Errorf("ending an offer: %w", err)
			}
		}
		return nil, ledger.Problemf(ledger.CodeInvalid, "the credential is bound to nobody and has no status: it ends by itself, and cannot be taken back before")
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
	r.Status = to
	return d.set(*r)
}

// set puts a status into its list, under changing.
func (d *Desk) set(r Record) error {
	if err := d.all()[r.List-1].Set(r.Index, r.Status); err != nil {
		return fmt.Errorf("setting a status: %w", err)
	}
	return nil
}

// Turn returns the turn of a reference, for orders that are made now: see Order.
func (d *Desk) Turn(ctx context.Context, reference string) (int64, error) {
	return d.o.Store.Turn(ctx, reference)
}

// SetReference revokes, suspends or reinstates all that was issued under a reference:
// in every format, for every key. It returns what it changed, when every node of the
// consortium knows; one edition of each list tells all of it. What is revoked stays so,
// and of what has no status the rest returns that which it could not take back. Unless
// it reinstates, no order that was made before gives anything any more.
func (d *Desk) SetReference(ctx context.Context, reference string, to status.Status) (changed, rest []Record, err error) {
	if reference == "" || len(reference) > MaxReference {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "a reference has 1 to %d bytes", MaxReference)
	}
	if changed, rest, err = d.changeAll(ctx, reference, to); err != nil {
		return nil, nil, err
	}
	return changed, rest, d.Publish(ctx)
}

func (d *Desk) changeAll(ctx context.Context, reference string, to status.Status) (changed, rest []Record, err error) {
	d.changing.Lock()
	defer d.changing.Unlock()
	changed, without, err := d.o.Store.SetReference(ctx, reference, to)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range changed {
		err = errors.Join(err, d.set(r))
	}
	for _, r := range without {
		if to != status.Valid && d.o.Now().Before(r.Expires) {
			rest = append(rest, r)
		}
	}
	return changed, rest, err
}

// Publish publishes each list anew if it has changed since the edition to which
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
	var editions []Edition
	for i, l := range d.all() {
		change, err := d.o.Store.StatusChanges(ctx, i+1)
		if err != nil {
			return nil, fmt.Errorf("counting changes of status: %w", err)
		}
		for _, f := range forms {
			e, err := d.dueForm(ctx, l, f, f.name(i+1), change)
			if err != nil {
				return nil, err
			}
			if e != nil {
				editions = append(editions, *e)
			}
		}
	}
	return editions, nil
}

// dueForm makes the edition of a list's form that is to be published; nil: none is.
func (d *Desk) dueForm(ctx context.Context, l *status.List, f form, name string, change int64) (*Edition, error) {
	current, version, err := d.current(ctx, name)
	if err != nil {
		return nil, err
	}
	if current != nil && current.Change == change && current.Expires.Sub(d.o.Now()) > editionRenew {
		return nil, nil //nolint:nilnil // none is due, and that is no error
	}
	e, err := d.ready(ctx, name, version+1, change)
	if err != nil || e != nil {
		return e, err
	}
	return d.edition(l, f, name, version+1, change)
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

func (d *Desk) edition(l *status.List, f form, name string, version int, change int64) (*Edition, error) {
	now := d.o.Now().UTC().Truncate(time.Second)
	as := status.Edition{URI: d.address(name), Issued: now, Expires: now.Add(editionLife), TTL: EditionTTL}
	e := &Edition{List: name, Version: version, Change: change, Expires: as.Expires}
	var err error
	if f.purpose == "" {
		e.Body, err = d.token(l, as)
	} else {
		e.Body, err = d.bitstring(l, f.purpose, as)
	}
	if err != nil {
		return nil, fmt.Errorf("making an edition of the status list: %w", err)
	}
	e.Digest = ledger.BodyDigest(e.Body)
	return e, nil
}

// token signs the list under the key of the credentials, as some wallets want.
func (d *Desk) token(l *status.List, as status.Edition) ([]byte, error) {
	key, err := d.key(catalogue.SDJWT)
	if err != nil {
		return nil, err
	}
	text, err := l.Sign(key, keys.Header{KeyID: d.o.Web + "#" + key.ID()}, as)
	return []byte(text), err
}

func (d *Desk) bitstring(l *status.List, purpose status.Purpose, as status.Edition) ([]byte, error) {
	key, err := d.key(catalogue.LD)
	if err != nil {
		return nil, err
	}
	unsigned, err := l.Credential(d.o.Web, purpose, as)
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

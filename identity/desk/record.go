package desk

import (
	"context"
	"time"

	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/status"
)

// Record is what the desk keeps of a credential that it issued.
type Record struct {
	ID        string           `json:"id"` // 16 random bytes, hex; copies for several keys have one each
	Type      string           `json:"type"`
	Format    catalogue.Format `json:"format"`
	Reference string           `json:"reference"` // the issuer's own, to find it again; names nobody
	Holder    string           `json:"holder"`    // RFC 7638 thumbprint of the key to which it is bound; empty: to none
	Offer     string           `json:"offer"`     // drawn, of the offer by which it came; empty: none
	List      int              `json:"list"`      // which status list, from 1 on; 0: none
	Index     int              `json:"index"`     // place in it; below 0: none, and the number means nothing
	Status    status.Status    `json:"status"`
	Issued    time.Time        `json:"issued"`
	Expires   time.Time        `json:"expires"`
}

// HasStatus reports whether the credential can be taken back.
func (r *Record) HasStatus() bool { return r.Index >= 0 }

// Edition is one published state of the status list in one form.
type Edition struct {
	List    string    `json:"list"`    // name: the last part of its address
	Version int       `json:"version"` // as on the ledger
	Digest  string    `json:"digest"`
	Body    []byte    `json:"body"`
	Change  int64     `json:"change"` // how many changes of status it tells
	Expires time.Time `json:"expires"`
}

// Store keeps what the desk did. What it says is durable.
type Store interface {
	// Turn returns how often what was issued under a reference was taken back.
	Turn(ctx context.Context, reference string) (int64, error)
	// AddCredentials keeps new records of one order with their lasting signatures (by the
	// digest of what each is over), all or none; denied when their offer has ended, or
	// when their reference has had another turn.
	AddCredentials(ctx context.Context, records []Record, lasting map[string]string, turn int64) error
	// Credential returns one; not_found.
	Credential(ctx context.Context, id string) (*Record, error)
	// EachCredential calls use for every record that has not expired long ago.
	EachCredential(ctx context.Context, use func(Record) error) error
	// SetCredential changes a credential's status and counts the change; conflict
	// when its status is not before any more. It ends the offer of one that is not
	// valid afterwards.
	SetCredential(ctx context.Context, id string, before, after status.Status) error
	// EndOffer ends the offer by which a credential came that has no status of its own.
	EndOffer(ctx context.Context, offer string) error
	// SetReference changes the status of all that was issued under a reference and is
	// not revoked, as SetCredential does, all or none; it returns what it changed, and
	// what has no status to change. Unless it makes them valid, the reference has another
	// turn.
	SetReference(ctx context.Context, reference string, after status.Status) (changed, without []Record, err error)
	// StatusChanges returns how many changes of status there were in a list.
	StatusChanges(ctx context.Context, list int) (int64, error)
	// AddEditions keeps editions beside all of the version before, which is the one
	// that is committed to, and the newest of those made for the same version; those
	// still older go.
	AddEditions(ctx context.Context, editions []Edition) error
	// Editions returns the editions of a list that are kept, the newest first.
	Editions(ctx context.Context, list string) ([]Edition, error)
}

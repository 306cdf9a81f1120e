package agreement

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The kinds of what is kept while an agreement goes on.
const (
	kindStep      = "agreement"           // a step, by its id
	kindChallenge = "agreement.challenge" // which step and seat, by what a wallet signs
	kindShown     = "agreement.shown"     // what a person showed, by a signature's Shown
	kindReady     = "agreement.ready"     // what travels beside a transaction, by its request
)

// step is an agreement as it is kept.
type step struct {
	ID        string          `json:"id"` // 16 random bytes, hex
	Role      ledger.Role     `json:"role"`
	Function  string          `json:"function"`
	Request   json.RawMessage `json:"request"` // as it is submitted
	Prepared  time.Time       `json:"prepared"`
	Expires   time.Time       `json:"expires"`
	Seats     []seat          `json:"seats"`
	Begun     bool            `json:"begun,omitempty"`     // it goes to the outbox, and is not late any more
	Operation string          `json:"operation,omitempty"` // in the outbox
}

// seat is the place of one person.
type seat struct {
	Statement ledger.Statement `json:"statement"`
	Link      string           `json:"link,omitempty"`
	Signed    *signature       `json:"signed,omitempty"`
}

// signature is a person's, without what could tell who that is.
type signature struct {
	At           time.Time `json:"at"`
	Organisation string    `json:"organisation"`
	Commitment   string    `json:"commitment"`
	Shown        string    `json:"shown,omitempty"` // where what the person showed is kept; empty: not any more
}

// shown is what a person showed. It is kept until the transaction is submitted, or the
// time to sign is over.
type shown struct {
	Presentation string `json:"presentation"`
	Lists        []list `json:"lists,omitempty"`
}

// list is a status list on which a credential stands.
type list struct {
	Issuer string `json:"issuer"`
	URI    string `json:"uri"`
}

// ready is what travels beside a transaction.
type ready struct {
	Step       string `json:"step"`       // whose it is
	Statements []byte `json:"statements"` // by ledger.EncodeStatements
	Lists      []list `json:"lists,omitempty"`
}

// place is the seat of a challenge.
type place struct {
	Step string `json:"step"`
	Seat int    `json:"seat"`
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func digest(parts ...string) string {
	sum := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(sum, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// signed reports whether all have signed.
func (s *step) signed() bool {
	return !slices.ContainsFunc(s.Seats, func(s seat) bool { return s.Signed == nil })
}

// late reports whether it is too late to begin: the ledger takes no signature that is
// older.
func (s *step) late(now time.Time) bool { return !s.Begun && !now.Before(s.Expires) }

// open returns nil when a seat can be signed.
func (s *step) open(seat int, now time.Time) error {
	if s.Seats[seat].Signed != nil {
		return ledger.Problemf(ledger.CodeGone, "this has been signed")
	}
	if !now.Before(s.Expires) {
		return ledger.Problemf(ledger.CodeGone, "the time to sign this is over")
	}
	return nil
}

// take gives a seat to whoever signed, with the key of this thumbprint, which must be
// somebody else than the others.
func (s *step) take(seat int, by *signature, holder string, now time.Time) error {
	if err := s.open(seat, now); err != nil {
		return err
	}
	for _, other := range s.Seats {
		if other.Signed == nil {
			continue
		}
		challenge, err := other.Statement.Challenge()
		if err != nil {
			return err
		}
		switch {
		case other.Signed.Commitment == ledger.StatementCommitment(challenge, holder):
			return ledger.Problemf(ledger.CodeDenied, "one person cannot sign twice")
		case other.Signed.Organisation == by.Organisation:
			return ledger.Problemf(ledger.CodeDenied, "the persons must be of different organisations, and one of this has signed")
		}
	}
	s.Seats[seat].Signed = by
	return nil
}

// load returns a step, and its bytes as they are kept.
func (d *Desk) load(ctx context.Context, id string) (*step, []byte, error) {
	b, err := d.o.Flows.Flow(ctx, kindStep, digest(id))
	if err != nil {
		return nil, nil, err
	}
	s := new(step)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, nil, fmt.Errorf("decoding an agreement: %w", err)
	}
	return s, b, nil
}

// changes is how often a change is tried against those of others.
const changes = 8

// change changes a step. Whoever comes second does it on what the first left.
func (d *Desk) change(ctx context.Context, id string, do func(*step) error) (*step, error) {
	var err error
	for range changes {
		var s *step
		var before, after []byte
		if s, before, err = d.load(ctx, id); err != nil {
			return nil, err
		}
		if err := do(s); err != nil {
			return nil, err
		}
		if after, err = json.Marshal(s); err != nil {
			return nil, fmt.Errorf("encoding an agreement: %w", err)
		}
		if err = d.o.Flows.UpdateFlow(ctx, kindStep, digest(id), before, after); ledger.CodeOf(err) != ledger.CodeConflict {
			return s, err
		}
	}
	return nil, err
}

// remember notes where a wallet's answer belongs.
func (d *Desk) remember(ctx context.Context, s *step, seat int) error {
	challenge, err := s.Seats[seat].Statement.Challenge()
	if err != nil {
		return err
	}
	b, err := json.Marshal(place{s.ID, seat})
	if err != nil {
		return fmt.Errorf("encoding an agreement: %w", err)
	}
	return d.o.Flows.CreateFlow(ctx, kindChallenge, digest(challenge), b, s.Expires)
}

// placeOf finds where a wallet's answer belongs.
func (d *Desk) placeOf(ctx context.Context, challenge string) (*place, error) {
	b, err := d.o.Flows.Flow(ctx, kindChallenge, digest(challenge))
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, ledger.Problemf(ledger.CodeGone, "nobody waits for this signature, or not any more")
	}
	if err != nil {
		return nil, err
	}
	p := new(place)
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("decoding an agreement: %w", err)
	}
	return p, nil
}

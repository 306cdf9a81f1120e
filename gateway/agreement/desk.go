package agreement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// Life is how long persons have to sign. The ledger takes no signature that is
// older when the transaction is endorsed, so that the first of several still counts
// when the last comes.
const Life = ledger.MaxKeyBindingAge

// kept is for how long the outcome is told after that.
const kept = 24 * time.Hour

// Options are what a Desk works with. All but Ask, Client and Logger are needed.
type Options struct {
	Network string // as in the members' DIDs
	Channel string

	// Ask begins a request to a wallet, and Client is the client identifier under
	// which the organisation asks for statements, and for no other SD-JWT VC. Without
	// Client, statements are signed from files only.
	Ask    func(ctx context.Context, q oid4vp.Question) (*oid4vp.Asked, error)
	Client string

	// Judge has the strict verifier judge a presentation of a credential of a type,
	// which its holder must have signed for the nonce and the audience.
	Judge func(ctx context.Context, token, credentialType, nonce, audience string) (*check.Credential, error)
	// List returns the status list at an address to which its issuer is committed on
	// the ledger now, as it is published.
	List func(ctx context.Context, issuer, uri string) ([]byte, error)
	// Start hands a transaction to the outbox, once under a key, and Operation tells
	// what became of it.
	Start     func(ctx context.Context, key string, role ledger.Role, name string, request json.RawMessage) (*fact.Operation, error)
	Operation func(ctx context.Context, id string) (fact.Operation, error)

	Flows  oid4vp.Flows
	Now    func() time.Time
	Logger *slog.Logger // nil: nothing is logged
}

// Desk gathers signatures. It is safe for concurrent use, and keeps what it has to
// know in its Flows, so that a restart loses nothing.
type Desk struct {
	o      Options
	claims sync.Mutex // see claim
}

// New checks the options.
func New(o Options) (*Desk, error) {
	if o.Network == "" || o.Channel == "" || o.Judge == nil || o.List == nil || o.Start == nil || o.Operation == nil || o.Flows == nil || o.Now == nil {
		return nil, errors.New("making a statement desk: it needs a ledger's name, a judge, status lists, an outbox, flows and a clock")
	}
	if o.Client != "" && (o.Ask == nil || !ledger.IsStatementClient(o.Client)) {
		return nil, errors.New("making a statement desk: its client cannot ask for statements")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Desk{o: o}, nil
}

// Order is a transaction for which persons are to sign.
type Order struct {
	Role     ledger.Role // as which the node submits it
	Function string
	Request  any
}

// State is how far an agreement has come.
type State string

// The states.
const (
	Waiting   State = "waiting"   // for persons
	Submitted State = "submitted" // all have signed, and it is on its way to the ledger
	Done      State = "done"      // it stands on the ledger
	Failed    State = "failed"    // the ledger refused it
	Expired   State = "expired"   // not all signed, or it could not be submitted, in time
)

// Agreement is a transaction with the persons that it takes.
type Agreement struct {
	ID         string
	Function   string
	Says       []string // what each person agrees to, in plain words
	Credential string   // type that each person's credential must have
	State      State
	Prepared   time.Time
	Expires    time.Time // until when persons can sign
	Persons    []Person
	Operation  *fact.Operation // once it is submitted
}

// Person is somebody who signs, or has signed.
type Person struct {
	Number    int    // from 1
	Link      string // for a wallet; empty: there is none, or it is signed
	Statement holder.Explained
	Signed    time.Time // zero: not yet

	// Of one who has signed:
	Organisation string // MSP id of the organisation whose issuer vouches for the person
	Commitment   string // what the ledger keeps of the statement
}

// Prepare makes the statements and asks for signatures. Problems: conflict when the
// same has been signed, and the ledger has not refused it.
func (d *Desk) Prepare(ctx context.Context, o Order) (*Agreement, error) {
	request, err := holder.Encode(o.Request)
	if err != nil {
		return nil, err
	}
	about, err := holder.StepOf(o.Function, request)
	if err != nil {
		return nil, err
	}
	if err := d.free(ctx, "", o.Function, request); err != nil {
		return nil, err
	}
	now := d.o.Now().UTC().Truncate(time.Millisecond)
	s := &step{ID: newID(), Role: o.Role, Function: o.Function, Request: request, Prepared: now, Expires: now.Add(Life)}
	for range about.Count {
		statement, err := holder.NewStatement(holder.Order{
			Network: d.o.Network, Channel: d.o.Channel, Function: o.Function, Request: request,
			Record: about.Record, Revision: about.Revision, Expires: s.Expires,
		})
		if err != nil {
			return nil, err
		}
		seat := seat{Statement: *statement}
		if seat.Link, err = d.ask(ctx, s, about, statement); err != nil {
			return nil, err
		}
		s.Seats = append(s.Seats, seat)
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding an agreement: %w", err)
	}
	if err := d.o.Flows.CreateFlow(ctx, kindStep, digest(s.ID), b, s.Expires.Add(kept)); err != nil {
		return nil, err
	}
	for i := range s.Seats {
		if err := d.remember(ctx, s, i); err != nil {
			return nil, err
		}
	}
	return d.view(ctx, s)
}

// ask asks some wallet to sign, by a link; empty: the desk cannot ask.
func (d *Desk) ask(ctx context.Context, s *step, about *holder.Step, statement *ledger.Statement) (string, error) {
	if d.o.Client == "" {
		return "", nil
	}
	challenge, err := statement.Challenge()
	if err != nil {
		return "", err
	}
	shown, err := json.Marshal(holder.Explained{Statement: *statement, Request: string(s.Request)})
	if err != nil {
		return "", fmt.Errorf("encoding a statement: %w", err)
	}
	asked, err := d.o.Ask(ctx, oid4vp.Question{
		Query: &oid4vp.Query{Credentials: []oid4vp.CredentialQuery{{
			ID: "person", Format: oid4vp.FormatSDJWT, Meta: oid4vp.Meta{Types: []string{about.Credential}}, // and no claim: a statement shows nothing
		}}},
		ClientID: d.o.Client, Nonce: challenge, Statement: shown, Post: true, Life: s.Expires.Sub(d.o.Now()),
	})
	if err != nil {
		return "", fmt.Errorf("asking for a signature: %w", err)
	}
	return asked.Link, nil
}

// Agreement tells how far an agreement has come. Problems: not_found.
func (d *Desk) Agreement(ctx context.Context, id string) (*Agreement, error) {
	s, _, err := d.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.signed() && s.Operation == "" { // the node stopped, or the outbox was full
		next, err := d.submit(ctx, id)
		if err == nil {
			s = next
		} else { // it is signed all the same, and whoever asks next tries again
			d.o.Logger.WarnContext(ctx, "signed transaction not submitted yet", slog.Any("error", err))
		}
	}
	return d.view(ctx, s)
}

// Renew asks anew for a person's signature: the request before was declined, or
// somebody spoilt it by wrong answers. Problems: not_found, and gone for what was
// signed or has expired.
func (d *Desk) Renew(ctx context.Context, id string, number int) (*Agreement, error) {
	s, _, err := d.load(ctx, id)
	if err != nil {
		return nil, err
	}
	if number < 1 || number > len(s.Seats) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the agreement has no such person")
	}
	if err := s.open(number-1, d.o.Now()); err != nil {
		return nil, err
	}
	about, err := holder.StepOf(s.Function, s.Request)
	if err != nil {
		return nil, err
	}
	link, err := d.ask(ctx, s, about, &s.Seats[number-1].Statement)
	if err != nil {
		return nil, err
	}
	s, err = d.change(ctx, id, func(s *step) error {
		s.Seats[number-1].Link = link
		return s.open(number-1, d.o.Now())
	})
	if err != nil {
		return nil, err
	}
	return d.view(ctx, s)
}

// view is what is told of an agreement.
func (d *Desk) view(ctx context.Context, s *step) (*Agreement, error) {
	about, err := holder.StepOf(s.Function, s.Request)
	if err != nil {
		return nil, err
	}
	a := &Agreement{
		ID: s.ID, Function: s.Function, Says: about.Says, Credential: about.Credential, State: Waiting, Prepared: s.Prepared, Expires: s.Expires,
	}
	for i, seat := range s.Seats {
		p := Person{Number: i + 1, Link: seat.Link, Statement: holder.Explained{Statement: seat.Statement, Request: string(s.Request)}}
		if seat.Signed != nil {
			p.Link, p.Signed, p.Organisation, p.Commitment = "", seat.Signed.At, seat.Signed.Organisation, seat.Signed.Commitment
		}
		a.Persons = append(a.Persons, p)
	}
	switch {
	case s.Operation != "":
		op, err := d.o.Operation(ctx, s.Operation)
		if err != nil {
			return nil, err
		}
		a.Operation, a.State = &op, Submitted
		if i := slices.Index([]fact.State{fact.StateDone, fact.StateFailed}, op.State); i >= 0 {
			a.State = []State{Done, Failed}[i]
		}
	case s.late(d.o.Now()):
		a.State = Expired
	case s.signed():
		a.State = Submitted
	}
	return a, nil
}

package agreement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// Judge judges what a wallet answers to a request of the desk's, and takes it as
// the person's signature: see oid4vp.Judge. Nothing of it is shown to anybody.
func (d *Desk) Judge(ctx context.Context, p oid4vp.Presented, w oid4vp.Want) (*oid4vp.Judged, error) {
	if d.o.Client == "" || w.Audience != d.o.Client || p.Format != oid4vp.FormatSDJWT {
		return nil, ledger.Problemf(ledger.CodeInvalid, "this is no answer to a request for a signature")
	}
	credentialType, err := d.sign(ctx, "", w.Nonce, p.Token, w.Audience)
	if err != nil {
		return nil, err
	}
	return &oid4vp.Judged{Types: []string{credentialType}}, nil
}

// Sign takes a statement that was signed from its file. Problems: not_found for an
// agreement that is not there, gone for what was signed before or too late, denied
// for a person who may not sign this, or not beside those who have, conflict while the
// same stands signed elsewhere, invalid for a signature that does not hold. Whatever is refused changes nothing.
func (d *Desk) Sign(ctx context.Context, id string, signed ledger.HolderStatement) (*Agreement, error) {
	if _, _, err := d.load(ctx, id); err != nil {
		return nil, err
	}
	challenge, err := signed.Statement.Challenge()
	if err != nil {
		return nil, err
	}
	if _, err := d.sign(ctx, id, challenge, signed.Presentation, ledger.StatementAudience(d.o.Network, d.o.Channel)); err != nil {
		return nil, err
	}
	return d.Agreement(ctx, id)
}

// sign takes a signature on the statement of a challenge, which is of the agreement
// id unless that is empty, and returns the type of the credential.
func (d *Desk) sign(ctx context.Context, id, challenge, presentation, audience string) (string, error) {
	at, err := d.placeOf(ctx, challenge)
	if err != nil {
		return "", err
	}
	if id != "" && at.Step != id {
		return "", ledger.Problemf(ledger.CodeInvalid, "the statement is of another agreement")
	}
	s, _, err := d.load(ctx, at.Step)
	if err != nil {
		return "", err
	}
	if err := s.open(at.Seat, d.o.Now()); err != nil {
		return "", err
	}
	about, err := holder.StepOf(s.Function, s.Request)
	if err != nil {
		return "", err
	}
	if err := d.free(ctx, s.ID, s.Function, s.Request); err != nil {
		return "", err
	}
	c, showed, err := d.judge(ctx, &s.Seats[at.Seat], about.Credential, challenge, presentation, audience)
	if err != nil {
		return "", err
	}
	by := &signature{
		At: d.o.Now().UTC(), Organisation: c.Standing.Organisation, Commitment: ledger.StatementCommitment(challenge, c.HolderID()), Shown: newID(),
	}
	// From here on it counts, whether or not whoever sent it waits for the answer.
	ctx = context.WithoutCancel(ctx)
	if err := d.keep(ctx, s, by, showed); err != nil {
		return "", err
	}
	s, err = d.change(ctx, at.Step, func(s *step) error { return s.take(at.Seat, by, c.HolderID(), d.o.Now()) })
	if err != nil {
		return "", errors.Join(err, d.forget(ctx, by))
	}
	if s.signed() {
		if _, err := d.submit(ctx, s.ID); err != nil { // whoever asks for the agreement tries again
			d.o.Logger.WarnContext(ctx, "signed transaction not submitted yet", slog.Any("error", err))
		}
	}
	return about.Credential, nil
}

// keep keeps what a person showed, until the time to sign is over.
func (d *Desk) keep(ctx context.Context, s *step, by *signature, is *shown) error {
	b, err := json.Marshal(is)
	if err != nil {
		return fmt.Errorf("encoding a signature: %w", err)
	}
	return d.o.Flows.CreateFlow(ctx, kindShown, digest(by.Shown), b, s.Expires)
}

// forget removes what a person showed.
func (d *Desk) forget(ctx context.Context, by *signature) error {
	if _, err := d.o.Flows.TakeFlow(ctx, kindShown, digest(by.Shown)); err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return err
	}
	return nil
}

// judge judges a signature as every credential is judged, and then as the ledger
// will read it.
func (d *Desk) judge(ctx context.Context, at *seat, credentialType, challenge, presentation, audience string) (*check.Credential, *shown, error) {
	c, err := d.o.Judge(ctx, presentation, credentialType, challenge, audience)
	if err != nil {
		return nil, nil, err
	}
	b, err := ledger.EncodeStatements(ledger.HolderStatement{Statement: at.Statement, Presentation: presentation})
	if err != nil {
		return nil, nil, err
	}
	parsed, err := verify.ParseStatements(b)
	if err != nil {
		return nil, nil, err
	}
	if parsed[0].Presentation.ClaimedIssuer != c.Standing.Issuer {
		return nil, nil, ledger.Problemf(ledger.CodeDenied, "the credential names its issuer in another way than by its DID on the ledger")
	}
	is := &shown{Presentation: presentation}
	for _, ref := range c.Status {
		is.Lists = append(is.Lists, list{c.Standing.Issuer, ref.URI})
	}
	return c, is, nil
}

// submit hands the transaction to the outbox, however often it is called, and then
// forgets what the persons showed.
func (d *Desk) submit(ctx context.Context, id string) (*step, error) {
	s, _, err := d.load(ctx, id)
	if err != nil || s.Operation != "" || s.late(d.o.Now()) {
		return s, err
	}
	if !s.Begun {
		if err := d.claim(ctx, s); err != nil {
			return nil, err
		}
		if s, err = d.change(ctx, id, func(s *step) error { s.Begun = true; return nil }); err != nil {
			return nil, err
		}
	}
	op, err := d.o.Start(ctx, "agreement "+s.ID, s.Role, s.Function, s.Request)
	if err != nil {
		return nil, err
	}
	signed := s.Seats
	if s, err = d.change(ctx, id, func(s *step) error {
		s.Operation = op.ID
		for i := range s.Seats {
			s.Seats[i].Link, s.Seats[i].Signed.Shown = "", ""
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for _, seat := range signed {
		if err := d.forget(ctx, seat.Signed); err != nil { // it goes when the time to sign is over
			d.o.Logger.WarnContext(ctx, "signature not forgotten yet", slog.Any("error", err))
		}
	}
	return s, nil
}

// gather returns what travels beside a step's transaction.
func (d *Desk) gather(ctx context.Context, s *step) (*ready, error) {
	r := &ready{Step: s.ID}
	statements := make([]ledger.HolderStatement, len(s.Seats))
	for i, seat := range s.Seats {
		b, err := d.o.Flows.Flow(ctx, kindShown, digest(seat.Signed.Shown))
		if err != nil {
			return nil, fmt.Errorf("finding a signature: %w", err)
		}
		var is shown
		if err := json.Unmarshal(b, &is); err != nil {
			return nil, fmt.Errorf("decoding a signature: %w", err)
		}
		statements[i] = ledger.HolderStatement{Statement: seat.Statement, Presentation: is.Presentation}
		for _, l := range is.Lists {
			if !slices.Contains(r.Lists, l) {
				r.Lists = append(r.Lists, l)
			}
		}
	}
	var err error
	r.Statements, err = ledger.EncodeStatements(statements...)
	return r, err
}

// claim has what a step's persons signed travel beside its transaction, which one step
// at a time can have: of another on the same request, it would be taken away.
func (d *Desk) claim(ctx context.Context, s *step) error {
	r, err := d.gather(ctx, s)
	if err != nil {
		return err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding signatures: %w", err)
	}
	d.claims.Lock()
	defer d.claims.Unlock()
	if err := d.free(ctx, s.ID, s.Function, s.Request); err != nil {
		return err
	}
	key := readyKey(s.Function, s.Request)
	if _, err := d.o.Flows.TakeFlow(ctx, kindReady, key); err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return err
	}
	return d.o.Flows.CreateFlow(ctx, kindReady, key, b, s.Expires)
}

// ready returns what travels beside a request; nil: nothing does, or not any more.
func (d *Desk) ready(ctx context.Context, function string, request []byte) (*ready, error) {
	b, err := d.o.Flows.Flow(ctx, kindReady, readyKey(function, request))
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, nil //nolint:nilnil // nothing, and no error
	}
	if err != nil {
		return nil, err
	}
	r := new(ready)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("decoding signatures: %w", err)
	}
	return r, nil
}

// free returns nil when a step may submit a request: no other has, or the ledger has
// refused it. Problems: conflict.
func (d *Desk) free(ctx context.Context, id, function string, request []byte) error {
	r, err := d.ready(ctx, function, request)
	if err != nil || r == nil || r.Step == id {
		return err
	}
	other, _, err := d.load(ctx, r.Step)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if other.Operation != "" {
		op, err := d.o.Operation(ctx, other.Operation)
		if err != nil {
			return err
		}
		if op.State == fact.StateFailed {
			return nil
		}
	}
	return ledger.Problemf(ledger.CodeConflict, "the same has been signed already, and is on its way to the ledger")
}

func readyKey(function string, request []byte) string { return digest(function, string(request)) }

// Beside returns what travels to the endorsers beside a transaction, whenever it is
// endorsed: the statements, and the status lists as they are at that moment. Nil:
// nothing does.
func (d *Desk) Beside(ctx context.Context, function string, request []byte) (map[string][]byte, error) {
	if !holder.Signs(function) {
		return nil, nil //nolint:nilnil // no map, and no error
	}
	r, err := d.ready(ctx, function, request)
	if err != nil || r == nil {
		return nil, err // its time is over: the ledger says so
	}
	beside := map[string][]byte{ledger.TransientStatements: r.Statements}
	var lists []string
	for _, l := range r.Lists {
		b, err := d.o.List(ctx, l.Issuer, l.URI)
		if err != nil {
			return nil, fmt.Errorf("fetching a status list: %w", err)
		}
		lists = append(lists, string(b))
	}
	if len(lists) > 0 {
		if beside[ledger.TransientStatusLists], err = json.Marshal(lists); err != nil {
			return nil, fmt.Errorf("encoding status lists: %w", err)
		}
	}
	return beside, nil
}

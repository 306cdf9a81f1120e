package agreement

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
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
// for a person who may not sign this, or not beside those who have, invalid for a
// signature that does not hold. Whatever is refused changes nothing.
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
	by, err := d.judge(ctx, &s.Seats[at.Seat], about.Credential, challenge, presentation, audience)
	if err != nil {
		return "", err
	}
	// From here on it counts, whether or not whoever sent it waits for the answer.
	ctx = context.WithoutCancel(ctx)
	s, err = d.change(ctx, at.Step, func(s *step) error { return s.take(at.Seat, by, d.o.Now()) })
	if err != nil {
		return "", err
	}
	if s.signed() {
		if _, err := d.submit(ctx, s.ID); err != nil { // whoever asks for the agreement tries again
			d.o.Logger.WarnContext(ctx, "signed transaction not submitted yet", slog.Any("error", err))
		}
	}
	return about.Credential, nil
}

// judge judges a signature as every credential is judged, and then as the ledger
// will read it.
func (d *Desk) judge(ctx context.Context, at *seat, credentialType, challenge, presentation, audience string) (*signature, error) {
	c, err := d.o.Judge(ctx, presentation, credentialType, challenge, audience)
	if err != nil {
		return nil, err
	}
	b, err := ledger.EncodeStatements(ledger.HolderStatement{Statement: at.Statement, Presentation: presentation})
	if err != nil {
		return nil, err
	}
	parsed, err := verify.ParseStatements(b)
	if err != nil {
		return nil, err
	}
	if parsed[0].Presentation.ClaimedIssuer != c.Standing.Issuer {
		return nil, ledger.Problemf(ledger.CodeDenied, "the credential names its issuer in another way than by its DID on the ledger")
	}
	by := &signature{
		At: d.o.Now().UTC(), Organisation: c.Standing.Organisation, Holder: c.HolderID(),
		Commitment: ledger.StatementCommitment(challenge, c.HolderID()), Presentation: presentation,
	}
	for _, ref := range c.Status {
		by.Lists = append(by.Lists, list{c.Standing.Issuer, ref.URI})
	}
	return by, nil
}

// submit hands the transaction to the outbox, however often it is called, and then
// forgets who signed.
func (d *Desk) submit(ctx context.Context, id string) (*step, error) {
	s, _, err := d.load(ctx, id)
	if err != nil || s.Operation != "" {
		return s, err
	}
	var r ready
	statements := make([]ledger.HolderStatement, len(s.Seats))
	for i, seat := range s.Seats {
		statements[i] = ledger.HolderStatement{Statement: seat.Statement, Presentation: seat.Signed.Presentation}
		for _, l := range seat.Signed.Lists {
			if !slices.Contains(r.Lists, l) {
				r.Lists = append(r.Lists, l)
			}
		}
	}
	if r.Statements, err = ledger.EncodeStatements(statements...); err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding signatures: %w", err)
	}
	// Those of an agreement to the same request may be there, which the ledger may have
	// refused.
	key := readyKey(s.Function, s.Request)
	if _, err := d.o.Flows.TakeFlow(ctx, kindReady, key); err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return nil, err
	}
	if err := d.o.Flows.CreateFlow(ctx, kindReady, key, b, s.Expires); err != nil && ledger.CodeOf(err) != ledger.CodeAlreadyExists {
		return nil, err
	}
	op, err := d.o.Start(ctx, "agreement "+s.ID, s.Role, s.Function, s.Request)
	if err != nil {
		return nil, err
	}
	return d.change(ctx, id, func(s *step) error {
		s.Operation = op.ID
		for i := range s.Seats {
			by := s.Seats[i].Signed
			s.Seats[i].Link, by.Holder, by.Presentation, by.Lists = "", "", "", nil
		}
		return nil
	})
}

func readyKey(function string, request []byte) string { return digest(function, string(request)) }

// Beside returns what travels to the endorsers beside a transaction, whenever it is
// endorsed: the statements, and the status lists as they are at that moment. Nil:
// nothing does.
func (d *Desk) Beside(ctx context.Context, function string, request []byte) (map[string][]byte, error) {
	if !holder.Signs(function) {
		return nil, nil //nolint:nilnil // no map, and no error
	}
	b, err := d.o.Flows.Flow(ctx, kindReady, readyKey(function, request))
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, nil //nolint:nilnil // its time is over: the ledger says so
	}
	if err != nil {
		return nil, err
	}
	var r ready
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("decoding signatures: %w", err)
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

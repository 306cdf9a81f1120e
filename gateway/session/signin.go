package session

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// Who signs in, as far as it decides what a wallet is asked for. What they may do
// follows from what it shows.
const (
	Staff   = "staff"
	Patient = "patient"
)

// The credential types by which people sign in.
const (
	typeStaff   = "StaffRole"
	typePatient = "Patient"
)

// staffRoles are those that a person can have, other than a patient's.
var staffRoles = slices.DeleteFunc(slices.Clone(auth.Roles), func(r auth.Role) bool { return r == auth.RolePatient })

// Wish is how somebody would like to sign in.
type Wish struct {
	Means Means
	Who   string // for a wallet: Staff or Patient
	Same  bool   // for a wallet: it is on this device, whose browser comes back
}

// Begun is a sign-in on its way.
type Begun struct {
	Link    string    // for the wallet, or the page of the provider
	Ticket  string    // secret of whoever began: it opens what came of it
	Expires time.Time //
}

// Begin begins a sign-in.
func (s *Sessions) Begin(ctx context.Context, w Wish) (*Begun, error) {
	if w.Means == ByProvider {
		return s.askProvider(ctx)
	}
	if s.o.Wallets == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "nobody can sign in by wallet here: the node has no public address")
	}
	if questions[w.Who] == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "who signs in must be staff or patient")
	}
	asked, err := s.o.Wallets.AskStanding(questionName(w.Who, w.Same))
	if err != nil {
		return nil, err
	}
	return &Begun{asked.Link, asked.Ticket + "." + s.mark(asked.Ticket), asked.Expires}, nil
}

// mark says that a ticket is of a sign-in: what a wallet was asked for another
// purpose, with its holder's consent to that, signs nobody in.
func (s *Sessions) mark(ticket string) string {
	return base64.RawURLEncoding.EncodeToString(s.mac("sign-in", ticket))
}

// Answer is what whoever began a sign-in brings to end it.
type Answer struct {
	Ticket       string
	ResponseCode string // that a browser came back with from a wallet
	Code         string // that a browser came back with from the provider
	State        string // with Code
	Issuer       string // with Code (RFC 9207); empty: the provider does not say
}

// Finish exchanges the ticket of a sign-in for a session: once, and by whoever has
// the key of the request's proof. Nil: nothing was answered yet.
func (s *Sessions) Finish(r *http.Request, a Answer) (*Grant, error) {
	p, err := s.key(r)
	if err != nil {
		return nil, err
	}
	var st *state
	if strings.HasPrefix(a.Ticket, providerTicket) {
		st, err = s.askedProvider(r.Context(), a)
	} else {
		st, err = s.shown(r.Context(), a)
	}
	if st == nil || err != nil {
		return nil, err
	}
	return s.begin(r.Context(), *st, p)
}

func noSignIn() error {
	return ledger.Problemf(ledger.CodeNotFound, "there is no such sign-in, or its time is over")
}

// Shown is what the judge of presentations tells of each that it accepts, beside the
// claims that were asked for: oid4vp.Judged.Detail.
type Shown struct {
	check.Accepted
	Holder string `json:"holder"`         // thumbprint of the key
	Role   string `json:"role,omitempty"` // as the credential has it; empty: it has none
	At     string `json:"at,omitempty"`   // the organisation at which, as the credential has it
}

// shown returns the session that a wallet's answer gives; nil: there is none yet.
func (s *Sessions) shown(ctx context.Context, a Answer) (*state, error) {
	end := strings.LastIndexByte(a.Ticket, '.')
	if s.o.Wallets == nil || end < 0 || !hmac.Equal([]byte(a.Ticket[end+1:]), []byte(s.mark(a.Ticket[:end]))) {
		return nil, noSignIn()
	}
	r, err := s.o.Wallets.Result(ctx, a.Ticket[:end], a.ResponseCode)
	if err != nil {
		return nil, err
	}
	switch r.Outcome {
	case oid4vp.Waiting:
		return nil, nil //nolint:nilnil // an answer that has not come is no error
	case oid4vp.Answered:
	default:
		return nil, ledger.Problemf(ledger.CodeDenied, "the wallet showed no credential that is accepted")
	}
	var all []oid4vp.Judged
	for _, list := range r.Shown {
		all = append(all, list...)
	}
	if len(all) != 1 {
		return nil, ledger.Problemf(ledger.CodeDenied, "one credential is needed to sign in, and no more")
	}
	st, err := s.stateOf(all[0])
	if err != nil {
		return nil, err
	}
	if !r.SameDevice && sameDeviceOnly(st.Role) {
		return nil, ledger.Problemf(ledger.CodeDenied, "this role signs in with the wallet on the same device: what is shown on another screen may be somebody else's sign-in")
	}
	return st, nil
}

// sameDeviceOnly reports whether whoever has a role is worth deceiving: a question on
// another device can be passed on, so that somebody else gets the session. It is asked
// of those who say for the organisation what is so, among its members, of people and
// of devices.
func sameDeviceOnly(r auth.Role) bool {
	return r.Has(auth.ConsortiumGovern) || r.Has(auth.CredentialsIssue) || r.Has(auth.RecallsWrite)
}

// stateOf returns the session that a credential gives. Its role is said by the
// organisation of this node, of its own staff and patients: nobody is something
// here by another's word.
func (s *Sessions) stateOf(j oid4vp.Judged) (*state, error) {
	var d Shown
	if err := json.Unmarshal(j.Detail, &d); err != nil {
		return nil, fmt.Errorf("decoding a verdict: %w", err)
	}
	if d.Organisation != s.o.Organisation {
		return nil, ledger.Problemf(ledger.CodeDenied, "the credential is of another organisation")
	}
	st := &state{Means: ByWallet, Credential: &d.Accepted}
	switch d.Type {
	case typePatient:
		st.Role = auth.RolePatient
	case typeStaff:
		st.Role = auth.Role(d.Role)
		if !slices.Contains(staffRoles, st.Role) {
			return nil, ledger.Problemf(ledger.CodeDenied, "the credential gives no role that exists here")
		}
		if d.At != s.o.Organisation {
			return nil, ledger.Problemf(ledger.CodeDenied, "the credential gives a role at another organisation")
		}
	default:
		return nil, ledger.Problemf(ledger.CodeDenied, "nobody signs in by credentials of this type")
	}
	if d.Holder == "" {
		return nil, errors.New("signing in: the judge does not say who holds the credential")
	}
	st.Subject = s.pseudonym(ByWallet, d.Holder)
	return st, nil
}

// Questions are what wallets are asked so that people sign in, for the one who asks
// them: see Wallets. A browser on the wallet's device comes back to a page.
func Questions(page string) map[string]oid4vp.Question {
	all := map[string]oid4vp.Question{}
	for who, q := range questions {
		all[questionName(who, true)] = oid4vp.Question{Query: q, Post: true, Return: page}
		all[questionName(who, false)] = oid4vp.Question{Query: q, Post: true}
	}
	return all
}

func questionName(who string, sameDevice bool) string {
	if sameDevice {
		return "sign-in " + who + " here"
	}
	return "sign-in " + who
}

// questions are what wallets are asked, by who signs in.
var questions = map[string]*oid4vp.Query{
	Staff:   question(typeStaff, "role", "organisation"),
	Patient: question(typePatient), // nothing of a patient is shown but that they are one
}

// question asks for a credential of a type in any one of its formats.
func question(name string, claims ...string) *oid4vp.Query {
	t, ok := catalogue.Find(name)
	if !ok {
		panic("the catalogue has no type " + name)
	}
	q := &oid4vp.Query{Sets: make([]oid4vp.CredentialSet, 1)}
	for _, f := range []catalogue.Format{catalogue.SDJWT, catalogue.MDoc, catalogue.JWT, catalogue.LD} {
		if !t.In(f) {
			continue
		}
		c := oid4vp.CredentialQuery{ID: string(f[:2]), Format: oid4vp.Format(f)}
		switch f {
		case catalogue.SDJWT:
			c.Meta.Types = []string{t.Name}
			for _, claim := range claims {
				c.Claims = append(c.Claims, oid4vp.Claim{Path: oid4vp.Path{claim}})
			}
		case catalogue.MDoc:
			c.Meta.DocType = t.DocType
			for _, claim := range claims {
				c.Claims = append(c.Claims, oid4vp.Claim{Path: oid4vp.Path{t.DocType, claim}})
			}
		default:
			c.Meta.W3C = [][]string{t.W3C} // these show all of themselves anyway
		}
		q.Credentials = append(q.Credentials, c)
		q.Sets[0].Options = append(q.Sets[0].Options, []string{c.ID})
	}
	return q
}

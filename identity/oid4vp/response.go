package oid4vp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/jwe"
)

// Response is what a wallet posts to a response address (sections 8.2 and 8.5).
type Response struct {
	Token      string // vp_token, JSON
	State      string
	Encrypted  string // a JWE of the others
	Error      string // in place of a token: a code of OAuth
	Submission string // presentation_submission, JSON: of an answer to a presentation definition
}

// ParseResponse reads a posted form. Each parameter may be there once.
func ParseResponse(body []byte) (*Response, error) {
	if len(body) > MaxAnswer {
		return nil, tooLarge("an answer", MaxAnswer)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, invalid("the answer is no form")
	}
	r := new(Response)
	for name, to := range map[string]*string{"vp_token": &r.Token, "state": &r.State, "response": &r.Encrypted, "error": &r.Error, "presentation_submission": &r.Submission} {
		if len(form[name]) > 1 {
			return nil, invalid("the answer has a parameter twice")
		}
		*to = form.Get(name)
	}
	return r, nil
}

// Answer takes a wallet's answer to the request under a handle, and returns where
// the wallet is to send the person's browser; empty: nowhere. An answer that is
// refused leaves the request open for another; one that is accepted, or declines,
// ends it.
func (v *Verifier) Answer(ctx context.Context, handle string, r *Response) (string, error) {
	f, before, err := v.open(ctx, handle)
	if err != nil {
		return "", err
	}
	if f.Phase != phaseOpen {
		return "", ended()
	}
	next := *f
	switch shown, err := v.judge(ctx, handle, f, r); {
	case errors.Is(err, errDeclined):
		next.Phase = phaseDeclined
	case err != nil:
		if !theirs(err) {
			return "", err
		}
		if next.Refused++; next.Refused >= maxRefused {
			next.Phase = phaseRefused
		}
		// Another answer may have been counted meanwhile, which counts for this.
		if e := v.update(ctx, handle, before, &next); e != nil && ledger.CodeOf(e) != ledger.CodeConflict {
			return "", errors.Join(e, err)
		}
		return "", err
	default:
		next.Phase, next.Shown = phaseAnswered, shown
	}
	return v.end(ctx, handle, before, &next)
}

// theirs reports whether an error is of the answer's making, and not of ours.
func theirs(err error) bool {
	switch ledger.CodeOf(err) {
	case ledger.CodeInternal, ledger.CodeUnavailable, ledger.CodeBusy:
		return false
	}
	return true
}

// end writes down how a request ended. Of two answers at once, one finds that it
// has changed, and is a replay.
func (v *Verifier) end(ctx context.Context, handle string, before []byte, f *flow) (string, error) {
	f.Key = nil
	var back string
	if f.Return != "" {
		code, err := secret()
		if err != nil {
			return "", err
		}
		f.Code = digestOf(code)
		u, err := url.Parse(f.Return)
		if err != nil {
			return "", fmt.Errorf("returning a browser: %w", err)
		}
		q := u.Query()
		q.Set("response_code", code)
		u.RawQuery = q.Encode()
		back = u.String()
	}
	if err := v.update(ctx, handle, before, f); err != nil {
		if code := ledger.CodeOf(err); code == ledger.CodeConflict || code == ledger.CodeAlreadyExists {
			return "", ended()
		}
		return "", err
	}
	return back, nil
}

func ended() error {
	return ledger.Problemf(ledger.CodeGone, "the request has been answered")
}

var errDeclined = errors.New("the wallet declined")

// judge returns what the answer shows, when all of it is accepted.
func (v *Verifier) judge(ctx context.Context, handle string, f *flow, r *Response) (Shown, error) {
	want := Want{Nonce: f.Nonce, ResponseURI: v.responseURI(handle), At: v.o.Now()}
	client, err := v.client(f.ClientID)
	if err != nil {
		return nil, err
	}
	want.Audience = client.name(want.ResponseURI)
	if r, err = f.unseal(r, &want); err != nil {
		return nil, err
	}
	if !same(r.State, f.State) { // it takes the request also to decline it
		return nil, otherRequest()
	}
	if r.Error != "" {
		return nil, errDeclined
	}
	shown, err := v.shown(ctx, f, r, want)
	if err != nil || !f.Only {
		return shown, err
	}
	return f.Query.only(shown)
}

// shown judges each presentation of an answer.
func (v *Verifier) shown(ctx context.Context, f *flow, r *Response, want Want) (Shown, error) {
	if f.Exchange {
		return v.judgeExchange(ctx, f, r, want)
	}
	token, err := f.token(r.Token)
	if err != nil {
		return nil, err
	}
	shown := Shown{}
	for i := range f.Query.Credentials {
		c := &f.Query.Credentials[i]
		for _, raw := range token[c.ID] {
			one, err := v.judgeOne(ctx, c, raw, want)
			if err != nil {
				return nil, err
			}
			if f.Keep {
				one.Token = textOf(c.Format, raw)
			}
			shown[c.ID] = append(shown[c.ID], *one)
		}
	}
	return shown, f.Query.Satisfied(shown)
}

func (v *Verifier) judgeOne(ctx context.Context, c *CredentialQuery, raw json.RawMessage, w Want) (*Judged, error) {
	p := Presented{Format: c.Format, Query: c.ID, Token: textOf(c.Format, raw)}
	if p.Token == "" {
		return nil, invalid("a presentation is not of the kind that those of its format are")
	}
	w.Types, w.Bound = c.Meta.all(), c.Bound()
	judged, err := v.o.Judge(ctx, p, w)
	if err != nil {
		return nil, fmt.Errorf("judging a presentation: %w", err)
	}
	return judged, nil
}

// textOf is a presentation as its judge reads it; empty when it is not of the
// format's kind (appendix B): an object for ldp_vc, text for the others.
func textOf(f Format, raw json.RawMessage) string {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil && f != FormatLDP {
		return text
	}
	if f == FormatLDP && raw[0] == '{' {
		return string(raw)
	}
	return ""
}

// all lists every type that is asked for.
func (m Meta) all() []string {
	types := slices.Concat(append([][]string{m.Types}, m.W3C...)...)
	if m.DocType != "" {
		types = append(types, m.DocType)
	}
	slices.Sort(types)
	return slices.Compact(types)
}

func otherRequest() error { return invalid("the answer is to another request") }

// maxPresentations bounds how many may answer one credential's query.
const maxPresentations = 8

// token reads the presentations of an answer, by the ids of the queries. They are as
// many as were asked for before any is judged: what a judge takes may count at once.
func (f *flow) token(text string) (map[string][]json.RawMessage, error) {
	var token map[string][]json.RawMessage
	if err := read("the answer", []byte(text), MaxAnswer, &token); err != nil {
		return nil, err
	}
	for id, list := range token {
		i := slices.IndexFunc(f.Query.Credentials, func(c CredentialQuery) bool { return c.ID == id })
		if i < 0 || len(list) == 0 || len(list) > maxPresentations || len(list) > 1 && !f.Query.Credentials[i].Multiple {
			return nil, invalid("the answer has a credential that was not asked for, or another number of one")
		}
	}
	if _, err := f.Query.needed(func(id string) bool { return len(token[id]) > 0 }, false); err != nil {
		return nil, errLacking
	}
	return token, nil
}

// unseal returns the answer without its encryption. What a request asks to have
// encrypted must be; only an error may come as it is (section 8.3).
func (f *flow) unseal(r *Response, w *Want) (*Response, error) {
	switch {
	case f.Key == nil && r.Encrypted != "":
		return nil, invalid("the answer must not be encrypted")
	case f.Key == nil || r.Encrypted == "" && r.Token == "" && r.Error != "":
		return r, nil
	case r.Encrypted == "" || r.Token != "":
		return nil, invalid("the answer must be encrypted")
	}
	key, public, err := f.decryptionKey()
	if err != nil {
		return nil, err
	}
	if w.Thumbprint, err = thumbprint(public.JWK); err != nil {
		return nil, err
	}
	opened, err := jwe.Open(r.Encrypted, key, public.KeyID)
	if err != nil {
		return nil, fmt.Errorf("opening an answer: %w", err)
	}
	var in struct {
		Token      json.RawMessage `json:"vp_token"`
		State      string          `json:"state"`
		Error      string          `json:"error"`
		Submission json.RawMessage `json:"presentation_submission"`
	}
	if err := read("the answer", opened, MaxAnswer, &in); err != nil {
		return nil, err
	}
	return &Response{Token: string(in.Token), State: in.State, Error: in.Error, Submission: string(in.Submission)}, nil
}

// Outcome is how far a question has come.
type Outcome string

// The outcomes.
const (
	Waiting  Outcome = "waiting"
	Answered Outcome = "answered"
	Declined Outcome = "declined" // by the wallet or its person
	Refused  Outcome = "refused"  // too many answers that were none
)

// Result is what came of a question.
type Result struct {
	Outcome  Outcome
	Attempts int   // answers that were refused, so far
	Shown    Shown // of Answered
	// SameDevice says that the browser in which it was asked for came back from the
	// wallet: nobody could pass the question on to somebody else's wallet.
	SameDevice bool
}

// Result returns what came of a question, to the holder of its ticket. A person
// who came back to the same device brings the response code, without which the
// answer may be of another's wallet (section 13.3). What was Answered is given once.
func (v *Verifier) Result(ctx context.Context, ticket, code string) (*Result, error) {
	handle, mine, _ := strings.Cut(ticket, ".")
	f, before, err := v.open(ctx, handle)
	if err != nil {
		return nil, err
	}
	if !same(digestOf(mine), f.Ticket) {
		return nil, notFound()
	}
	switch f.Phase {
	case phaseOpen:
		return &Result{Outcome: Waiting, Attempts: f.Refused}, nil
	case phaseTaken:
		return nil, notFound()
	}
	if f.Phase == phaseAnswered && f.Return != "" && !same(digestOf(code), f.Code) {
		return nil, ledger.Problemf(ledger.CodeDenied, "the response code is not that of the answer")
	}
	if err := v.once(ctx, handle, before, f); err != nil {
		return nil, err
	}
	outcome := map[phase]Outcome{phaseAnswered: Answered, phaseDeclined: Declined, phaseRefused: Refused}[f.Phase]
	return &Result{Outcome: outcome, Attempts: f.Refused, Shown: f.Shown, SameDevice: f.Return != ""}, nil
}

// once has a result be given to one caller only.
func (v *Verifier) once(ctx context.Context, handle string, before []byte, f *flow) error {
	var err error
	switch {
	case before == nil: // nobody accepted anything
	case f.Standing:
		err = v.take(ctx, handle, before, f)
	default:
		_, err = v.o.Flows.TakeFlow(ctx, v.o.Kind, digestOf(handle))
	}
	if ledger.CodeOf(err) == ledger.CodeConflict {
		err = notFound()
	}
	return err
}

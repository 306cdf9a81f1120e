package wallet

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/mdoc"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/vc"
)

// Outcome is what became of a presentation.
type Outcome string

// The outcomes. A presentation is Sent before it goes, so that none is forgotten.
const (
	Sent     Outcome = "sent" // and nobody knows whether it arrived
	Taken    Outcome = "taken"
	Refused  Outcome = "refused" // by the verifier
	Declined Outcome = "declined"
)

// Entry is one line of the log of presentations.
type Entry struct {
	At       time.Time `json:"at"`
	Verifier string    `json:"verifier"`           // client identifier, or a statement's audience
	Name     string    `json:"name,omitempty"`     // what the verifier calls itself
	Function string    `json:"function,omitempty"` // of a statement: the transaction to which the person agreed
	Shown    []Shown   `json:"shown"`
	Outcome  Outcome   `json:"outcome"`
}

// Shown is one credential of a presentation.
type Shown struct {
	Credential string        `json:"credential"`
	Types      []string      `json:"types"`
	Paths      []oid4vp.Path `json:"paths"` // that were seen, beside what the format never hides
}

// Log returns the presentations, the newest first.
func (w *Wallet) Log() []Entry {
	var list []Entry
	w.view(func(c *contents) { list = slices.Clone(c.Log) })
	slices.Reverse(list)
	return list
}

// Match finds what the wallet can answer a request with. What has expired cannot be
// presented.
func (w *Wallet) Match(q *oid4vp.Query) (oid4vp.Matches, error) {
	var all []credential
	w.view(func(c *contents) { all = slices.Clone(c.Credentials) })
	var held []oid4vp.Held
	anonymous := map[string]bool{}
	for _, one := range all {
		if !one.Expires.IsZero() && !w.now().Before(one.Expires) {
			continue
		}
		r, err := one.read()
		if err != nil {
			return nil, err
		}
		if !w.presentable(&one, r) {
			continue
		}
		anonymous[one.ID] = r.anonymous()
		held = append(held, oid4vp.Held{
			ID: one.ID, Format: one.Format, Types: one.Types, Claims: r.claims, Bound: one.Key != "",
			Authorities: map[string][]string{"aki": r.akis},
		})
	}
	found, err := q.Match(held)
	if err != nil {
		return nil, err
	}
	return w.asAsked(q, found, anonymous), nil
}

// Answer presents the chosen credentials to who asks, and writes it down. It
// returns where the verifier would like a browser to go; empty: nowhere. Where the
// question shows a statement, the answer signs that one or is not given.
func (w *Wallet) Answer(ctx context.Context, r *oid4vp.Responder, q *oid4vp.Request, chosen []oid4vp.Candidate) (string, error) {
	e := Entry{Verifier: q.ClientID, Name: q.Name, Outcome: Sent}
	if len(q.Statement) > 0 {
		about, _, err := holder.Asked(q.Statement, q.Nonce)
		if err != nil {
			return "", err
		}
		e.Function = about.Statement.Function
	}
	for _, c := range chosen {
		one, err := w.find(c.Held)
		if err != nil {
			return "", err
		}
		seen, err := w.Shows(c)
		if err != nil {
			return "", err
		}
		e.Shown = append(e.Shown, Shown{one.ID, one.Types, seen})
	}
	at, err := w.begin(e)
	if err != nil {
		return "", err
	}
	next, err := r.Answer(ctx, q, chosen, w.present)
	switch {
	case err == nil:
		err = w.end(at, Taken)
	case errors.Is(err, &ledger.Problem{Code: ledger.CodeDenied}):
		err = errors.Join(err, w.end(at, Refused))
	}
	return next, err
}

// Decline tells who asks that there will be no answer, and writes it down.
func (w *Wallet) Decline(ctx context.Context, r *oid4vp.Responder, q *oid4vp.Request) (string, error) {
	if _, err := w.begin(Entry{Verifier: q.ClientID, Name: q.Name, Outcome: Declined}); err != nil {
		return "", err
	}
	return r.Decline(ctx, q)
}

// Sign signs a holder statement with a credential, of which it shows no hidden
// claim, and writes it down.
func (w *Wallet) Sign(s *ledger.Statement, id string) (*ledger.HolderStatement, error) {
	one, err := w.find(id)
	if err != nil {
		return nil, err
	}
	if one.Format != oid4vp.FormatSDJWT || one.Key == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "statements are signed with an SD-JWT VC that is bound to a key")
	}
	key, err := w.Key(one.Key)
	if err != nil {
		return nil, err
	}
	signed, err := holder.Sign(s, one.Token, key, w.now())
	if err != nil {
		return nil, err
	}
	_, err = w.begin(Entry{
		Verifier: ledger.StatementAudience(s.Network, s.Channel), Function: s.Function, Shown: []Shown{{Credential: one.ID, Types: one.Types}}, Outcome: Taken,
	})
	if err != nil {
		return nil, err
	}
	return signed, nil
}

// begin writes a line, and returns the time by which end finds it.
func (w *Wallet) begin(e Entry) (time.Time, error) {
	e.At = w.now().UTC()
	err := w.change(func(c *contents) error {
		if n := len(c.Log); n > 0 && !e.At.After(c.Log[n-1].At) {
			e.At = c.Log[n-1].At.Add(time.Nanosecond)
		}
		if c.Log = append(c.Log, e); len(c.Log) > maxLog {
			c.Log = c.Log[len(c.Log)-maxLog:]
		}
		return nil
	})
	return e.At, err
}

func (w *Wallet) end(at time.Time, o Outcome) error {
	return w.change(func(c *contents) error {
		for i := range c.Log {
			if c.Log[i].At.Equal(at) {
				c.Log[i].Outcome = o
			}
		}
		return nil
	})
}

// present makes the presentation of one credential.
func (w *Wallet) present(ctx context.Context, c oid4vp.Candidate, p oid4vp.Proof) (string, error) {
	one, err := w.find(c.Held)
	if err != nil {
		return "", err
	}
	if one.Format == oid4vp.FormatLDP {
		return w.presentLinked(ctx, one, c, p)
	}
	key, err := w.Key(one.Key)
	if err != nil {
		return "", err
	}
	if one.Format == oid4vp.FormatSDJWT {
		opened, err := sdjwt.Open(one.Token)
		if err != nil {
			return "", err
		}
		paths := make([][]any, len(c.Show))
		for i, path := range c.Show {
			paths[i] = path
		}
		return opened.Present(key, paths, sdjwt.Binding{Audience: p.Audience, Nonce: p.Nonce, At: w.now()})
	}
	if one.Format == oid4vp.FormatMDoc {
		return presentMDoc(one, key, c, p)
	}
	if one.Format != oid4vp.FormatJWT {
		return "", ledger.Problemf(ledger.CodeInvalid, "the wallet cannot present credentials of this format")
	}
	r, err := one.read()
	if err != nil {
		return "", err
	}
	keyID, err := keyIDOf(r.subject)
	if err != nil {
		return "", err
	}
	return vc.PresentJWT(key, vc.Showing{
		Holder: r.subject, KeyID: keyID, Made: w.now(), Question: vc.Question{Nonce: p.Nonce, Audience: p.Audience},
	}, one.Token)
}

// presentMDoc makes the base64url of a DeviceResponse (OpenID4VP 1.0, appendix B.2).
func presentMDoc(one *credential, key keys.Signer, c oid4vp.Candidate, p oid4vp.Proof) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(one.Token)
	if err != nil {
		return "", fmt.Errorf("reading a credential: %w", err)
	}
	show := map[string][]string{}
	for _, path := range c.Show { // each is a name space and an element
		space, element := text(path[0]), text(path[len(path)-1])
		show[space] = append(show[space], element)
	}
	response, err := mdoc.Present(b, key, show, mdoc.Session{ClientID: p.Audience, Nonce: p.Nonce, ResponseURI: p.ResponseURI, Thumbprint: p.Thumbprint})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(response), nil
}

// keyIDOf names the one key of a DID that is a key.
func keyIDOf(d string) (string, error) {
	if strings.HasPrefix(d, "did:jwk:") {
		return d + "#0", nil
	}
	if key, ok := strings.CutPrefix(d, "did:key:"); ok {
		return d + "#" + key, nil
	}
	return "", fmt.Errorf("presenting a credential: %w", ledger.Problemf(ledger.CodeInvalid, "its subject is no did:jwk and no did:key"))
}

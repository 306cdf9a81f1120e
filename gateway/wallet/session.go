package wallet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/wallet"
)

// Who signs in, as a node asks for it.
const (
	staff   = "staff"
	patient = "patient"
)

// entering are the flags of sign-in.
type entering struct {
	yes                   bool
	who, role, credential string
}

func (a *app) signIn() *cobra.Command {
	var o entering
	c := &cobra.Command{
		Use:   "sign-in URL",
		Short: "Sign in at a node with a credential of this wallet",
		Long: "Sign in at a node, named by its https address. What it asks to see is shown first, and by whom.\n" +
			"The session is bound to a key that the wallet keeps for this node; `secant wallet call` uses it.",
		Example: "  secant wallet sign-in https://localhost:7051 --name nurse",
		Args:    cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.BoolVar(&o.yes, "yes", false, "agree without being asked")
	f.StringVar(&o.who, "who", "", "staff, by a StaffRole, or patient, by a Patient; default: as the wallet has the one or the other")
	f.StringVar(&o.role, "role", "", "which role, where the wallet has several")
	f.StringVar(&o.credential, "credential", "", "which credential, where several would do")
	c.RunE = func(c *cobra.Command, args []string) error {
		base, _, err := baseOf(args[0])
		if err != nil {
			return err
		}
		return a.with(c, func(w *wallet.Wallet) error {
			s, err := a.enter(c, w, base, o)
			if err != nil {
				return err
			}
			return a.tell(c, s)
		})
	}
	return c
}

// toldSession is what is told of a session: no token of it.
type toldSession struct {
	Node    string    `json:"node"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires"`
}

func (a *app) tell(c *cobra.Command, s *wallet.Session) error {
	return a.print(c, toldSession{s.Node, s.Role, s.Expires}, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "Signed in at %s as %s until %s\n", s.Node, harmless(s.Role), s.Expires.Format(time.RFC3339))
		return err
	})
}

// site is a node, with the wallet's key for it.
func (a *app) site(w *wallet.Wallet, base string) (*site, error) {
	roots, err := a.roots()
	if err != nil {
		return nil, err
	}
	key, err := w.NodeKey(base)
	if err != nil {
		return nil, err
	}
	return &site{base: base, http: client(roots), key: key, now: time.Now}, nil
}

// enter signs in, and keeps the session.
func (a *app) enter(c *cobra.Command, w *wallet.Wallet, base string, o entering) (*wallet.Session, error) {
	switch o.who {
	case "":
		o.who = whoOf(w)
	case staff, patient:
	default:
		return nil, ledger.Problemf(ledger.CodeInvalid, "who signs in must be staff or patient")
	}
	s, err := a.site(w, base)
	if err != nil {
		return nil, err
	}
	r, err := a.responder(asking{})
	if err != nil {
		return nil, err
	}
	b, err := s.begin(c.Context(), o.who)
	if err != nil {
		return nil, err
	}
	q, err := r.Read(c.Context(), b.Link)
	if err != nil {
		return nil, err
	}
	// A node that passes another's question on would be signed in there by the answer.
	if at, _, err := baseOf(q.ResponseURI); err != nil || at != base {
		return nil, ledger.Problemf(ledger.CodeDenied, "the node asks for an answer to somebody else: nothing was shown")
	}
	found, err := w.Match(q.Query)
	if err != nil {
		return nil, err
	}
	one, err := pick(w, found, base, o)
	if err != nil {
		return nil, err
	}
	chosen, err := q.Query.Choose(oid4vp.Matches{one.Query: {*one}}, false)
	if err != nil {
		return nil, err
	}
	next, err := a.agreeAndAnswer(c, w, r, q, chosen, o.yes)
	if err != nil {
		return nil, err
	}
	back, err := url.Parse(next) // the wallet is its own browser, and so on the same device
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the node's answer is not the one that was expected")
	}
	session, err := s.finish(c.Context(), b.Ticket, back.Query().Get("response_code"))
	if err != nil {
		return nil, err
	}
	return session, w.KeepSession(*session)
}

// whoOf says as whom a wallet's holder signs in: patients are those who have
// nothing to sign in as staff with.
func whoOf(w *wallet.Wallet) string {
	is := func(name string) bool {
		return slices.ContainsFunc(w.List(), func(c wallet.Credential) bool { return slices.Contains(c.Types, name) })
	}
	if is("Patient") && !is("StaffRole") {
		return patient
	}
	return staff
}

// fitting is a credential by which the holder could sign in.
type fitting struct {
	oid4vp.Candidate
	wallet.Credential
	role string
}

// pick finds the one credential by which to sign in. Those that the node's own
// organisation issued come first, since it knows no others; of those of one role
// and issuer, the one that hides most and is valid longest.
func pick(w *wallet.Wallet, found oid4vp.Matches, base string, o entering) (*oid4vp.Candidate, error) {
	var fit []fitting
	for _, id := range slices.Sorted(maps.Keys(found)) {
		for _, candidate := range found[id] {
			c, claims, err := w.Show(candidate.Held)
			if err != nil {
				return nil, err
			}
			one := fitting{candidate, *c, roleOf(claims)}
			if (o.role == "" || o.role == one.role) && (o.credential == "" || o.credential == one.ID) {
				fit = append(fit, one)
			}
		}
	}
	host := strings.Replace(strings.TrimPrefix(base, "https://"), ":", "%3A", 1)
	own := func(f fitting) bool {
		return f.Issuer == "did:web:"+host || strings.HasPrefix(f.Issuer, "did:web:"+host+":")
	}
	if slices.ContainsFunc(fit, own) {
		fit = slices.DeleteFunc(fit, func(f fitting) bool { return !own(f) })
	}
	if len(fit) == 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the wallet holds no credential by which to sign in there as this")
	}
	slices.SortStableFunc(fit, func(a, b fitting) int {
		if hides := strings.Compare(string(a.Format), string(b.Format)); hides != 0 {
			return hides // "dc+sd-jwt" is the first
		}
		return b.Credential.Expires.Compare(a.Credential.Expires)
	})
	for _, f := range fit[1:] {
		if f.role != fit[0].role || f.Issuer != fit[0].Issuer {
			return nil, several(fit)
		}
	}
	return &fit[0].Candidate, nil
}

func several(fit []fitting) error {
	var lines []string
	for _, f := range fit {
		lines = append(lines, harmless(strings.TrimSpace(f.ID+" "+f.role)+" by "+f.Issuer))
	}
	return errors.New("several credentials would do; say which with --role or --credential: " + strings.Join(lines, "; "))
}

// roleOf reads the role that a credential gives, which stands in the subject of a
// W3C credential.
func roleOf(claims map[string]any) string {
	if subject, ok := claims["credentialSubject"].(map[string]any); ok {
		claims = subject
	}
	role, _ := claims["role"].(string)
	return role
}

func (a *app) signOut() *cobra.Command {
	var everywhere bool
	c := &cobra.Command{
		Use:   "sign-out [URL]",
		Short: "End the session at a node, or at all of them",
		Args:  cobra.MaximumNArgs(1),
	}
	c.Flags().BoolVar(&everywhere, "everywhere", false, "end the sessions of other devices at the node, too")
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.with(c, func(w *wallet.Wallet) error {
			all := w.Sessions()
			if len(args) == 1 {
				base, _, err := baseOf(args[0])
				if err != nil {
					return err
				}
				one, err := w.Session(base)
				if err != nil {
					return err
				}
				all = []wallet.Session{*one}
			}
			ended := make([]endedSession, len(all))
			for i, s := range all {
				n, err := a.leave(c.Context(), w, s.Node, everywhere)
				if err != nil {
					return err
				}
				ended[i] = endedSession{s.Node, n}
			}
			return a.print(c, ended, func(out io.Writer) error {
				rows := [][]string{{"NODE", "ENDED"}}
				for _, e := range ended {
					rows = append(rows, []string{e.Node, strconv.Itoa(e.Ended)})
				}
				return table(out, rows...)
			})
		})
	}
	return c
}

// endedSession says how many sessions ended at a node.
type endedSession struct {
	Node  string `json:"node"`
	Ended int    `json:"ended"`
}

// leave ends a session at its node, and forgets it. One that does not hold there any
// more is forgotten as well.
func (a *app) leave(ctx context.Context, w *wallet.Wallet, base string, everywhere bool) (int, error) {
	path := "/v1/sign-out"
	if everywhere {
		path += "/everywhere"
	}
	var out struct {
		Ended int `json:"ended"`
	}
	s, session, err := a.resume(ctx, w, base)
	if err == nil {
		err = s.post(ctx, path, session.Access, nil, &out)
	}
	if err != nil && !over(err) {
		return 0, err
	}
	return out.Ended, w.ForgetSession(base)
}

// over reports whether a node says that a session does not hold.
func over(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden)
}

// resume returns a node and the wallet's session there, with an access token that
// serves for a while.
func (a *app) resume(ctx context.Context, w *wallet.Wallet, base string) (*site, *wallet.Session, error) {
	session, err := w.Session(base)
	if err != nil {
		return nil, nil, err
	}
	s, err := a.site(w, base)
	if err != nil {
		return nil, nil, err
	}
	if s.now().Add(fresh).Before(session.Until) {
		return s, session, nil
	}
	next, err := s.refresh(ctx, session.Refresh)
	if err != nil {
		return nil, nil, err
	}
	return s, next, w.KeepSession(*next)
}

// target finds the node that an address is of. A path alone is one of the node's at
// which the holder is signed in.
func target(w *wallet.Wallet, address string) (string, *url.URL, error) {
	if strings.HasPrefix(address, "/") {
		all := w.Sessions()
		if len(all) == 0 {
			return "", nil, ledger.Problemf(ledger.CodeNotFound, "the wallet has no session: sign in first")
		}
		if len(all) > 1 {
			return "", nil, ledger.Problemf(ledger.CodeInvalid, "a path alone needs a session at one node: say https://HOST:PORT before it")
		}
		address = all[0].Node + address
	}
	return baseOf(address)
}

package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/wallet"
)

// errDisagreed says that the person did not agree.
var errDisagreed = errors.New("nothing was done, for you did not agree")

func refusedBy(err error) error {
	if err != nil {
		return err
	}
	return errDisagreed
}

// asking are the flags of present.
type asking struct {
	yes, decline, development bool
	credentials               []string
}

func (a *app) present() *cobra.Command {
	var o asking
	c := &cobra.Command{
		Use:   "present LINK",
		Short: "Answer a verifier that asks for credentials (OpenID4VP)",
		Long: "Answer a verifier that asks for credentials. LINK is what its QR code says: openid4vp://...\n" +
			"What is asked and by whom is shown first. A verifier by certificate is believed when an authority of --ca vouches for it.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&o.yes, "yes", false, "agree without being asked")
	c.Flags().BoolVar(&o.decline, "decline", false, "tell the verifier that there will be no answer")
	c.Flags().BoolVar(&o.development, "development", false, "answer verifiers that sign nothing, and by http: they may be anybody")
	c.Flags().StringSliceVar(&o.credentials, "credential", nil, "which credentials to use, where several would do")
	c.RunE = func(c *cobra.Command, args []string) error {
		r, err := a.responder(o)
		if err != nil {
			return err
		}
		return a.with(c, func(w *wallet.Wallet) error {
			request, err := r.Read(c.Context(), args[0])
			if err != nil {
				return err
			}
			next, err := a.answer(c, w, r, request, o)
			if err != nil {
				return err
			}
			return a.print(c, map[string]string{"redirect_uri": next}, func(out io.Writer) error {
				text := "The verifier has taken the answer.\n"
				if o.decline {
					text = "The verifier knows that there will be no answer.\n"
				}
				if next != "" {
					text += "Go on at " + harmless(next) + "\n"
				}
				_, err := io.WriteString(out, text)
				return err
			})
		})
	}
	return c
}

// responder believes whom the flags name.
func (a *app) responder(o asking) (*oid4vp.Responder, error) {
	roots, err := a.roots()
	if err != nil {
		return nil, err
	}
	documents := resolver(roots)
	return oid4vp.NewResponder(oid4vp.ResponderOptions{
		HTTP: client(roots), Now: time.Now, Roots: roots, Unsigned: o.development, Plaintext: o.development,
		DID: func(ctx context.Context, d, keyID string) (*verify.Key, error) {
			jwk, err := documents.Key(ctx, d, keyID, did.Authentication, time.Now())
			if err != nil { // those who only issue have no other
				if jwk, err = documents.Key(ctx, d, keyID, did.AssertionMethod, time.Now()); err != nil {
					return nil, err
				}
			}
			return verify.NewKey(jwk)
		},
	})
}

// answer shows the person what is asked, and answers as that person says.
func (a *app) answer(c *cobra.Command, w *wallet.Wallet, r *oid4vp.Responder, q *oid4vp.Request, o asking) (string, error) {
	if o.decline {
		return w.Decline(c.Context(), r, q)
	}
	found, err := w.Match(q.Query)
	if err != nil {
		return "", err
	}
	for id, list := range found {
		if i := slices.IndexFunc(list, func(one oid4vp.Candidate) bool { return slices.Contains(o.credentials, one.Held) }); i >= 0 {
			found[id] = list[i : i+1]
		}
	}
	chosen, err := q.Query.Choose(found, false)
	if err != nil {
		return "", err
	}
	return a.agreeAndAnswer(c, w, r, q, chosen, o.yes)
}

// agreeAndAnswer shows what would be shown, and to whom, and answers when the person
// agrees.
func (a *app) agreeAndAnswer(c *cobra.Command, w *wallet.Wallet, r *oid4vp.Responder, q *oid4vp.Request, chosen []oid4vp.Candidate, yes bool) (string, error) {
	lines := []string{"Who asks: " + who(q)}
	says, err := signs(w, q, chosen)
	if err != nil {
		return "", err
	}
	lines = append(lines, says...)
	for _, one := range chosen {
		seen, err := valuesOf(w, one)
		if err != nil {
			return "", err
		}
		lines = append(lines, "It will see of "+one.Held+": "+seen+"and what the credential does not hide")
	}
	ok, err := a.agree(c, yes, harmless(sentences(lines)))
	if err != nil || !ok {
		return "", refusedBy(err)
	}
	return w.Answer(c.Context(), r, q, chosen)
}

// maxValue bounds how much of one value a person is shown, in bytes.
const maxValue = 200

// valuesOf writes what would be shown of a credential's claims: of one that hides
// nothing, all of them.
func valuesOf(w *wallet.Wallet, one oid4vp.Candidate) (string, error) {
	_, claims, err := w.Show(one.Held)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	seen, err := w.Shows(one)
	if err != nil {
		return "", err
	}
	for _, path := range seen {
		values, err := path.Find(claims)
		if err != nil {
			return "", err
		}
		b, err := json.Marshal(values)
		if err != nil {
			return "", fmt.Errorf("showing a claim: %w", err)
		}
		if len(b) > maxValue {
			b = append(b[:maxValue], "..."...)
		}
		fmt.Fprintf(&text, "%s %s, ", strings.TrimPrefix(pathsOf([]oid4vp.Path{path}), ":"), b)
	}
	return text.String(), nil
}

// who says who asks, and how far that is known.
func who(q *oid4vp.Request) string {
	s := q.ClientID
	switch {
	case q.Prefix == oid4vp.PrefixRedirect:
		s += " (which nobody vouches for)"
	case q.Certificate != nil:
		s += " (" + q.Certificate.Subject.String() + ")"
	}
	if q.Name != "" {
		s += ", which calls itself " + strconv.Quote(q.Name) // or else it could go on as if it were we who speak
	}
	return s
}

// pathsOf writes paths as a person reads them.
func pathsOf(paths []oid4vp.Path) string {
	var all []string
	for _, path := range paths {
		var steps []string
		for _, step := range path {
			if step == nil {
				step = "*"
			}
			steps = append(steps, fmt.Sprint(step))
		}
		all = append(all, strings.Join(steps, "."))
	}
	return ":" + strings.Join(all, ",")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

package wallet

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/wallet"
)

// signing are the credential types with which people sign transactions, and do
// nothing else.
var signing = []string{ledger.CredentialAssessor, ledger.CredentialReleaser}

// signs returns what an answer would sign, in sentences; none, when it only shows
// something. A credential for signing is shown to nobody who does not show a
// statement: what its holder signs otherwise might be one all the same.
func signs(w *wallet.Wallet, q *oid4vp.Request, chosen []oid4vp.Candidate) ([]string, error) {
	if len(q.Statement) > 0 {
		_, says, err := holder.Asked(q.Statement, q.Nonce)
		if err != nil {
			return nil, err
		}
		if !ledger.IsStatementClient(q.ClientID) {
			return nil, ledger.Problemf(ledger.CodeDenied, "who asks is known in a way by which nobody asks for statements")
		}
		return append([]string{"You sign this"}, says...), nil
	}
	for _, one := range chosen {
		c, _, err := w.Show(one.Held)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(c.Types, func(t string) bool { return slices.Contains(signing, t) }) {
			return nil, ledger.Problemf(ledger.CodeDenied, "transactions are signed with this credential, and the question does not show one")
		}
	}
	return nil, nil
}

// sentences joins lines of which some end as a sentence does.
func sentences(lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(strings.TrimSuffix(line, ".") + ". ")
	}
	return strings.TrimSpace(text.String())
}

func (a *app) sign() *cobra.Command {
	var credential string
	var yes bool
	c := &cobra.Command{
		Use:   "sign LINK|FILE",
		Short: "Sign a holder statement: agree to one transaction of the ledger",
		Long: "Sign a holder statement, which a node prepared. LINK is what its QR code says, openid4vp://...: the node gets the\n" +
			"signature at once. FILE has the statement, and - is the standard input: it is printed with the signature.\n" +
			"What it says is shown first. Of a file without the transaction's request, those are digests, which the node must explain.",
		Example: "  secant wallet sign 'openid4vp://?client_id=...' --name releaser-north\n" +
			"  secant wallet sign statement.json --credential 1f0c7d6a --name releaser-north",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&credential, "credential", "", "the credential that says who agrees; default: the only one that is fit for it")
	c.Flags().BoolVar(&yes, "yes", false, "agree without being asked")
	c.RunE = func(c *cobra.Command, args []string) error {
		if strings.Contains(args[0], "://") {
			return a.signByLink(c, args[0], credential, yes)
		}
		s, says, err := a.statement(c, args[0])
		if err != nil {
			return err
		}
		return a.with(c, func(w *wallet.Wallet) error {
			if credential == "" {
				if credential, err = onlySigning(w); err != nil {
					return err
				}
			}
			ok, err := a.agree(c, yes, "You sign this. "+harmless(sentences(says)))
			if err != nil || !ok {
				return refusedBy(err)
			}
			signed, err := w.Sign(s, credential)
			if err != nil {
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(signed)
		})
	}
	return c
}

// onlySigning finds the credential for signing, if there is one only.
func onlySigning(w *wallet.Wallet) (string, error) {
	var found []string
	for _, c := range w.List() {
		if slices.ContainsFunc(c.Types, func(t string) bool { return slices.Contains(signing, t) }) {
			found = append(found, c.ID)
		}
	}
	if len(found) != 1 {
		return "", ledger.Problemf(ledger.CodeInvalid, "the wallet has %d credentials for signing: say which with --credential", len(found))
	}
	return found[0], nil
}

// signByLink answers a node's request for a signature.
func (a *app) signByLink(c *cobra.Command, link, credential string, yes bool) error {
	o := asking{yes: yes}
	if credential != "" {
		o.credentials = []string{credential}
	}
	r, err := a.responder(o)
	if err != nil {
		return err
	}
	return a.with(c, func(w *wallet.Wallet) error {
		q, err := r.Read(c.Context(), link)
		if err != nil {
			return err
		}
		if len(q.Statement) == 0 {
			return ledger.Problemf(ledger.CodeInvalid, "the link asks for no signature; `secant wallet present` answers other questions")
		}
		if _, err := a.answer(c, w, r, q, o); err != nil {
			return err
		}
		return a.print(c, map[string]bool{"signed": true}, func(out io.Writer) error {
			_, err := io.WriteString(out, "The node has taken the signature.\n")
			return err
		})
	})
}

// statement reads a statement strictly, by itself or with its request, and returns
// what it says: what is signed is what was shown.
func (a *app) statement(c *cobra.Command, path string) (*ledger.Statement, []string, error) {
	var in io.Reader = a.reader(c)
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // whoever gives the command names it
		if err != nil {
			return nil, nil, fmt.Errorf("reading a statement: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, holder.MaxExplained+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading a statement: %w", err)
	}
	if e, err := holder.ParseExplained(b); err == nil {
		says, err := e.Says()
		return &e.Statement, says, err
	}
	if err := strictjson.Check("the statement", b, strictjson.Limits{Bytes: holder.MaxExplained, Depth: 2, Values: 32}); err != nil {
		return nil, nil, err
	}
	s := new(ledger.Statement)
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "the file is no holder statement")
	}
	return s, []string{fmt.Sprintf("%s on %s/%s: request %s, record %s as of revision %d, until %s",
		s.Function, s.Network, s.Channel, s.Request, s.Record, s.Revision, s.Expires)}, s.Validate()
}

package wallet

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/wallet"
)

// maxBody bounds the body of a call, in bytes.
const maxBody = 16 << 20

func (a *app) call() *cobra.Command {
	var data, mediaType string
	c := &cobra.Command{
		Use:   "call METHOD URL",
		Short: "Call a node in the session that sign-in began",
		Long: "Call a node in the session that sign-in began, and print what it answers. A path alone will do for URL when the\n" +
			"wallet is signed in at one node. Fails when the node refuses; what it says is printed all the same.",
		Example: "  secant wallet call GET /v1/units --name nurse",
		Args:    cobra.ExactArgs(2),
	}
	c.Flags().StringVar(&data, "data", "", "file with the body; - for the standard input")
	c.Flags().StringVar(&mediaType, "type", "application/json", "media type of the body")
	c.RunE = func(c *cobra.Command, args []string) error {
		var s *site
		var req *http.Request
		// The wallet is free again before the node answers, which may take its time.
		err := a.with(c, func(w *wallet.Wallet) error {
			base, u, err := target(w, args[1])
			if err != nil {
				return err
			}
			body, err := a.body(c, data)
			if err != nil {
				return err
			}
			var session *wallet.Session
			if s, session, err = a.resume(c.Context(), w, base); err != nil {
				return err
			}
			sent := mediaType
			if data == "" {
				sent = ""
			}
			req, err = s.request(c.Context(), strings.ToUpper(args[0]), u, session.Access, sent, body)
			return err
		})
		if err != nil {
			return err
		}
		return a.send(c, s, req)
	}
	return c
}

// send sends a request and prints the answer.
func (a *app) send(c *cobra.Command, s *site, req *http.Request) error {
	patient := *s.http
	patient.Timeout = 0 // an answer may be a stream
	res, err := patient.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(c.OutOrStdout(), res.Body); err != nil {
		return fmt.Errorf("printing the answer: %w", err)
	}
	switch {
	case res.StatusCode < http.StatusMultipleChoices:
		return nil
	case res.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w; the session has ended, or its credential does not hold any more: sign in again", &refusal{status: res.StatusCode})
	}
	return &refusal{status: res.StatusCode}
}

// body reads the body of a call.
func (a *app) body(c *cobra.Command, path string) ([]byte, error) {
	var in io.Reader
	switch path {
	case "":
		return nil, nil
	case "-":
		in = a.reader(c)
	default:
		f, err := os.Open(path) //nolint:gosec // whoever gives the command names it
		if err != nil {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	if len(b) > maxBody {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a body has at most %d bytes", maxBody)
	}
	return b, nil
}

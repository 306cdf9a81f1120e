package wallet

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/identity/wallet"
)

func (a *app) create() *cobra.Command {
	c := &cobra.Command{
		Use:   "create",
		Short: "Make an empty wallet",
		Long:  "Make an empty wallet. A key file that does not exist yet is made; keep it elsewhere than the wallet.",
		Args:  cobra.NoArgs,
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		secret, err := a.newSecret(c)
		if err != nil {
			return err
		}
		w, err := wallet.Create(a.path(), secret, time.Now)
		if err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		return a.print(c, map[string]string{"dir": a.path()}, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "There is an empty wallet in %s\n", a.path())
			return err
		})
	}
	return c
}

func (a *app) newSecret(c *cobra.Command) (wallet.Secret, error) {
	if a.keyFile == "" || exists(a.keyFile) {
		return a.secret(c)
	}
	return wallet.NewKeyFile(a.keyFile)
}

func (a *app) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the credentials", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(w *wallet.Wallet) error {
				if err := a.credentials(c, w.List()); err != nil || len(w.Pending()) == 0 || a.json {
					return err
				}
				_, err := fmt.Fprintf(c.ErrOrStderr(), "%d still to come; `secant wallet pending --name %s` lists them\n", len(w.Pending()), a.name)
				return err
			})
		},
	}
}

func (a *app) credentials(c *cobra.Command, list []wallet.Credential) error {
	return a.print(c, list, func(out io.Writer) error {
		rows := [][]string{{"ID", "FORMAT", "TYPE", "ISSUER", "EXPIRES"}}
		for _, one := range list {
			kind := one.Name
			if kind == "" && len(one.Types) > 0 {
				kind = one.Types[len(one.Types)-1]
			}
			expires := "never"
			if !one.Expires.IsZero() {
				expires = one.Expires.Format(time.RFC3339)
			}
			rows = append(rows, []string{one.ID, string(one.Format), kind, one.Issuer, expires})
		}
		return table(out, rows...)
	})
}

// shownCredential is what show prints.
type shownCredential struct {
	wallet.Credential
	Claims map[string]any `json:"claims,omitempty"`
}

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a credential with all its claims", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c, func(w *wallet.Wallet) error {
				one, claims, err := w.Show(args[0])
				if err != nil {
					return err
				}
				asJSON := *a
				asJSON.json = true // claims nest: there is no better form
				return asJSON.print(c, shownCredential{*one, claims}, nil)
			})
		},
	}
}

func (a *app) remove() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "delete ID", Short: "Forget a credential, and its key", Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&yes, "yes", false, "agree without being asked")
	c.RunE = func(c *cobra.Command, args []string) error {
		return a.with(c, func(w *wallet.Wallet) error {
			ok, err := a.agree(c, yes, "What is forgotten cannot be brought back.")
			if err != nil || !ok {
				return refusedBy(err)
			}
			if err := w.Delete(args[0]); err != nil {
				return err
			}
			return a.credentials(c, w.List())
		})
	}
	return c
}

func (a *app) log() *cobra.Command {
	return &cobra.Command{
		Use: "log", Short: "List what was presented, to whom and when", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c, func(w *wallet.Wallet) error {
				entries := w.Log()
				return a.print(c, entries, func(out io.Writer) error {
					rows := [][]string{{"TIME", "OUTCOME", "VERIFIER", "SHOWN"}}
					for _, e := range entries {
						var shown []string
						for _, s := range e.Shown {
							shown = append(shown, s.Credential+pathsOf(s.Paths))
						}
						rows = append(rows, []string{e.At.Format(time.RFC3339), string(e.Outcome), e.Verifier, strings.Join(shown, " ")})
					}
					return table(out, rows...)
				})
			})
		},
	}
}

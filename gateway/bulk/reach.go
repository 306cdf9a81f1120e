package bulk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/client"
	"github.com/secant-platform/secant/gateway/config"
)

// reach says which node is called, and with what token.
type reach struct {
	role                    auth.Role // that the node asks for
	config, node, token, ca string
}

// patience is how long one call is tried while the node is away or busy.
const patience = 5 * time.Minute

// flags adds the flags that say it.
func (r *reach) flags(c *cobra.Command) {
	c.Flags().StringVar(&r.config, "config", "", "the node's configuration, which tells its address and makes a token")
	c.Flags().StringVar(&r.node, "node", "", "instead of --config: the node's base address")
	c.Flags().StringVar(&r.token, "token", "", "with --node: a file with a token of the role "+string(r.role))
	c.Flags().StringVar(&r.ca, "ca", "", "with --node: a PEM file of the CAs that the node's TLS certificate chains to (default: the system's)")
	c.MarkFlagsOneRequired("config", "node")
	c.MarkFlagsMutuallyExclusive("config", "node")
	c.MarkFlagsRequiredTogether("node", "token")
}

// open makes a client of the node.
func (r *reach) open() (*client.Client, error) {
	address, roots := r.node, r.ca
	opts := []client.Option{client.WithPatience(patience), client.WithUserAgent("secant")}
	if r.config != "" {
		cfg, err := config.Load(r.config)
		if err != nil {
			return nil, err
		}
		address = cfg.Endpoint
		if cfg.TLS != nil {
			roots = cfg.TLS.Certificate // the node's own is trusted for itself
		}
		key, err := auth.OpenKey(cfg.Keys.Token.Path())
		if err != nil {
			return nil, err
		}
		opts = append(opts, client.WithTokenSource(func(context.Context) (string, error) {
			return auth.Mint(key, auth.Claims{
				Issuer: cfg.Organisation, Audience: cfg.Organisation, Subject: "import", Role: r.role,
			}, time.Now(), 10*time.Minute)
		}))
	} else {
		opts = append(opts, client.WithTokenFile(r.token))
	}
	if roots != "" {
		opts = append(opts, client.WithRootsFile(roots))
	}
	return client.New(address, opts...)
}

// hint says what to do about an answer, where that is for the operator to do.
func (r *reach) hint(err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%[1]w (the token must be this node's, of the role %[2]s: `secant token --role %[2]s --config node.json`)", err, r.role)
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fmt.Errorf("%w (is it a node of this version?)", err)
	}
	return err
}

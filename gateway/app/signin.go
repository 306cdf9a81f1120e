package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/gateway/server"
	"github.com/secant-platform/secant/gateway/session"
)

// providerTime bounds one call of the organisation's provider.
const providerTime = 10 * time.Second

// usedFolder is where used proofs are remembered.
const usedFolder = "used"

// probes are asked for by those who look whether the node lives, at any rate.
var probes = []string{"/livez", "/readyz"}

// openSessions makes what signs people and programs in, has verifier ask it about
// every token of theirs, and registers the route of programs.
func (n *node) openSessions(router *auth.Router, verifier *auth.Verifier) (*session.Sessions, error) {
	in := &n.cfg.SignIn
	o := session.Options{
		Organisation: n.cfg.Organisation, Key: n.key, URLs: n.addresses(), Store: n.store, Flows: n.store, Now: time.Now,
		Return: in.Return, Bearer: in.Bearer, Used: filepath.Join(n.cfg.Data, usedFolder), Provider: n.provider,
	}
	if n.identity != nil {
		o.Wallets, o.Still = n.identity.asker, n.identity.verifier.Still
	}
	var err error
	if o.Services, err = services(in.Services); err != nil {
		return nil, err
	}
	s, err := session.New(o)
	if err != nil {
		return nil, err
	}
	n.sessions = s
	verifier.Ask(s)
	oid4.RegisterServices(router, s)
	return s, nil
}

// addresses lists the base addresses of the node, that for outsiders first.
func (n *node) addresses() []string {
	list := []string{strings.TrimSuffix(n.cfg.Endpoint, "/")}
	if outside := n.cfg.PublicURL(); outside != "" && !slices.Contains(list, outside) {
		list = slices.Insert(list, 0, outside)
	}
	return list
}

// openProvider makes the organisation's OpenID Connect provider, where there is one.
func (n *node) openProvider() error {
	c := n.cfg.SignIn.Provider
	if c == nil {
		return nil
	}
	p := &session.Provider{Issuer: c.Issuer, ClientID: c.ClientID, Scopes: c.Scopes, Claim: c.Claim, Person: c.Person}
	if c.Secret != "" {
		b, err := os.ReadFile(c.Secret.Path())
		if err != nil {
			return fmt.Errorf("reading the secret of the provider: %w", err)
		}
		p.Secret = strings.TrimSpace(string(b))
	}
	for _, r := range c.Roles {
		p.Roles = append(p.Roles, session.ClaimRole{Value: r.Value, Role: auth.Role(r.Role)})
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return fmt.Errorf("reading the system's roots: %w", err)
	}
	if n.cfg.Exchange.Roots != "" {
		if err := n.addRoots(roots); err != nil {
			return err
		}
	}
	p.HTTP = &http.Client{Timeout: providerTime, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
	n.provider = p
	return nil
}

// services reads the keys of programs that sign in.
func services(list []config.Service) ([]session.Service, error) {
	out := make([]session.Service, len(list))
	for i, c := range list {
		out[i] = session.Service{ID: c.ID, Keys: c.Keys}
		if c.KeyFile != "" {
			var err error
			if out[i].Keys, err = os.ReadFile(c.KeyFile); err != nil {
				return nil, fmt.Errorf("reading the keys of a service: %w", err)
			}
		}
		for _, r := range c.Roles {
			out[i].Roles = append(out[i].Roles, auth.Role(r))
		}
	}
	return out, nil
}

// limiter bounds what callers without a token ask for.
func (n *node) limiter() *server.Limiter {
	return server.NewLimiter(server.Rates{
		PerSecond: float64(n.cfg.Limits.Anonymous), Total: float64(n.cfg.Limits.AnonymousTotal), Free: probes,
	}, time.Now)
}

// callers bounds what those ask for who are known: each by who it is, so that nobody
// may ask more by signing in more often, or with more tokens.
type callers struct{ people, programs *server.Callers }

func newCallers(l config.Limits) callers {
	return callers{server.NewCallers(float64(l.Session), time.Now), server.NewCallers(float64(l.Program), time.Now)}
}

// limit counts a request with a token.
func (c callers) limit(who *auth.Caller) error {
	if who.Session != "" {
		return c.people.Allow(who.Subject)
	}
	return c.programs.Allow("program\x00" + who.Organisation + "\x00" + who.Subject)
}

// device counts a device's request, once it is proven to be the device's. Each place
// that it comes from counts apart, so that a request that somebody took down and sends
// again elsewhere uses up nothing of the device's.
func (c callers) device(r *http.Request, unit string, proven bool) error {
	name := "device\x00" + unit + "\x00" + server.NetworkOf(r.RemoteAddr).String()
	if !proven {
		return c.programs.May(name)
	}
	return c.programs.Allow(name)
}

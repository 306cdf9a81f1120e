package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"time"

	fabric "github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Config names the network that a client belongs to and the identities with
// which it signs.
type Config struct {
	Organisation string                   // MSP id of the node's own organisation
	Channel      string                   // channel name
	Chaincode    string                   // chaincode name; empty means ledger.ChaincodeName
	Peers        []Peer                   // at least one of the own organisation; tried in this order, the own ones first
	Identities   map[ledger.Role]Identity // the roles that this node may act in; at least one
}

// Peer is a peer whose gateway and delivery services may be used.
type Peer struct {
	Name         string // for logs, as in "peer0"
	Organisation string // MSP id
	Address      string // host:port
	ServerName   string // name in its TLS certificate; empty: the host of Address
	TLSRoot      []byte // PEM certificates that its TLS certificate must chain to
}

// Identity is a client certificate of the organisation and its private key.
type Identity struct {
	Certificate []byte // PEM
	Key         []byte // PEM, PKCS#8 or SEC 1
}

// LogValue keeps the key out of logs.
func (i Identity) LogValue() slog.Value { return slog.StringValue("redacted") }

// String keeps the key out of formatted text.
func (i Identity) String() string { return "redacted" }

// GoString keeps the key out of text formatted with %#v.
func (i Identity) GoString() string { return "redacted" }

func (c *Config) validate() error {
	var faults []ledger.Fault
	fail := func(field, detail string) { faults = append(faults, ledger.Fault{Field: field, Detail: detail}) }
	if c.Organisation == "" {
		fail("organisation", "must not be empty")
	}
	if c.Channel == "" {
		fail("channel", "must not be empty")
	}
	own := false
	for i, p := range c.Peers {
		own = own || p.Organisation == c.Organisation
		field := fmt.Sprintf("peers[%d]", i)
		if _, _, err := net.SplitHostPort(p.Address); err != nil {
			fail(field+".address", "must be host:port")
		}
		if p.Organisation == "" {
			fail(field+".organisation", "must not be empty")
		}
		if len(p.TLSRoot) == 0 {
			fail(field+".tlsRoot", "must hold the peer's TLS roots")
		}
	}
	if !own {
		fail("peers", "must name a peer of the own organisation")
	}
	if len(c.Identities) == 0 {
		fail("identities", "must hold at least one role")
	}
	if len(faults) > 0 {
		return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the ledger client's configuration is not valid", Faults: faults}
	}
	return nil
}

// Client is a node's connection to the ledger. It is safe for concurrent use.
type Client struct {
	cfg      Config
	opts     options
	links    []*link                // every peer, the own ones first
	own      []*link                // the own organisation's
	actors   map[ledger.Role]*actor // over every peer
	reader   *actor                 // over the own peers only
	others   map[string]*actor      // over one other organisation's peers each, by MSP id; see Consult
	reads    ledger.Role            // the role that reads are signed in
	majority int                    // organisations that make a majority of those in the configuration
}

// actor is one identity and what it speaks through.
type actor struct {
	gateway *fabric.Gateway
	network *fabric.Network
	sign    identity.Sign
}

// Connect makes a client. It returns before any peer has answered: connections
// are made when they are first needed and mended by themselves, so that a node
// can start before its peers do. It fails only on a configuration that can
// never work; a Problem lists what is wrong with it.
func Connect(ctx context.Context, cfg Config, opts ...Option) (*Client, error) {
	if cfg.Chaincode == "" {
		cfg.Chaincode = ledger.ChaincodeName
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, opts: defaults(), actors: map[ledger.Role]*actor{}, reads: cfg.readRole()}
	for _, o := range opts {
		o(&c.opts)
	}
	if err := c.connect(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.opts.log.DebugContext(ctx, "ledger client made",
		slog.String("organisation", cfg.Organisation), slog.String("channel", cfg.Channel),
		slog.String("chaincode", cfg.Chaincode), slog.Int("peers", len(c.links)), slog.Int("own_peers", len(c.own)))
	return c, nil
}

func (c *Client) connect() error {
	organisations := map[string]bool{}
	var others []*link
	for i := range c.cfg.Peers {
		p := &c.cfg.Peers[i]
		l, err := dial(p)
		if err != nil {
			return errors.Join(err, closeAll(others))
		}
		organisations[p.Organisation] = true
		if p.Organisation == c.cfg.Organisation {
			c.own = append(c.own, l)
			c.links = append(c.links, l)
		} else {
			others = append(others, l)
		}
	}
	c.links = append(c.links, others...)
	c.majority = len(organisations)/2 + 1

	every := &route{links: c.links, opts: &c.opts}
	for role, id := range c.cfg.Identities {
		a, err := c.newActor(id, every)
		if err != nil {
			return fmt.Errorf("using the identity of role %s: %w", role, err)
		}
		c.actors[role] = a
	}
	reader, err := c.newActor(c.cfg.Identities[c.reads], &route{links: c.own, opts: &c.opts})
	if err != nil {
		return fmt.Errorf("using the identity of role %s: %w", c.reads, err)
	}
	c.reader = reader
	c.others = map[string]*actor{}
	byOrganisation := map[string][]*link{}
	for _, l := range others {
		byOrganisation[l.organisation] = append(byOrganisation[l.organisation], l)
	}
	for organisation, links := range byOrganisation {
		a, err := c.newActor(c.cfg.Identities[c.reads], &route{links: links, opts: &c.opts})
		if err != nil {
			return fmt.Errorf("using the identity of role %s: %w", c.reads, err)
		}
		c.others[organisation] = a
	}
	return nil
}

// readRole is the role that reads are signed in: the ledger tells none apart
// for reading, so the first that there is.
func (c *Config) readRole() ledger.Role {
	for _, role := range ledger.Roles {
		if _, ok := c.Identities[role]; ok {
			return role
		}
	}
	return slices.Min(slices.Collect(maps.Keys(c.Identities)))
}

func (c *Client) newActor(id Identity, through *route) (*actor, error) {
	cert, err := identity.CertificateFromPEM(id.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	key, err := identity.PrivateKeyFromPEM(id.Key)
	if err != nil {
		return nil, errors.New("reading the private key: it is not the PEM form of a private key")
	}
	x509ID, err := identity.NewX509Identity(c.cfg.Organisation, cert)
	if err != nil {
		return nil, fmt.Errorf("using the certificate: %w", err)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		return nil, fmt.Errorf("using the private key: %w", err)
	}
	gw, err := fabric.Connect(x509ID, fabric.WithSign(sign), fabric.WithClientConnection(through))
	if err != nil {
		return nil, fmt.Errorf("making the gateway: %w", err)
	}
	return &actor{gateway: gw, network: gw.GetNetwork(c.cfg.Channel), sign: sign}, nil
}

// actor returns who acts in a role.
func (c *Client) actor(role ledger.Role) (*actor, error) {
	a, ok := c.actors[role]
	if !ok {
		return nil, ledger.Problemf(ledger.CodeDenied, "this node has no identity in the role %s", role)
	}
	return a, nil
}

// Close ends the connections. Calls that are under way fail.
func (c *Client) Close() error {
	var errs []error
	for _, a := range c.actors {
		errs = append(errs, a.gateway.Close())
	}
	if c.reader != nil {
		errs = append(errs, c.reader.gateway.Close())
	}
	for _, a := range c.others {
		errs = append(errs, a.gateway.Close())
	}
	if err := errors.Join(append(errs, closeAll(c.links))...); err != nil {
		return fmt.Errorf("closing the ledger client: %w", err)
	}
	return nil
}

func closeAll(links []*link) error {
	var errs []error
	for _, l := range links {
		errs = append(errs, l.conn.Close())
	}
	return errors.Join(errs...)
}

// What a connection to a peer is given. Fabric's peers end a connection that is
// pinged more often than once a minute; a message may be as large as a block.
const (
	connectTimeout = 3 * time.Second
	reconnectMax   = 3 * time.Second
	pingInterval   = 65 * time.Second
	pingTimeout    = 15 * time.Second
	maxMessage     = 100 << 20 // bytes; what Fabric's own programs allow
)

func dial(p *Peer) (*link, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(p.TLSRoot) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the TLS roots of peer %s hold no certificate", p.Name)
	}
	wait := backoff.DefaultConfig
	wait.BaseDelay, wait.MaxDelay = 200*time.Millisecond, reconnectMax
	conn, err := grpc.NewClient("passthrough:///"+p.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
			RootCAs: roots, ServerName: p.ServerName, MinVersion: tls.VersionTLS12,
		})),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: wait, MinConnectTimeout: connectTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingInterval, Timeout: pingTimeout}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithNoProxy(),
	)
	if err != nil {
		return nil, fmt.Errorf("making the connection to peer %s: %w", p.Name, err)
	}
	return &link{name: p.Name, organisation: p.Organisation, conn: conn}, nil
}

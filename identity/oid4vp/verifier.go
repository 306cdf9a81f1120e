package oid4vp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/jwe"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

// The paths below a Verifier's base address, each followed by a request's handle.
const (
	PathRequest  = "/requests/"  // GET and POST: the request object
	PathResponse = "/responses/" // POST: the answer
)

// The life of a request.
const (
	DefaultLife = 5 * time.Minute
	maxLife     = 15 * time.Minute
)

// Presented is one presentation of an answer.
type Presented struct {
	Format Format
	Query  string // id of the credential's query
	Token  string // as it came; of ldp_vc, the JSON of the presentation
}

// Want is what a presentation must be bound to, and what it may be.
type Want struct {
	Nonce       string
	Audience    string   // the client identifier
	ResponseURI string   // for an mdoc's session transcript
	Thumbprint  []byte   // of the key of the encryption, for the same; nil: not encrypted
	Types       []string // that were asked for, in any combination
	Bound       bool     // whether its holder must have signed
	At          time.Time
}

// Judge says whether a presentation is genuine: its proof, its issuer, its time,
// its status, its schema, and that its holder signed it for what is wanted. Its
// errors reach the wallet, by way of their Problems.
type Judge func(ctx context.Context, p Presented, w Want) (*Judged, error)

// Options are what a Verifier works with. Base, Clients, Flows, Judge and Now are
// needed.
type Options struct {
	Base    string    // https address below which PathRequest and PathResponse are served, without a slash at its end
	Clients []*Client // who asks; the first, unless a question says otherwise
	Flows   Flows
	Judge   Judge
	Now     func() time.Time
	Life    time.Duration // of a request; 0: DefaultLife; at most 15 minutes
	Name    string        // shown by wallets; empty: none
	Kind    string        // of the flows, so that one verifier's tickets open nothing of another's; empty: FlowKind
	HAIP    bool          // refuse to ask otherwise than the High Assurance Interoperability Profile 1.0 demands, section 5
	// Contexts are those of the credentials that presentation definitions ask for; nil:
	// none is asked with.
	Contexts *vc.Contexts
	// Standing are the questions that anybody may have asked, by names: see AskStanding.
	Standing map[string]Question
	// Secret is that from which their requests are derived, at least 32 bytes. It opens
	// recorded answers, and so is best drawn anew at each start: requests under way are
	// then over.
	Secret []byte
}

// Verifier asks wallets for credentials.
type Verifier struct {
	o        Options
	standing []standing
	tallies  tallies
}

// NewVerifier checks the options.
func NewVerifier(o Options) (*Verifier, error) {
	base, err := url.Parse(o.Base)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.RawQuery != "" || base.Fragment != "" || strings.HasSuffix(o.Base, "/") {
		return nil, errors.New("making a verifier: its base is no address without a slash at its end")
	}
	if len(o.Clients) == 0 || o.Flows == nil || o.Judge == nil || o.Now == nil {
		return nil, errors.New("making a verifier: it needs clients, flows, a judge and a clock")
	}
	for _, c := range o.Clients {
		// A wallet refuses another host (section 5.9.3), so that it is found out here.
		if host, isDNS := strings.CutPrefix(c.id, PrefixDNS+":"); isDNS && host != base.Hostname() {
			return nil, errors.New("making a verifier: its base is on another host than its certificate's")
		}
	}
	if o.Kind == "" {
		o.Kind = FlowKind
	}
	if o.Life == 0 {
		o.Life = DefaultLife
	}
	if o.Life < 0 || o.Life > maxLife {
		return nil, fmt.Errorf("making a verifier: a request lives at most %s", maxLife)
	}
	v := &Verifier{o: o}
	return v, v.openStanding()
}

// Question is what to ask, and how.
type Question struct {
	Query    *Query
	Return   string // where the person's browser goes afterwards (same device); empty: nowhere (another device)
	Plain    bool   // have the answer sent without encryption
	Post     bool   // have the wallet fetch the request by POST, with a nonce of its own
	Scheme   string // of the link; empty: "openid4vp"
	Nonce    string // empty: a fresh one. A holder statement's challenge is another
	Keep     bool   // have the presentations themselves in the result: a signed statement is one
	ClientID string // which of the clients asks; empty: the first
	Only     bool   // keep of what is shown what was asked for alone
	Exchange bool   // ask by a presentation definition, for wallets that know no DCQL

	// Statement is what the nonce is the challenge of, for wallets that know such
	// statements and show them: JSON that stands in a signed request as it is, where
	// others skip it. Nil: the nonce says nothing.
	Statement json.RawMessage
	Life      time.Duration // of the request; 0: the verifier's; at most 15 minutes
}

// Asked is a question on its way.
type Asked struct {
	Link    string // for the wallet: followed on the same device, a QR code for another
	Ticket  string // secret of whoever asks: it opens the result
	Expires time.Time
}

// Ask begins a request.
func (v *Verifier) Ask(ctx context.Context, q Question) (*Asked, error) {
	client, err := v.check(q)
	if err != nil {
		return nil, err
	}
	life := q.Life
	if life == 0 {
		life = v.o.Life
	}
	if life < 0 || life > maxLife || len(q.Statement) > 0 && client.unsigned() {
		return nil, fmt.Errorf("asking a wallet: a request lives at most %s, and one for a statement is signed", maxLife)
	}
	secrets := make([]string, 4)
	for i := range secrets {
		if secrets[i], err = secret(); err != nil {
			return nil, err
		}
	}
	handle, ticket, state, nonce := secrets[0], secrets[1], secrets[2], secrets[3]
	if q.Nonce != "" {
		nonce = q.Nonce
	}
	f := &flow{
		Phase: phaseOpen, Ticket: digestOf(ticket), ClientID: client.id, Nonce: nonce, State: state, Query: q.Query, Return: q.Return, Keep: q.Keep,
		Only: q.Only, Exchange: q.Exchange, Statement: q.Statement,
		Expires: v.o.Now().Add(life).UTC().Truncate(time.Second),
	}
	if !q.Plain {
		if _, f.Key, err = newDecryptionKey(); err != nil {
			return nil, err
		}
	}
	link, err := v.link(handle, client, f, q)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encoding a request's state: %w", err)
	}
	if err := v.o.Flows.CreateFlow(ctx, v.o.Kind, digestOf(handle), b, f.Expires); err != nil {
		return nil, err
	}
	return &Asked{Link: link, Ticket: handle + "." + ticket, Expires: f.Expires}, nil
}

// check checks a question, and returns who asks it.
func (v *Verifier) check(q Question) (*Client, error) {
	if err := q.Query.Validate(); err != nil {
		return nil, err
	}
	client, err := v.client(q.ClientID)
	if err != nil {
		return nil, err
	}
	if err := client.mayAsk(q); err != nil {
		return nil, err
	}
	if q.Exchange {
		if err := v.mayExchange(q.Query, client); err != nil {
			return nil, err
		}
	}
	if q.Return != "" {
		if u, err := url.Parse(q.Return); err != nil || !u.IsAbs() || u.Host == "" {
			return nil, errors.New("asking a wallet: where to return to is no address")
		}
	}
	if v.o.HAIP {
		return client, highAssurance(q, client)
	}
	return client, nil
}

// highAssurance checks what the profile leaves to whoever asks.
func highAssurance(q Question, c *Client) error {
	known := strings.HasPrefix(c.id, PrefixHash+":")
	formats := !slices.ContainsFunc(q.Query.Credentials, func(c CredentialQuery) bool { return c.Format != FormatSDJWT && c.Format != FormatMDoc })
	if q.Plain || !known || !formats {
		return errors.New("asking a wallet: high assurance needs x509_hash, an encrypted answer, and SD-JWT VCs or mdocs")
	}
	return nil
}

func (v *Verifier) client(id string) (*Client, error) {
	if id == "" {
		return v.o.Clients[0], nil
	}
	i := slices.IndexFunc(v.o.Clients, func(c *Client) bool { return c.id == id })
	if i < 0 {
		return nil, errors.New("asking a wallet: there is no such client here")
	}
	return v.o.Clients[i], nil
}

// link names the request object, or holds the whole of an unsigned request, which
// cannot be fetched (section 5.9.3).
func (v *Verifier) link(handle string, client *Client, f *flow, q Question) (string, error) {
	scheme := q.Scheme
	if scheme == "" {
		scheme = "openid4vp"
	}
	query := url.Values{"client_id": {client.name(v.responseURI(handle))}}
	if !client.unsigned() {
		query.Set("request_uri", v.o.Base+PathRequest+handle)
		if q.Post {
			query.Set("request_uri_method", "post")
		}
		return scheme + "://?" + query.Encode(), nil
	}
	p, err := v.parameters(handle, client, f)
	if err != nil {
		return "", err
	}
	about, err := json.Marshal(p.Metadata)
	if err != nil {
		return "", fmt.Errorf("encoding a request: %w", err)
	}
	for name, value := range map[string]string{
		"response_type": p.ResponseType, "response_mode": p.ResponseMode, "response_uri": p.ResponseURI,
		"nonce": p.Nonce, "state": p.State, "dcql_query": string(p.Query), "client_metadata": string(about),
	} {
		query.Set(name, value)
	}
	return scheme + "://?" + query.Encode(), nil
}

func (v *Verifier) responseURI(handle string) string { return v.o.Base + PathResponse + handle }

func (v *Verifier) parameters(handle string, client *Client, f *flow) (*parameters, error) {
	p := &parameters{
		ClientID: client.name(v.responseURI(handle)), ResponseType: responseType, ResponseMode: modePlain, ResponseURI: v.responseURI(handle),
		Nonce: f.Nonce, State: f.State, Statement: f.Statement, Metadata: &metadata{Name: v.o.Name},
	}
	if err := f.phrase(p); err != nil {
		return nil, err
	}
	if f.Key == nil {
		return p, nil
	}
	_, public, err := f.decryptionKey()
	if err != nil {
		return nil, err
	}
	jwk, err := json.Marshal(public)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	p.ResponseMode = modeJWT
	p.Metadata.Keys = &keySet{[]json.RawMessage{jwk}}
	if f.Exchange {
		p.Metadata.OlderAlg, p.Metadata.OlderEnc = public.Algorithm, jwe.Encryptions()[0]
	} else {
		p.Metadata.Enc = jwe.Encryptions()
	}
	return p, nil
}

// phrase writes down what is asked, by a query or as older wallets read it.
func (f *flow) phrase(p *parameters) (err error) {
	if f.Exchange {
		p.Metadata.Older = olderFormats(f.Query)
		p.Definition, err = f.definition()
		return err
	}
	p.Metadata.Formats = formatsOf(f.Query)
	if p.Query, err = json.Marshal(f.Query); err != nil {
		return fmt.Errorf("encoding a query: %w", err)
	}
	return nil
}

// maxWalletNonce bounds what a wallet may have repeated to it, in bytes.
const maxWalletNonce = 512

// RequestObject returns the signed request under a handle, of RequestType. A
// wallet may fetch it again until it is answered. walletNonce is what it posted,
// if it did; a not_found Problem says that there is no such request any more.
func (v *Verifier) RequestObject(ctx context.Context, handle, walletNonce string) (string, error) {
	if len(walletNonce) > maxWalletNonce {
		return "", tooLarge("a wallet's nonce", maxWalletNonce)
	}
	f, _, err := v.open(ctx, handle)
	if err != nil {
		return "", err
	}
	client, err := v.client(f.ClientID)
	if err != nil || client.unsigned() || f.Phase != phaseOpen {
		return "", notFound()
	}
	p, err := v.parameters(handle, client, f)
	if err != nil {
		return "", err
	}
	p.Issuer, p.Audience, p.WalletNonce = p.ClientID, Audience, walletNonce
	p.Issued, p.Expires = float64(v.o.Now().Unix()), float64(f.Expires.Unix())
	payload, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encoding a request: %w", err)
	}
	header := client.header
	header.Type = RequestType
	return keys.Compact(client.signer, header, payload)
}

func notFound() error {
	return ledger.Problemf(ledger.CodeNotFound, "there is no such request, or its time is over")
}

// Base returns the address below which the verifier is to be served.
func (v *Verifier) Base() string { return v.o.Base }

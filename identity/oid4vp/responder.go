package oid4vp

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// MaxRequest bounds a request, in bytes.
const MaxRequest = 32 << 10

// ResponderOptions say which verifiers a wallet believes. HTTP and Now are
// needed; a way of being known that is left out is not believed.
type ResponderOptions struct {
	HTTP       *http.Client // with its time limits; redirects are refused
	Now        func() time.Time
	Roots      *x509.CertPool // for x509_san_dns and x509_hash
	DID        func(ctx context.Context, did, keyID string) (*verify.Key, error)
	Registered func(ctx context.Context, clientID, keyID string) (*verify.Key, error) // for identifiers that say nothing of themselves
	Unsigned   bool                                                                   // for development: believe redirect_uri, which proves nothing
	Plaintext  bool                                                                   // for development: http addresses
}

// Responder reads requests and answers them for a wallet.
type Responder struct{ o ResponderOptions }

// NewResponder checks the options.
func NewResponder(o ResponderOptions) (*Responder, error) {
	if o.HTTP == nil || o.Now == nil {
		return nil, errors.New("making a responder: it needs an HTTP client and a clock")
	}
	// A redirect would lead a wallet to an address that nobody signed.
	client := *o.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &client
	return &Responder{o}, nil
}

// Request is a request that was read and believed: what to show a person before
// anything is answered.
type Request struct {
	ClientID    string            // also what the holder signs as audience
	Prefix      string            // how the verifier is known: a Prefix constant, or empty: registered
	Certificate *x509.Certificate // of x509_san_dns and x509_hash
	Name        string            // what the verifier calls itself, which nobody checked
	Query       *Query
	Nonce       string
	ResponseURI string
	Encrypted   bool
	Statement   json.RawMessage // what the verifier says that the nonce is the challenge of, of a signed request; nil: nothing

	state string
	about *metadata
}

// Read reads a request from a link, by way of its request_uri when it has one,
// and checks that it is by whom it says.
func (r *Responder) Read(ctx context.Context, link string) (*Request, error) {
	if len(link) > MaxRequest {
		return nil, tooLarge("a link", MaxRequest)
	}
	u, err := url.Parse(link)
	if err != nil {
		return nil, invalid("the link is no address")
	}
	form, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, invalid("the link cannot be read")
	}
	for _, list := range form {
		if len(list) > 1 {
			return nil, invalid("the link has a parameter twice")
		}
	}
	clientID := form.Get("client_id")
	if clientID == "" {
		return nil, invalid("the link does not say who asks")
	}
	if uri := form.Get("request_uri"); uri != "" {
		token, walletNonce, err := r.fetch(ctx, uri, form.Get("request_uri_method"))
		if err != nil {
			return nil, err
		}
		return r.signed(ctx, token, told{clientID, uri, walletNonce})
	}
	if token := form.Get("request"); token != "" {
		return r.signed(ctx, token, told{clientID: clientID})
	}
	return r.unsigned(form)
}

// unsigned reads a request whose parameters stand in the link.
func (r *Responder) unsigned(form url.Values) (*Request, error) {
	p := &parameters{
		ClientID: form.Get("client_id"), ResponseType: form.Get("response_type"), ResponseMode: form.Get("response_mode"),
		ResponseURI: form.Get("response_uri"), RedirectURI: form.Get("redirect_uri"), Nonce: form.Get("nonce"), State: form.Get("state"),
		Scope: form.Get("scope"), Query: []byte(form.Get("dcql_query")), Transaction: []byte(form.Get("transaction_data")),
	}
	if about := form.Get("client_metadata"); about != "" {
		p.Metadata = new(metadata)
		if err := read("the verifier's metadata", []byte(about), MaxRequest, p.Metadata); err != nil {
			return nil, err
		}
	}
	prefix, name, _ := strings.Cut(p.ClientID, ":")
	if prefix != PrefixRedirect || !r.o.Unsigned {
		return nil, ledger.Problemf(ledger.CodeDenied, "the request is not signed")
	}
	if name != p.ResponseURI {
		return nil, invalid("the request is not from where its answer goes")
	}
	return r.request(p, prefix)
}

// told is what is known of a request object before it is read.
type told struct {
	clientID    string
	uri         string // from which it was fetched; empty: it stood in the link
	walletNonce string
}

// signed checks a request object: its type, its signer, and that it is the one
// that was asked for (sections 5.8 to 5.10). Its audience is any wallet, or the
// address from which it was fetched, as Credo's verifiers have it.
func (r *Responder) signed(ctx context.Context, token string, t told) (*Request, error) {
	jws, err := verify.ParseJWS(token)
	if err != nil {
		return nil, err
	}
	if jws.Type != RequestType {
		return nil, invalid("the request is not of the type %s", RequestType)
	}
	h, err := readHeader(token)
	if err != nil {
		return nil, err
	}
	p := new(parameters)
	if err := read("the request", jws.Payload, MaxRequest, p); err != nil {
		return nil, err
	}
	if p.ClientID != t.clientID {
		return nil, invalid("the request is by another than the link says")
	}
	prefix, name, found := strings.Cut(t.clientID, ":")
	if !found || !isPrefix(prefix) {
		prefix, name = "", t.clientID
	}
	key, leaf, err := r.key(ctx, h, jws.KeyID, prefix, name)
	if err != nil {
		return nil, err
	}
	if err := jws.Verify(key); err != nil {
		return nil, err
	}
	at := float64(r.o.Now().Unix())
	switch {
	case p.Audience != Audience && (t.uri == "" || p.Audience != t.uri):
		return nil, invalid("the request is for somebody else")
	case p.Expires != 0 && at >= p.Expires:
		return nil, ledger.Problemf(ledger.CodeGone, "the request's time is over")
	case !same(p.WalletNonce, t.walletNonce):
		return nil, invalid("the request was not made for this wallet now")
	}
	out, err := r.request(p, prefix)
	if err != nil {
		return nil, err
	}
	out.Certificate, out.Statement = leaf, p.Statement
	if u, err := url.Parse(p.ResponseURI); prefix == PrefixDNS && (err != nil || u.Hostname() != name) {
		return nil, invalid("the answer would go to another host than the one that asks")
	}
	return out, nil
}

// key finds the key under which a request must be signed. The client identifier
// decides it, and nothing that the request says of itself.
func (r *Responder) key(ctx context.Context, h *header, keyID, prefix, name string) (*verify.Key, *x509.Certificate, error) {
	switch {
	case prefix == PrefixDNS || prefix == PrefixHash:
		return certifiedKey(h, prefix, name, r.o.Roots, r.o.Now())
	case prefix == PrefixDID && r.o.DID != nil:
		if did, _, _ := strings.Cut(keyID, "#"); did != name {
			return nil, nil, invalid("the request is signed by another than asks")
		}
		key, err := r.o.DID(ctx, name, keyID)
		return key, nil, err
	case prefix == "" && r.o.Registered != nil:
		key, err := r.o.Registered(ctx, name, keyID)
		return key, nil, err
	}
	return nil, nil, ledger.Problemf(ledger.CodeDenied, "who asks is not known in any way that is trusted here")
}

// request checks what every request must say.
func (r *Responder) request(p *parameters, prefix string) (*Request, error) {
	switch {
	case p.ResponseType != responseType || p.ResponseMode != modePlain && p.ResponseMode != modeJWT || p.RedirectURI != "":
		return nil, invalid("the request must be for a vp_token by direct_post or direct_post.jwt")
	case p.Nonce == "" || len(p.Nonce) > maxText || len(p.State) > maxText:
		return nil, invalid("the request must have a nonce")
	case len(p.Query) == 0 || p.Scope != "":
		return nil, invalid("the request must ask by a DCQL query")
	case len(p.Transaction) > 0: // section 8.4: what is not understood is not agreed to
		return nil, invalid("the request is about a transaction of a type that is not known here")
	}
	if err := r.address(p.ResponseURI); err != nil {
		return nil, err
	}
	query, err := ParseQuery(p.Query)
	if err != nil {
		return nil, err
	}
	out := &Request{
		ClientID: p.ClientID, Prefix: prefix, Query: query, Nonce: p.Nonce, ResponseURI: p.ResponseURI,
		Encrypted: p.ResponseMode == modeJWT, state: p.State, about: p.Metadata,
	}
	if p.Metadata != nil {
		out.Name = p.Metadata.Name
	}
	if out.Encrypted {
		if _, err := p.Metadata.encryptionKey(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// address checks an address of the verifier's.
func (r *Responder) address(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !r.o.Plaintext) {
		return invalid("an address of the verifier must be https")
	}
	return nil
}

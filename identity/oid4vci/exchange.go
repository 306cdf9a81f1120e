package oid4vci

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/dpop"
)

// maxAnswer bounds what an issuer answers, in bytes: pictures may stand in its
// metadata.
const maxAnswer = 4 << 20

const typeJSON = "application/json"

// answer is what came of a call.
type answer struct {
	typ  string // media type, without parameters
	body []byte
}

// call is one request of a wallet's.
type call struct {
	method  string
	address string
	typ     string // of the body
	accept  string // empty: JSON
	body    []byte
	token   string // access token
	server  string // authorization server to which the wallet shows an attestation
}

func (c *Client) get(ctx context.Context, address string) ([]byte, error) {
	a, err := c.do(ctx, call{method: http.MethodGet, address: address})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

func (c *Client) post(ctx context.Context, address string, form url.Values, server string) ([]byte, error) {
	a, err := c.do(ctx, call{
		method: http.MethodPost, address: address, typ: "application/x-www-form-urlencoded",
		body: []byte(form.Encode()), server: server,
	})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// send sends a JSON body with a session's token.
func (c *Client) send(ctx context.Context, address string, v any, token string) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	a, err := c.do(ctx, call{method: http.MethodPost, address: address, typ: typeJSON, body: b, token: token})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// do makes a call, and once more when the server wants its nonce in the proof (RFC
// 9449, sections 8 and 9).
func (c *Client) do(ctx context.Context, r call) (*answer, error) {
	u, err := url.Parse(r.address)
	if err != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "an issuer's address is of https, or of http on loopback")
	}
	origin := u.Scheme + "://" + u.Host
	for turn := 0; ; turn++ {
		a, fault, err := c.once(ctx, r, origin)
		if err != nil {
			return nil, err
		}
		if fault == nil {
			return a, nil
		}
		if fault.Code != CodeUseDPoPNonce || fault.Nonce == "" || turn > 0 || c.Key == nil {
			return nil, fault
		}
	}
}

func (c *Client) once(ctx context.Context, r call, origin string) (*answer, *Error, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.address, bytes.NewReader(r.body))
	if err != nil {
		return nil, nil, fmt.Errorf("making a request: %w", err)
	}
	req.Header.Set("Accept", cmp.Or(r.accept, typeJSON))
	if r.typ != "" {
		req.Header.Set("Content-Type", r.typ)
	}
	if err := c.prove(ctx, req, r, origin); err != nil {
		return nil, nil, err
	}
	// A redirect would take codes, tokens and proofs to an address that nobody named.
	client := *c.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return nil, nil, ledger.Problemf(ledger.CodeUnavailable, "the issuer's certificate is not of an authority that is trusted here")
		}
		return nil, nil, ledger.Problemf(ledger.CodeUnavailable, "the issuer does not answer")
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, nil, ledger.Problemf(ledger.CodeUnavailable, "the issuer does not answer to the end")
	}
	if len(b) > maxAnswer {
		return nil, nil, ledger.Problemf(ledger.CodeTooLarge, "the issuer's answer has more than %d bytes", maxAnswer)
	}
	nonce := resp.Header.Get("DPoP-Nonce")
	if nonce != "" && len(nonce) <= maxText {
		c.mu.Lock()
		if c.nonces == nil {
			c.nonces = map[string]string{}
		}
		c.nonces[origin] = nonce
		c.mu.Unlock()
	}
	if resp.StatusCode >= http.StatusOK && resp.StatusCode < http.StatusMultipleChoices {
		typ, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // none is none of ours
		return &answer{typ, b}, nil, nil
	}
	return nil, faultOf(resp, b, nonce), nil
}

// prove adds what shows who calls: token, DPoP proof, attestation.
func (c *Client) prove(ctx context.Context, req *http.Request, r call, origin string) error {
	if r.method == http.MethodPost && c.Key != nil && (r.token != "" || r.server != "") {
		proof, err := c.possession(r, origin)
		if err != nil {
			return err
		}
		req.Header.Set("DPoP", proof)
	}
	switch {
	case r.token != "" && c.Key != nil:
		req.Header.Set("Authorization", dpop.Scheme+" "+r.token)
	case r.token != "":
		req.Header.Set("Authorization", schemeBearer+" "+r.token)
	case r.server != "" && c.Attest != nil:
		attestation, proof, err := c.Attest(ctx, r.server)
		if err != nil {
			return fmt.Errorf("attesting the wallet: %w", err)
		}
		req.Header.Set(HeaderAttestation, attestation)
		req.Header.Set(HeaderAttestationProof, proof)
	}
	return nil
}

// possession makes a DPoP proof.
func (c *Client) possession(r call, origin string) (string, error) {
	c.mu.Lock()
	nonce := c.nonces[origin]
	c.mu.Unlock()
	return dpop.Make(c.Key, dpop.Request{Method: r.method, URL: r.address, Token: r.token, Nonce: nonce}, c.now())
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// faultOf reads an error of the protocol's. Only its code is kept, when it is a
// word: what others write is not repeated.
func faultOf(resp *http.Response, b []byte, nonce string) *Error {
	var body struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(b, &body) // the header may say it instead, or nobody
	code := word(body.Error)
	if strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="`+CodeUseDPoPNonce+`"`) {
		code = CodeUseDPoPNonce
	}
	return &Error{Code: code, Description: "the issuer refuses", Status: resp.StatusCode, Nonce: nonce}
}

// word returns a code as it stands, and "unknown" for what is none.
func word(s string) string {
	if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		return "unknown"
	}
	return s
}

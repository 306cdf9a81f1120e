package wallet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/wallet"
)

const (
	// maxAnswer bounds a node's answer about a session, in bytes.
	maxAnswer = 64 << 10
	// fresh is how long an access token must serve still to be used as it is.
	fresh = 30 * time.Second
	// answerTime bounds how long a node may take to begin an answer.
	answerTime = 2 * time.Minute
)

// site is a node at which a wallet's holder signs in, or is.
type site struct {
	base string // scheme, host and port
	http *http.Client
	key  keys.Signer // by which the node knows the holder
	now  func() time.Time
}

// baseOf returns the base address of a node in the one spelling under which it is
// kept, and the address itself.
func baseOf(address string) (string, *url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return "", nil, ledger.Problemf(ledger.CodeInvalid, "the address must be a node's https address, as in https://localhost:7051")
	}
	host := strings.ToLower(u.Host)
	return "https://" + strings.TrimSuffix(host, ":443"), u, nil
}

// refusal is a node's answer that is none of those wanted (RFC 9457).
type refusal struct {
	status  int
	problem struct {
		Code   ledger.Code
		Detail string
	}
}

// Error repeats of the node's answer what a terminal may show.
func (r *refusal) Error() string {
	text := fmt.Sprintf("the node answers %d %s", r.status, http.StatusText(r.status))
	if d := harmless(r.problem.Detail); d != "" {
		text += ": " + d
	}
	return text
}

// request makes a request with a proof of the holder's key, for a token if there is
// one.
func (s *site) request(ctx context.Context, method string, u *url.URL, token, mediaType string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	proof, err := dpop.Make(s.key, dpop.Request{Method: method, URL: s.base + u.EscapedPath(), Token: token}, s.now())
	if err != nil {
		return nil, err
	}
	req.Header.Set(dpop.Header, proof)
	if token != "" {
		req.Header.Set("Authorization", dpop.Scheme+" "+token)
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	return req, nil
}

// post sends JSON and reads JSON.
func (s *site) post(ctx context.Context, path, token string, in, out any) error {
	var body []byte
	var err error
	mediaType := ""
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		mediaType = "application/json"
	}
	u, err := url.Parse(s.base + path)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	req, err := s.request(ctx, http.MethodPost, u, token, mediaType, body)
	if err != nil {
		return err
	}
	res, err := s.http.Do(req)
	if err != nil {
		return unreachable(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil || len(b) > maxAnswer {
		return ledger.Problemf(ledger.CodeUnavailable, "the node's answer cannot be read")
	}
	if res.StatusCode != http.StatusOK {
		r := &refusal{status: res.StatusCode}
		_ = json.Unmarshal(b, &r.problem) // without a problem the status says it all
		return r
	}
	if err := json.Unmarshal(b, out); err != nil {
		return ledger.Problemf(ledger.CodeUnavailable, "the node's answer is not the one that was expected")
	}
	return nil
}

func unreachable(err error) error {
	return fmt.Errorf("%w: %w", ledger.Problemf(ledger.CodeUnavailable, "the node cannot be reached"), err)
}

// opened is what a node answers to who signs in, or goes on.
type opened struct {
	Outcome      string `json:"outcome"`
	AccessToken  string `json:"accessToken"`
	TokenType    string `json:"tokenType"`
	ExpiresIn    int    `json:"expiresIn"` // seconds
	RefreshToken string `json:"refreshToken"`
	Session      struct {
		Role    string    `json:"role"`
		Expires time.Time `json:"expires"`
	} `json:"session"`
}

// session is what the wallet keeps of it.
func (s *site) session(o *opened) (*wallet.Session, error) {
	if o.AccessToken == "" || o.RefreshToken == "" || o.TokenType != dpop.Scheme {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the node's answer is not the one that was expected")
	}
	return &wallet.Session{
		Node: s.base, Access: o.AccessToken, Refresh: o.RefreshToken, Role: o.Session.Role, Expires: o.Session.Expires.UTC(),
		Until: s.now().UTC().Add(time.Duration(o.ExpiresIn) * time.Second).Truncate(time.Second),
	}, nil
}

// begun is a sign-in on its way.
type begun struct {
	Link   string `json:"link"`
	Ticket string `json:"ticket"`
}

func (s *site) begin(ctx context.Context, who string) (*begun, error) {
	b := new(begun)
	err := s.post(ctx, "/v1/sign-in", "", map[string]string{"who": who, "device": "same"}, b)
	return b, err
}

// finish exchanges the ticket for a session, with the code that the wallet got for its
// answer. The node has that by now; it is asked again for as long as it says that it waits.
func (s *site) finish(ctx context.Context, ticket, code string) (*wallet.Session, error) {
	const (
		pause = 300 * time.Millisecond
		tries = 20
	)
	for range tries {
		var o opened
		if err := s.post(ctx, "/v1/sign-in/token", "", map[string]string{"ticket": ticket, "responseCode": code}, &o); err != nil {
			return nil, err
		}
		if o.Outcome != "waiting" {
			return s.session(&o)
		}
		if err := wait(ctx, pause); err != nil {
			return nil, err
		}
	}
	return nil, ledger.Problemf(ledger.CodeUnavailable, "the node does not learn of the answer")
}

// refresh goes on with a session.
func (s *site) refresh(ctx context.Context, token string) (*wallet.Session, error) {
	var o opened
	if err := s.post(ctx, "/v1/sign-in/refresh", "", map[string]string{"refreshToken": token}, &o); err != nil {
		return nil, err
	}
	return s.session(&o)
}

// wait pauses, unless somebody has lost patience.
func wait(ctx context.Context, pause time.Duration) error {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

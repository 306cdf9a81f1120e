package oid4vp

import (
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

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Proof is what a holder signs when presenting.
type Proof struct {
	Nonce       string
	Audience    string
	ResponseURI string // these two for an mdoc's session transcript
	Thumbprint  []byte // nil: the answer is not encrypted
}

// Presenter makes the presentation of a candidate. It is text, or for ldp_vc the
// JSON of the presentation.
type Presenter func(ctx context.Context, c Candidate, p Proof) (string, error)

// fetch gets a request object (section 5.10), with a nonce of the wallet's own
// when the verifier takes one.
func (r *Responder) fetch(ctx context.Context, uri, method string) (token, walletNonce string, err error) {
	if err := r.address(uri); err != nil {
		return "", "", err
	}
	form := url.Values{}
	switch method {
	case "", "get":
		method = http.MethodGet
	case "post":
		method = http.MethodPost
		if walletNonce, err = secret(); err != nil {
			return "", "", err
		}
		form.Set("wallet_nonce", walletNonce)
	default:
		return "", "", invalid("the request is to be fetched by an unknown method")
	}
	got, err := r.send(ctx, method, uri, form, "application/"+RequestType)
	if err != nil {
		return "", "", err
	}
	kind, _, err := mime.ParseMediaType(got.kind)
	if err != nil || got.status != http.StatusOK || kind != "application/"+RequestType {
		return "", "", ledger.Problemf(ledger.CodeNotFound, "the verifier has no such request, or not any more")
	}
	return strings.TrimSpace(string(got.body)), walletNonce, nil
}

// reply is what a verifier answers.
type reply struct {
	status int
	kind   string // Content-Type
	body   []byte
}

// send makes one bounded call to the verifier.
func (r *Responder) send(ctx context.Context, method, uri string, form url.Values, accept string) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, uri, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, invalid("an address of the verifier cannot be used")
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	req.Header.Set("Accept", accept)
	answer, err := r.o.HTTP.Do(req)
	if err != nil {
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return nil, ledger.Problemf(ledger.CodeUnavailable, "the verifier's certificate is not of an authority that is trusted here")
		}
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the verifier does not answer")
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, MaxRequest+1))
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the verifier does not answer")
	}
	if len(b) > MaxRequest {
		return nil, tooLarge("a verifier's answer", MaxRequest)
	}
	return &reply{answer.StatusCode, answer.Header.Get("Content-Type"), b}, nil
}

// Answer presents the chosen credentials, and returns where the verifier would
// like the person's browser to go; empty: nowhere. What is chosen is checked
// against the query only by the verifier: see Query.Choose.
func (r *Responder) Answer(ctx context.Context, q *Request, chosen []Candidate, present Presenter) (string, error) {
	proof := Proof{Nonce: q.Nonce, Audience: q.ClientID, ResponseURI: q.ResponseURI}
	if q.Encrypted {
		key, err := q.about.encryptionKey()
		if err != nil {
			return "", err
		}
		if proof.Thumbprint, err = thumbprint(key.JWK); err != nil {
			return "", err
		}
	}
	formats := map[string]Format{}
	for _, c := range q.Query.Credentials {
		formats[c.ID] = c.Format
	}
	token := map[string][]any{}
	for _, c := range chosen {
		text, err := present(ctx, c, proof)
		if err != nil {
			return "", fmt.Errorf("presenting a credential: %w", err)
		}
		if formats[c.Query] == FormatLDP {
			token[c.Query] = append(token[c.Query], json.RawMessage(text))
		} else {
			token[c.Query] = append(token[c.Query], text)
		}
	}
	return r.post(ctx, q, map[string]any{"vp_token": token})
}

// Decline tells the verifier that there will be no answer.
func (r *Responder) Decline(ctx context.Context, q *Request) (string, error) {
	return r.post(ctx, q, map[string]any{"error": "access_denied"})
}

func (r *Responder) post(ctx context.Context, q *Request, answer map[string]any) (string, error) {
	if q.state != "" {
		answer["state"] = q.state
	}
	form := url.Values{}
	if q.Encrypted {
		b, err := json.Marshal(answer)
		if err != nil {
			return "", fmt.Errorf("encoding an answer: %w", err)
		}
		token, err := encrypt(b, q.about)
		if err != nil {
			return "", err
		}
		form.Set("response", token)
	} else {
		for name, v := range answer {
			if text, ok := v.(string); ok {
				form.Set(name, text)
				continue
			}
			b, err := json.Marshal(v)
			if err != nil {
				return "", fmt.Errorf("encoding an answer: %w", err)
			}
			form.Set(name, string(b))
		}
	}
	got, err := r.send(ctx, http.MethodPost, q.ResponseURI, form, "application/json")
	if err != nil {
		return "", err
	}
	if got.status != http.StatusOK {
		return "", ledger.Problemf(ledger.CodeDenied, "the verifier refuses the answer, with status %d", got.status)
	}
	var next struct {
		URI string `json:"redirect_uri"`
	}
	if len(got.body) > 0 { // section 8.2: an answer without an address may be empty
		if err := read("the verifier's answer", got.body, MaxRequest, &next); err != nil {
			return "", err
		}
	}
	return next.URI, nil
}

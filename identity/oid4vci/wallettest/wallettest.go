// Package wallettest is for tests in which other people's wallets are issued
// credentials: it drives them, in whatever room the issuer is served.
package wallettest

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/peertest"
)

// Wallet is an installed wallet.
type Wallet struct{ peer peertest.Peer }

// Job has a wallet take an offer. Wallets skip what they do not know.
type Job struct {
	Link          string `json:"link"`
	Configuration string `json:"configuration"`
	TxCode        string `json:"txCode,omitempty"`
	DPoP          bool   `json:"dpop,omitempty"`
	DID           bool   `json:"did,omitempty"`      // key proofs name the key by a DID
	Count         int    `json:"count,omitempty"`    // of credentials; 0: one
	Client        string `json:"client,omitempty"`   // client_id
	Redirect      string `json:"redirect,omitempty"` // redirect_uri; set: by authorization code
	// Attester is the wallet's maker, who vouches for it; nil: nobody does.
	Attester *Attester `json:"attester,omitempty"`
	// KeyAttester vouches for the wallet's keys; with Attestation, that is its proof.
	KeyAttester *Attester `json:"keyAttester,omitempty"`
	Attestation bool      `json:"attestation,omitempty"`
	Roots       []string  `json:"roots,omitempty"` // certificates that the wallet trusts for mdocs, base64
	// Question is a request by a presentation definition, which the wallet answers with
	// the W3C credential that it received.
	Question string `json:"question,omitempty"`
}

// Attester makes wallet attestations.
type Attester struct {
	Issuer string         `json:"iss"`
	Key    map[string]any `json:"key"` // private JWK
	Chain  []string       `json:"x5c"`
}

// Result is what came of a job.
type Result struct {
	OK          bool
	Error       string
	Credentials []json.RawMessage
	Holders     []ledger.JWK
	TokenType   string
	Later       bool // the credentials were deferred
	Claims      map[string]any
	Answer      int // status that the verifier gave to the answer to Question
}

// Install installs the wallet in the folder "testdata/<folder>" of the test, or of
// another room's where the folder leads there.
func Install(t *testing.T, folder string) Wallet {
	t.Helper()
	return Wallet{peertest.Install(t, "wallet-"+filepath.Base(folder), folder)}
}

// Receive has the wallet do the jobs, one after the other.
func (w Wallet) Receive(t *testing.T, jobs ...Job) []Result {
	t.Helper()
	list := make([]map[string]any, len(jobs))
	for n, j := range jobs {
		b, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &list[n]); err != nil {
			t.Fatal(err)
		}
	}
	return peertest.Do[Result](t, w.peer, list...)
}

// Running is a wallet, or whatever else is installed, that was started and goes on
// until the test ends: it holds what it received.
type Running struct{ running *peertest.Running }

// Start starts the wallet's program.
func (w Wallet) Start(t *testing.T, args ...string) *Running {
	t.Helper()
	return &Running{peertest.Start(t, w.peer, args...)}
}

// Ask has what runs do one thing, and returns what came of it.
func Ask[R any](t *testing.T, r *Running, job any) R {
	t.Helper()
	return peertest.Ask[R](t, r.running, job)
}

// Hear returns what a running program says by itself.
func Hear[R any](t *testing.T, r *Running) R {
	t.Helper()
	return peertest.Hear[R](t, r.running)
}

// Showing has a wallet answer a question (OpenID4VP) with an SD-JWT VC.
type Showing struct {
	Link       string         `json:"link"`
	Credential string         `json:"credential"`
	Holder     map[string]any `json:"holder"`  // private JWK to which it is bound
	Trusted    []string       `json:"trusted"` // certificates of authorities for verifiers, base64
}

// Shown is what came of it.
type Shown struct {
	OK     bool
	Error  string
	Prefix string // how the verifier was known
	Status int    // of the verifier's answer
	Body   string
}

// Show has Credo answer the questions, one after the other. The wallet must be one
// that was installed from the folder of package oid4vp.
func (w Wallet) Show(t *testing.T, showings ...Showing) []Shown {
	t.Helper()
	list := make([]map[string]any, len(showings))
	for n, s := range showings {
		list[n] = map[string]any{"job": "credo", "link": s.Link, "credential": s.Credential, "holder": s.Holder, "trusted": s.Trusted}
	}
	return peertest.Do[Shown](t, w.peer, list...)
}

// Package wallettest is for tests in which other people's wallets are issued
// credentials: it drives them, in whatever room the issuer is served.
package wallettest

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/internal/peertest"
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
	Roots    []string  `json:"roots,omitempty"` // certificates that the wallet trusts for mdocs, base64
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

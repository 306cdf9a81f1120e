package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Wallets says which wallets may have a credential for which a person signs in at
// SignIn.Provider (OAuth's authorization code). Offers that are taken by the code in
// their link are any wallet's.
type Wallets struct {
	// Clients are the wallets. Default: `secant wallet` alone, as "secant-wallet", which
	// comes back to http://127.0.0.1/back at any port.
	Clients []WalletClient `json:"clients,omitempty"`

	// Makers is a PEM file of the roots of those who make wallets and vouch for them
	// (wallet attestation, with certificates as HAIP 1.0 has it). Default: none, no
	// attestation is looked at.
	Makers string `json:"makers,omitempty"`
}

// WalletClient is a wallet as it names itself.
type WalletClient struct {
	ID string `json:"clientId"`

	// Redirects are the addresses to which the browser may come back to the wallet,
	// compared exactly: of https, of a scheme of the wallet's own, or of http at a
	// loopback address, which without a port stands for every port there.
	Redirects []string `json:"redirects"`

	// Attested refuses the wallet unless one of Makers vouches for it. Without it,
	// whoever knows the id can say that it is this wallet. Default: false.
	Attested bool `json:"attested,omitempty"`
}

// defaultWallet is `secant wallet`, as it names itself by default.
var defaultWallet = WalletClient{ID: "secant-wallet", Redirects: []string{"http://127.0.0.1/back"}}

// Known lists the wallets, with the default where none is configured.
func (w *Wallets) Known() []WalletClient {
	if len(w.Clients) == 0 {
		return []WalletClient{defaultWallet}
	}
	return w.Clients
}

const maxClientID = 255 // bytes

// walletFaults lists what is wrong with the wallets.
func (c *Config) walletFaults() []string {
	var faults []string
	ids := map[string]bool{}
	for i, w := range c.Wallets.Clients {
		fail := func(text string) { faults = append(faults, fmt.Sprintf("wallets.clients[%d]%s", i, text)) }
		if w.ID == "" || len(w.ID) > maxClientID || ids[w.ID] || len(w.Redirects) == 0 {
			fail(" needs a clientId of its own and redirects")
		}
		ids[w.ID] = true
		for _, r := range w.Redirects {
			if !walletAddress(r) {
				fail(".redirects must be addresses of https, of a wallet's own scheme, or of http at a loopback address, without a fragment")
				break
			}
		}
		if w.Attested && c.Wallets.Makers == "" {
			fail(" is to be attested: that needs wallets.makers")
		}
	}
	return faults
}

// script are schemes that a browser would run, or open from its own machine.
var script = []string{"javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss", "ftp"}

// walletAddress reports whether a browser may be sent to an address with a code.
func walletAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Fragment != "" || strings.HasSuffix(s, "#") || u.User != nil || u.Opaque != "" {
		return false
	}
	switch u.Scheme {
	case "https":
		return u.Host != ""
	case "http":
		return u.Hostname() != "localhost" && loopback(u.Hostname()) // RFC 8252, section 8.3
	}
	for _, bad := range script {
		if u.Scheme == bad {
			return false
		}
	}
	return true
}

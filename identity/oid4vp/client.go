package oid4vp

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
)

// The prefixes of a client identifier, which say how a wallet finds out whose
// request it is (section 5.9.3).
const (
	PrefixDNS      = "x509_san_dns"
	PrefixHash     = "x509_hash"
	PrefixDID      = "decentralized_identifier"
	PrefixRedirect = "redirect_uri"
)

// Client is who asks, to a wallet.
type Client struct {
	id       string
	signer   keys.Signer
	header   keys.Header
	reserved bool // see Reserved
}

// ID returns the client identifier, which is also the audience that a holder
// signs. That of Unsigned depends on the request: it is only its prefix.
func (c *Client) ID() string { return c.id }

// NewDNSClient is known by a DNS name in its certificate. The chain begins with
// the signer's certificate; a root, which wallets have, is left out.
func NewDNSClient(signer keys.Signer, host string, chain []*x509.Certificate) (*Client, error) {
	header, err := certified(signer, chain)
	if err != nil {
		return nil, err
	}
	if host == "" || chain[0].VerifyHostname(host) != nil {
		return nil, errors.New("making a client: its certificate is not for this host")
	}
	return &Client{id: PrefixDNS + ":" + host, signer: signer, header: header}, nil
}

// NewHashClient is known by the digest of its certificate, as HAIP demands.
func NewHashClient(signer keys.Signer, chain []*x509.Certificate) (*Client, error) {
	header, err := certified(signer, chain)
	if err != nil {
		return nil, err
	}
	return &Client{id: PrefixHash + ":" + hashOf(chain[0]), signer: signer, header: header}, nil
}

// NewDIDClient is known by its DID, of which keyID names a key (a DID URL).
func NewDIDClient(signer keys.Signer, keyID string) (*Client, error) {
	did, fragment, _ := strings.Cut(keyID, "#")
	if !strings.HasPrefix(did, "did:") || fragment == "" {
		return nil, errors.New("making a client: the key's name is no DID URL")
	}
	return &Client{id: PrefixDID + ":" + did, signer: signer, header: keys.Header{KeyID: keyID}}, nil
}

// NewRegisteredClient is known to the wallet beforehand, by any identifier.
func NewRegisteredClient(signer keys.Signer, id, keyID string) (*Client, error) {
	if prefix, _, _ := strings.Cut(id, ":"); id == "" || isPrefix(prefix) {
		return nil, errors.New("making a client: the identifier says of itself how it is known")
	}
	return &Client{id: id, signer: signer, header: keys.Header{KeyID: keyID}}, nil
}

// Unsigned is known by the address to which answers go, and by nothing else: it
// signs nothing, and anybody can ask in its name. For development.
func Unsigned() *Client { return &Client{id: PrefixRedirect} }

// Reserved returns the client as one to which an SD-JWT VC is shown only as a signature
// on a statement: it asks for such, and by presentation definitions, which ask for no
// SD-JWT VC. A ledger takes what a wallet shows to it for the signature of its person,
// so that under its name nothing else may be asked.
func (c *Client) Reserved() *Client {
	r := *c
	r.reserved = true
	return &r
}

// mayAsk checks that a question is one that the client may ask.
func (c *Client) mayAsk(q Question) error {
	if c.reserved && !q.Exchange && (len(q.Statement) == 0 || q.Nonce == "") {
		return errors.New("asking a wallet: this client asks for signatures on statements, and by presentation definitions")
	}
	return nil
}

func isPrefix(s string) bool {
	switch s {
	case PrefixDNS, PrefixHash, PrefixDID, PrefixRedirect, "openid_federation", "verifier_attestation", "origin":
		return true
	}
	return false
}

func (c *Client) unsigned() bool { return c.signer == nil }

// name returns the client identifier of one request.
func (c *Client) name(responseURI string) string {
	if c.unsigned() {
		return PrefixRedirect + ":" + responseURI
	}
	return c.id
}

func certified(signer keys.Signer, chain []*x509.Certificate) (keys.Header, error) {
	if len(chain) == 0 {
		return keys.Header{}, errors.New("making a client: there is no certificate")
	}
	key, err := ledger.JWKOf(chain[0].PublicKey)
	if err != nil {
		return keys.Header{}, fmt.Errorf("making a client: %w", err)
	}
	if key != signer.JWK() {
		return keys.Header{}, errors.New("making a client: the certificate is another key's")
	}
	var h keys.Header
	for _, c := range chain {
		// Wallets have their roots from elsewhere (HAIP 1.0, section 5).
		if c.CheckSignatureFrom(c) == nil {
			return keys.Header{}, errors.New("making a client: a certificate of the chain is signed by itself")
		}
		h.X5C = append(h.X5C, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return h, nil
}

// hashOf is the digest of x509_hash (section 5.9.3).
func hashOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

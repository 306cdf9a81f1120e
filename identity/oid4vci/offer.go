package oid4vci

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// What the link begins with that opens a wallet: any (section 4.1), or one of high
// assurance (HAIP 1.0, section 4.2).
const (
	OfferScheme = "openid-credential-offer://"
	HAIPScheme  = "haip-vci://"
)

// OfferRequest says what is to be offered.
type OfferRequest struct {
	Configurations []string // ids; each once
	Subject        []byte   // comes back in the order; at most MaxSubject
	// Life is how long the offer holds: up to 30 days, the shorter the better.
	Life time.Duration
	// Code offers the authorization code instead of a pre-authorized one: the user
	// approves.
	Code bool
	// TxCode asks for a code that reaches the user on another way (section 3.5). It
	// is for pre-authorized codes: without it, whoever sees the link first has the
	// credential (section 13.6.1).
	TxCode bool
	// TxDescription tells the user where to find it; up to 300 characters.
	TxDescription string
	ByReference   bool // the link holds an address of the offer, not the offer
	// Scheme begins the link: OfferScheme or HAIPScheme; empty: OfferScheme.
	Scheme string
}

// Made is an offer that was made.
type Made struct {
	Link    string // for a QR code or a button
	TxCode  string // to give to the user apart from the link; empty: none
	Expires time.Time
}

// Offer is an offer as it travels (section 4.1.1).
type Offer struct {
	Issuer         string   `json:"credential_issuer"`
	Configurations []string `json:"credential_configuration_ids"`
	Grants         Grants   `json:"grants"`
}

// Grants says how a wallet gets a token.
type Grants struct {
	Code          *CodeGrant          `json:"authorization_code,omitempty"`
	PreAuthorized *PreAuthorizedGrant `json:"urn:ietf:params:oauth:grant-type:pre-authorized_code,omitempty"`
}

// CodeGrant is the authorization code.
type CodeGrant struct {
	State  string `json:"issuer_state,omitempty"`
	Server string `json:"authorization_server,omitempty"` // where an issuer has several
}

// PreAuthorizedGrant is the pre-authorized code.
type PreAuthorizedGrant struct {
	Code   string  `json:"pre-authorized_code"`
	TxCode *TxCode `json:"tx_code,omitempty"`
	Server string  `json:"authorization_server,omitempty"` // where an issuer has several
}

// server is the authorization server that an offer names; empty: none.
func (o *Offer) server() string {
	if o.Grants.PreAuthorized != nil {
		return o.Grants.PreAuthorized.Server
	}
	if o.Grants.Code != nil {
		return o.Grants.Code.Server
	}
	return ""
}

// TxCode says what the transaction code looks like.
type TxCode struct {
	InputMode   string `json:"input_mode,omitempty"` // "numeric" or "text"
	Length      int    `json:"length,omitempty"`
	Description string `json:"description,omitempty"`
}

// offered is an offer as it is kept.
type offered struct {
	Configurations []string `json:"configurations"`
	Subject        []byte   `json:"subject"`
	TxCode         []byte   `json:"txCode,omitempty"` // MAC; none: no code
	TxSalt         string   `json:"txSalt,omitempty"`
	Tries          int      `json:"tries,omitempty"` // wrong codes so far
}

// MaxSubject bounds what an offer is made with, in bytes.
const MaxSubject = 16 << 10

const (
	maxDescription = 300 // characters
	txDigits       = 6
	// maxTries bounds the guesses at a transaction code: 5 in a million.
	maxTries = 5
)

// Offer makes an offer.
func (i *Issuer) Offer(ctx context.Context, r OfferRequest) (*Made, error) {
	if err := i.checkOffer(r); err != nil {
		return nil, err
	}
	made := &Made{Expires: i.now().Add(r.Life)}
	offer := Offer{Issuer: i.opts.URL, Configurations: r.Configurations}
	kept := offered{Configurations: r.Configurations, Subject: r.Subject}
	var err error
	if r.Code {
		offer.Grants.Code = &CodeGrant{}
		offer.Grants.Code.State, err = i.put(ctx, kindState, kept, r.Life)
	} else {
		grant := &PreAuthorizedGrant{}
		offer.Grants.PreAuthorized = grant
		if r.TxCode {
			if made.TxCode, err = newTxCode(); err != nil {
				return nil, err
			}
			if kept.TxSalt, err = newSecret(); err != nil {
				return nil, err
			}
			kept.TxCode = i.mac("tx_code", []byte(kept.TxSalt), []byte(made.TxCode))
			grant.TxCode = &TxCode{"numeric", txDigits, r.TxDescription}
		}
		grant.Code, err = i.put(ctx, kindOffer, kept, r.Life)
	}
	if err != nil {
		return nil, err
	}
	made.Link, err = i.link(ctx, offer, r)
	return made, err
}

func (i *Issuer) checkOffer(r OfferRequest) error {
	var faults []ledger.Fault
	seen := map[string]bool{}
	for _, id := range r.Configurations {
		if _, known := i.opts.Configurations[id]; !known || seen[id] {
			faults = append(faults, ledger.Fault{Field: "configurations", Detail: "must be those of the issuer, each once"})
			break
		}
		seen[id] = true
	}
	if len(seen) == 0 {
		faults = append(faults, ledger.Fault{Field: "configurations", Detail: "must name what is offered"})
	}
	if r.Life < time.Second || r.Life > maxOffer {
		faults = append(faults, ledger.Fault{Field: "life", Detail: "must be from a second to 30 days"})
	}
	if r.Code && (r.TxCode || i.opts.Approve == nil) {
		faults = append(faults, ledger.Fault{Field: "code", Detail: "needs an issuer that asks users, and goes without a transaction code"})
	}
	if r.Scheme != "" && r.Scheme != OfferScheme && r.Scheme != HAIPScheme {
		faults = append(faults, ledger.Fault{Field: "scheme", Detail: "must be one that wallets know"})
	}
	if len([]rune(r.TxDescription)) > maxDescription {
		faults = append(faults, ledger.Fault{Field: "txDescription", Detail: fmt.Sprintf("must have at most %d characters", maxDescription)})
	}
	if len(r.Subject) > MaxSubject {
		faults = append(faults, ledger.Fault{Field: "subject", Detail: fmt.Sprintf("must have at most %d bytes", MaxSubject)})
	}
	if len(faults) > 0 {
		return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the offer is not valid", Faults: faults}
	}
	return nil
}

// newTxCode draws six digits.
func newTxCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("drawing a transaction code: %w", err)
	}
	return fmt.Sprintf("%0*d", txDigits, n), nil
}

func (i *Issuer) link(ctx context.Context, offer Offer, r OfferRequest) (string, error) {
	scheme := cmp.Or(r.Scheme, OfferScheme)
	if r.ByReference {
		secret, err := i.put(ctx, kindReference, offer, r.Life)
		if err != nil {
			return "", err
		}
		return scheme + "?credential_offer_uri=" + url.QueryEscape(i.opts.URL+PathOffer+secret), nil
	}
	b, err := json.Marshal(offer)
	if err != nil {
		return "", fmt.Errorf("encoding an offer: %w", err)
	}
	return scheme + "?credential_offer=" + url.QueryEscape(string(b)), nil
}

// Offered serves an offer that was made by reference, by the secret at the end of
// its address (section 4.1.3); ledger.CodeNotFound: there is none, or it is over.
func (i *Issuer) Offered(ctx context.Context, secret string) (*Offer, error) {
	var o Offer
	_, err := i.get(ctx, kindReference, secret, &o)
	if errors.Is(err, errNoFlow) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such offer, or it is over")
	}
	if err != nil {
		return nil, err
	}
	return &o, nil
}

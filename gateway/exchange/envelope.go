package exchange

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// envelope is what one member seals to another, about one report. All that stands on it
// is part of what was sealed and of what was signed: under any other network, report,
// sender or recipient it does not open.
type envelope struct {
	V         int    `json:"v"`
	Kind      string `json:"kind"` // one of the kinds of fact.Delivery that are sealed
	Network   string `json:"network"`
	Digest    string `json:"digest"`    // commitment of the report
	Sender    string `json:"sender"`    // MSP id
	Recipient string `json:"recipient"` // MSP id
	Key       string `json:"key"`       // id of the recipient's key
	Enc       []byte `json:"enc"`       // HPKE's encapsulated key
	Sealed    []byte `json:"sealed"`
	Signature []byte `json:"signature"` // of the sender's organisation
}

const (
	// maxPlain bounds what is sealed: a body, and what stands before it.
	maxPlain = ledger.MaxThreatBody + maxOpening
	// maxEnvelope bounds an envelope: what is sealed is a third longer in base64.
	maxEnvelope = maxPlain/3*4 + 16<<10
)

var envelopeLimits = strictjson.Limits{Bytes: maxEnvelope, Depth: 2, Values: 64}

// names are what an envelope is about.
func (e *envelope) names() []string {
	return []string{e.Kind, e.Network, e.Digest, e.Sender, e.Recipient, e.Key}
}

// message is what its sender signs.
func (e *envelope) message() []byte {
	enc, sealed := sha256.Sum256(e.Enc), sha256.Sum256(e.Sealed)
	return bind(domainEnvelope, append(e.names(), hex.EncodeToString(enc[:]), hex.EncodeToString(sealed[:]))...)
}

// holds reports whether a copy was sealed and is signed under the key that this
// organisation has now: under one that was replaced nobody takes it.
func (x *Exchange) holds(sealed []byte) bool {
	if len(sealed) == 0 {
		return false
	}
	e, err := parseEnvelope(sealed)
	return err == nil && bytes.Equal(ed25519.Sign(x.Key, e.message()), e.Signature) // a key signs the same in one way
}

// seal seals plain about a report to a member's key.
func (x *Exchange) seal(kind, digest string, to *keyStatement, plain []byte) ([]byte, error) {
	e := &envelope{V: 1, Kind: kind, Network: x.Network, Digest: digest, Sender: x.Organisation, Recipient: to.Organisation, Key: to.ID}
	public, err := scheme().UnmarshalBinaryPublicKey(to.Public)
	if err != nil {
		return nil, fmt.Errorf("reading a member's key: %w", err)
	}
	info := bind(domainEnvelope, e.names()...)
	sender, err := suite.NewSender(public, info)
	if err != nil {
		return nil, fmt.Errorf("sealing to a member: %w", err)
	}
	enc, sealer, err := sender.Setup(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sealing to a member: %w", err)
	}
	e.Enc = enc
	if e.Sealed, err = sealer.Seal(plain, nil); err != nil {
		return nil, fmt.Errorf("sealing to a member: %w", err)
	}
	e.Signature = ed25519.Sign(x.Key, e.message())
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encoding an envelope: %w", err)
	}
	return text, nil
}

// open opens an envelope that must be from a member, about a report (about any one when
// digest is empty), and returns it with what was sealed. Problems: invalid, too_large;
// denied, when it is not the sender's, or not for this organisation; conflict, when the
// key is gone.
func (x *Exchange) open(ctx context.Context, kind, digest, from string, text []byte) (*envelope, []byte, error) {
	e, err := parseEnvelope(text)
	if err != nil {
		return nil, nil, err
	}
	if digest == "" {
		digest = e.Digest
	}
	if e.Kind != kind || e.Network != x.Network || e.Digest != digest || e.Sender != from || e.Recipient != x.Organisation {
		return nil, nil, ledger.Problemf(ledger.CodeDenied, "the envelope is not the one of this report from %s to this organisation", from)
	}
	key, err := x.Members.TokenKey(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, e.message(), e.Signature) {
		return nil, nil, ledger.Problemf(ledger.CodeDenied, "the envelope is not signed under the key that %s has on the ledger", from)
	}
	own, err := x.own(ctx, e.Key)
	if err != nil {
		return nil, nil, err
	}
	receiver, err := suite.NewReceiver(own.private, bind(domainEnvelope, e.names()...))
	if err != nil {
		return nil, nil, fmt.Errorf("opening an envelope: %w", err)
	}
	opener, err := receiver.Setup(e.Enc)
	if err != nil {
		return nil, nil, errNotSealed
	}
	plain, err := opener.Open(e.Sealed, nil)
	if err != nil {
		return nil, nil, errNotSealed
	}
	return e, plain, nil
}

var errNotSealed = ledger.Problemf(ledger.CodeDenied, "what is in the envelope was not sealed to this organisation about this report, or was altered")

// parseEnvelope reads an envelope's form.
func parseEnvelope(text []byte) (*envelope, error) {
	if err := strictjson.Check("the envelope", text, envelopeLimits); err != nil {
		return nil, err
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil || e.V != 1 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the envelope is not of a form that is known here")
	}
	return &e, nil
}

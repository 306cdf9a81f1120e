package mqtt

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/source"
)

// The reason codes of PUBACK and CONNACK that are given here (3.4.2.1, 3.2.2.2).
const (
	codeSuccess       byte = 0x00
	codeUnspecified   byte = 0x80 // unspecified error
	codeSpecific      byte = 0x83 // implementation specific error
	codeClientID      byte = 0x85
	codeNotAuthorised byte = 0x87
	codeUnavailable   byte = 0x88
	codeTopicName     byte = 0x90
	codeQuota         byte = 0x97
	codePayload       byte = 0x99
)

// published is a PUBLISH, whichever library decoded it.
type published struct {
	topic       topic
	contentType string
	user        []property
	body        []byte
}

// size is how many bytes of its packet a message holds while it is under way: what it
// says of itself may be as long as the packet, too.
func (p *published) size() int64 {
	n := len(p.contentType) + len(p.body)
	for _, u := range p.user {
		n += len(u.name) + len(u.value)
	}
	return int64(n)
}

// property is a user property.
type property struct{ name, value string }

// The user properties that mean something, beside those that are named as HTTP's
// headers.
const (
	propertyID       = "Secant-Id"
	propertyEncoding = "Content-Encoding"
	propertyReceipt  = "receipt"
)

const (
	mediaJSON = "application/json" // of messages without a content type
	maxID     = 256                // bytes of Secant-Id
)

// refusal is why a message is not taken, and what to do about it. It never says
// what the message says.
type refusal struct {
	code    byte
	outcome outcome
	detail  string
}

// envelope is what the properties of a message say.
type envelope struct {
	device, encoding, id string
	seed                 proof.Seed
	signature            proof.Signature
	signed               bool
	sequence             proof.Sequence
	subject              pseudonym.ID
}

// readEnvelope reads the properties. Names are those of HTTP, so that case means
// nothing; one that comes twice could mean two things.
func readEnvelope(user []property) (e envelope, r *refusal) {
	bad := func(detail string) (envelope, *refusal) {
		return envelope{}, &refusal{codeSpecific, outcomeEnvelope, detail}
	}
	var seed, signature, count, made, about string
	known := []struct {
		name  string
		value *string
	}{
		{propertyID, &e.id},
		{propertyEncoding, &e.encoding},
		{auth.HeaderDevice, &e.device},
		{auth.HeaderSeed, &seed},
		{auth.HeaderSignature, &signature},
		{auth.HeaderSequence, &count},
		{auth.HeaderMade, &made},
		{auth.HeaderSubject, &about},
	}
	for _, p := range user {
		for _, k := range known {
			if !strings.EqualFold(p.name, k.name) {
				continue
			}
			if *k.value != "" || p.value == "" {
				return bad("the user property " + k.name + " must be there once, and not empty")
			}
			*k.value = p.value
		}
	}
	if len(e.id) > maxID {
		return bad("the user property " + propertyID + " is too long")
	}
	var err error
	if e.sequence, err = proof.ParseSequence(count, made); err != nil {
		return bad("the user property " + auth.HeaderSequence + " must be epoch/number in decimal digits, and " + auth.HeaderMade + " milliseconds since 1970")
	}
	if about != "" {
		if e.subject, err = pseudonym.Parse(about); err != nil {
			return bad("the user property " + auth.HeaderSubject + " " + pseudonym.Form)
		}
	}
	if seed == "" && signature == "" {
		return e, nil
	}
	e.signed = true
	b, err := base64.RawURLEncoding.Strict().DecodeString(seed)
	if err != nil || len(b) != len(e.seed) {
		return bad("the user property " + auth.HeaderSeed + " must be 32 bytes in unpadded base64url")
	}
	copy(e.seed[:], b)
	if e.signature.UnmarshalText([]byte(signature)) != nil {
		return bad("the user property " + auth.HeaderSignature + " must be 64 bytes in unpadded base64url")
	}
	return e, nil
}

// verdict is what became of a message.
type verdict struct {
	receipt proof.RequestID
	refusal *refusal // nil: it was taken, unless err says that it is not known
	err     error    // the outcome is unknown: it is to be sent again
}

// failed is the verdict on a message at which the node failed: sent again, it would fail
// again.
func failed() verdict {
	return verdict{refusal: &refusal{codeUnspecified, outcomeFailure, "the node failed at this message, and has it in its log"}}
}

// taker makes messages of devices durable.
type taker struct {
	readings Readings
	devices  Devices
	patience time.Duration
}

// take makes a message durable that a source published. name gives it one, if it
// has none of its own.
func (t *taker) take(ctx context.Context, p *published, name func() []byte) verdict {
	m, r, err := t.message(ctx, p)
	if r != nil || err != nil {
		return verdict{refusal: r, err: err}
	}
	if m.Key == nil && m.Once == nil {
		m.Once = name()
	}
	var v verdict
	v.receipt, err = t.submit(ctx, m)
	v.refusal, v.err = t.refuse(err)
	return v
}

// message finds out whose a message is and whether they may.
func (t *taker) message(ctx context.Context, p *published) (m Message, r *refusal, err error) {
	e, r := readEnvelope(p.user)
	if r != nil {
		return m, r, nil
	}
	m = Message{Seed: e.seed, Signature: e.signature, Sequence: e.sequence, Subject: e.subject, MediaType: p.contentType, Encoding: e.encoding, Body: p.body}
	if m.MediaType == "" {
		m.MediaType = mediaJSON
	}
	err = source.Patiently(ctx, t.patience, func() (err error) {
		m.Unit, m.Key, err = t.devices.Find(ctx, p.topic.source, p.topic.device, e.signed)
		return err
	})
	switch ledger.CodeOf(err) {
	case "":
	case ledger.CodeNotFound:
		return m, &refusal{codeNotAuthorised, outcomeAuthority, "this source has no device of this name: enter it in the device's inventory"}, nil
	case ledger.CodeDenied:
		return m, &refusal{codeNotAuthorised, outcomeAuthority, "the device is not in service here, or says that it signs and has no key"}, nil
	default:
		return m, nil, err
	}
	if e.device != "" && e.device != m.Unit.String() {
		return m, &refusal{codeNotAuthorised, outcomeAuthority, "the topic is another device's than " + auth.HeaderDevice}, nil
	}
	if e.id != "" && m.Key == nil {
		digest := sha256.Sum256(p.body)
		m.Once = slices.Concat([]byte(p.topic.source+"\x00mqtt\x00"+e.id+"\x00"), digest[:])
	}
	return m, nil, nil
}

func (t *taker) submit(ctx context.Context, m Message) (id proof.RequestID, err error) {
	err = source.Patiently(ctx, t.patience, func() (err error) {
		id, err = t.readings.Submit(ctx, m)
		return err
	})
	return id, err
}

// refuse sorts a problem into what the sender is told, or what it cannot be told.
func (t *taker) refuse(err error) (*refusal, error) {
	switch ledger.CodeOf(err) {
	case "":
		return nil, nil
	case ledger.CodeDenied, ledger.CodeNotFound:
		return &refusal{codeNotAuthorised, outcomeAuthority, "the signature is not the device's over these readings"}, nil
	case ledger.CodeInvalid, ledger.CodeTooLarge:
		return &refusal{codePayload, outcomePayload, detailOf(err)}, nil
	case ledger.CodeAlreadyExists:
		return &refusal{codeSpecific, outcomeEnvelope, "these readings were taken before, and not said to be about this subject"}, nil
	case ledger.CodeGone:
		return &refusal{codeSpecific, outcomeErased, "these readings were taken before, and erased since"}, nil
	case ledger.CodeBusy: // nothing was done
		return &refusal{codeQuota, outcomeQuota, "too much is being received: send it again"}, nil
	}
	return nil, err
}

// detailOf is what is wrong with a message, and the first place where it is.
func detailOf(err error) string {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok {
		return ""
	}
	if len(p.Faults) == 0 {
		return p.Detail
	}
	return p.Detail + ": " + p.Faults[0].Field + " " + p.Faults[0].Detail
}

package mllp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/telemetry"
)

// session is one sender's connection. Its messages are taken one after the other,
// in their order.
type session struct {
	server *Server
	source string
	conn   net.Conn
	reader *reader
}

// wake ends the wait for a message that has not begun.
func (c *session) wake() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) }

// serve takes messages until the sender or ctx ends, or an answer cannot be given.
func (c *session) serve(ctx context.Context) {
	opts := &c.server.opts
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(opts.Idle))
		if ctx.Err() != nil { // after the deadline was set: wake may have come before
			return
		}
		err := c.reader.begin()
		if err != nil {
			if errors.Is(err, errFraming) {
				c.server.metrics.message(outcomeFraming)
			}
			return
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(opts.Frame))
		f, err := c.reader.rest()
		if f.restart {
			c.server.metrics.message(outcomeCut)
		}
		if err != nil {
			c.server.metrics.message(outcomeCut)
			return
		}
		answer, ok := c.take(context.WithoutCancel(ctx), &f)
		if !ok {
			return
		}
		if answer == nil {
			continue
		}
		_ = c.conn.SetWriteDeadline(time.Now().Add(opts.Frame))
		if _, err := c.conn.Write(framed(answer)); err != nil {
			return
		}
	}
}

// take makes a message durable and returns its acknowledgement, which is nil when
// its sender wants none. It returns false when there is no answer that would be
// true: then the connection ends, and the sender repeats the message.
func (c *session) take(ctx context.Context, f *frame) (answer []byte, ok bool) {
	head, err := hl7.ReadHead(f.text)
	if err == nil && head.Type == "ACK" { // an answer to an answer would have no end
		c.server.metrics.message(outcomeIgnored)
		return nil, true
	}
	code, detail := hl7.SegmentError, "the frame holds no HL7 v2 message: it must begin with MSH and its separators"
	if err == nil {
		code, detail, err = c.judge(ctx, head, f)
	} else {
		head, err = nil, nil
	}
	if err != nil {
		c.server.metrics.message(outcomeUnanswered)
		c.server.opts.Logger.WarnContext(ctx, "hl7 message not taken, and not refused: its sender is to repeat it",
			slog.String(telemetry.KeySource, c.source), slog.Any(telemetry.KeyError, err))
		return nil, false
	}
	c.server.metrics.code(code)
	return head.Acknowledge(code, detail, newControlID(), time.Now()), true
}

// judge decides about a message whose head was read. An error stands for what may
// be otherwise soon.
func (c *session) judge(ctx context.Context, head *hl7.Head, f *frame) (hl7.Code, string, error) {
	if code := head.Judge(); code != hl7.Accepted {
		return code, headDetail[code], nil
	}
	if f.tooLong {
		return hl7.DataTypeError, "the message is longer than this receiver takes", nil
	}
	if !head.Fits(f.text) {
		return hl7.DataTypeError, "the message is not in the character set that MSH-18 names", nil
	}
	m, flaw := hl7.Parse(f.text)
	if flaw != hl7.Sound {
		return hl7.SegmentError, "what follows the header is not segments of one message, each ending with a carriage return", nil
	}
	id, err := c.submit(ctx, m, f.text)
	switch ledger.CodeOf(err) {
	case "":
		if id == (proof.RequestID{}) { // taken for a node that does not have it yet
			return hl7.Accepted, "", nil
		}
		return hl7.Accepted, id.String(), nil
	case ledger.CodeNotFound:
		return hl7.UnknownKey, "no device has any of the names in OBX-18 or MSH-3 at this source: enter one in its inventory", nil
	case ledger.CodeDenied:
		return hl7.UnknownKey, "the device is not in service at this hospital", nil
	case ledger.CodeInvalid, ledger.CodeTooLarge:
		return hl7.DataTypeError, "the message cannot be taken as it is", nil
	case ledger.CodeGone:
		return hl7.DataTypeError, "this message was taken before, and erased since", nil
	}
	return 0, "", err
}

// headDetail says what to do about what a head is refused for.
var headDetail = map[hl7.Code]string{
	hl7.RequiredFieldMissing:  "MSH-9, MSH-10, MSH-11 and MSH-12 must be filled",
	hl7.DataTypeError:         "MSH-10 has at most 199 bytes, and MSH-18 names a character set in which ASCII is one byte",
	hl7.UnsupportedMessage:    "only ORU and RGV messages are taken here",
	hl7.UnsupportedEvent:      "only readings, alarms and infusion orders are taken here: ORU^R01, R30 to R32, R40 to R42, RGV^O15",
	hl7.UnsupportedProcessing: "only messages of production (MSH-11: P) are taken here",
	hl7.UnsupportedVersion:    "versions 2.3 to 2.6 are taken here",
}

// submit makes a message durable that its source sends for one of its devices. The
// same message sent again is the same request: its answer did not arrive.
func (c *session) submit(ctx context.Context, m *hl7.Message, text []byte) (id proof.RequestID, err error) {
	unit, err := c.device(ctx, m)
	if err != nil {
		return id, err
	}
	digest := sha256.Sum256(text)
	msg := Message{Unit: unit, Once: append([]byte(c.source+"\x00"), digest[:]...), Text: text}
	err = c.patiently(ctx, func() (err error) {
		id, err = c.server.readings.Submit(ctx, msg)
		return err
	})
	return id, err
}

// device finds the device that a message is from: the first that its source has a
// name for.
func (c *session) device(ctx context.Context, m *hl7.Message) (proof.Hash, error) {
	for _, name := range m.DeviceNames() {
		var unit proof.Hash
		err := c.patiently(ctx, func() (err error) {
			unit, err = c.server.devices.Find(ctx, c.source, name)
			return err
		})
		if ledger.CodeOf(err) != ledger.CodeNotFound {
			return unit, err
		}
	}
	return proof.Hash{}, ledger.Problemf(ledger.CodeNotFound, "no device has any of the names")
}

// patiently tries again what may pass.
func (c *session) patiently(ctx context.Context, do func() error) error {
	return source.Patiently(ctx, c.server.opts.Patience, do)
}

// newControlID names an acknowledgement: 20 characters, as before v2.6 none may
// have more.
func newControlID() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

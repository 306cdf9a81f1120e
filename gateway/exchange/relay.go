package exchange

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// maxRelayed bounds the body of a report that is relayed: sealed, and in base64, it has
// to fit into one request.
const maxRelayed = 4 << 20

// relayed is what stands before the body of a report that a relay is to share.
type relayed struct {
	V         int    `json:"v"`
	Marking   string `json:"marking"`
	Statement []byte `json:"statement"` // authorship, signed by who hands it over
	Handle    string `json:"handle"`    // SHA-256 of the token by which it is withdrawn, hexadecimal digits
}

// authorship is what the sharer of a relayed report signs, and what is sealed among the
// members: neither can a sharer have another named, nor can the relay.
type authorship struct {
	V       int    `json:"v"`
	Network string `json:"network"`
	Digest  string `json:"digest"`
	Marking string `json:"marking"`
	Sharer  string `json:"sharer"` // MSP id of who signs
	Relay   string `json:"relay"`  // MSP id
}

// escrowContext is what a name is sealed under: it opens as that of no other report.
func (x *Exchange) escrowContext(digest, relay string) []byte {
	return bind(domainName, x.Network, digest, relay)
}

// Relay finds who shares reports for this organisation: of the authorities that are
// members the first that is another. Problems: unavailable, when there is none, or the
// members are too few or too many to share a name among.
func (x *Exchange) Relay(ctx context.Context) (fact.Relay, error) {
	roster, err := x.Store.Roster(ctx)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return fact.Relay{}, err
	}
	if n := len(roster.Record.Organisations); n < ledger.MinVoters || n > ledger.MaxEscrow {
		return fact.Relay{}, ledger.Problemf(ledger.CodeUnavailable, "a name is sealed among %d to %d members, and the consortium has %d", ledger.MinVoters, ledger.MaxEscrow, n)
	}
	for _, id := range roster.Record.Organisations {
		row, err := x.Store.Organisation(ctx, id)
		if err != nil {
			return fact.Relay{}, err
		}
		if row.Record.Kind == ledger.KindAuthority && id != x.Organisation {
			return fact.Relay{ID: id, Name: row.Record.Name}, nil
		}
	}
	return fact.Relay{}, ledger.Problemf(ledger.CodeUnavailable, "no authority is a member that could share the report for this organisation")
}

// HandOver keeps a report that a relay is to share, and hands it to its node, which is
// tried until it did. It returns the report's digest. Problems: too_large, conflict.
func (x *Exchange) HandOver(ctx context.Context, r fact.Relaying) (digest string, err error) {
	if len(r.Body) == 0 || len(r.Body) > maxRelayed {
		return "", ledger.Problemf(ledger.CodeTooLarge, "a report that an authority shares for others has 1 to %d bytes", maxRelayed)
	}
	digest = ledger.BodyDigest(r.Body)
	if _, err := x.Store.SealedReport(ctx, digest); err == nil || ledger.CodeOf(err) != ledger.CodeNotFound {
		return digest, err
	}
	plain, err := frame(&opening{V: 1, Marking: r.Marking, Sender: x.Organisation, Size: len(r.Body)}, r.Body, r.Original)
	if err != nil {
		return "", err
	}
	slot, wrapped, sealed, err := x.Vault.Keep(named(digest), plain)
	if err != nil {
		return "", fmt.Errorf("keeping a report that is to be relayed: %w", err)
	}
	err = x.Store.PutRelayed(ctx, &fact.SealedReport{
		Digest: digest, Sharer: x.Organisation, Slot: slot, Wrapped: wrapped, Sealed: sealed, Stored: x.Pace.Now().UTC().Truncate(time.Millisecond),
	}, r.Relay)
	if err == nil {
		x.Wake()
	}
	return digest, err
}

// handRelay tries once to have the relay share a report, or withdraw it. It takes as long
// as the ledger.
func (x *Exchange) handRelay(ctx context.Context, d *fact.Delivery, path string, seal func(context.Context, *fact.Delivery) error) (taken bool, err error) {
	if !x.holds(d.Copy) {
		if err := seal(ctx, d); err != nil {
			return false, err
		}
	}
	status, answer, err := x.Call(ctx, d.Member, http.MethodPost, path, d.Copy, maxSigned)
	switch {
	case err != nil:
		return false, err
	case status == http.StatusConflict: // its key was replaced
		return false, x.sealAnew(ctx, d)
	case status == http.StatusAccepted:
		return false, nil // it is on its way to the ledger
	case status != http.StatusOK:
		return false, fmt.Errorf("the node answered with status %d", status)
	}
	err = x.acknowledge(ctx, d, answer)
	return err == nil, err
}

func (x *Exchange) sealRelayed(ctx context.Context, d *fact.Delivery) error {
	key, err := x.peer(ctx, d.Member)
	if err != nil {
		return err
	}
	_, o, body, err := x.kept(ctx, d.Digest)
	if err != nil {
		return err
	}
	head := relayed{V: 1, Marking: o.Marking, Handle: ledger.BodyDigest(x.relayToken(d.Digest))}
	if head.Statement, err = sign(x.Key, domainAuthorship, x.authorship(d.Digest, o.Marking, x.Organisation, d.Member)); err != nil {
		return err
	}
	text, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("encoding what a relay is to share: %w", err)
	}
	plain := binary.BigEndian.AppendUint32(nil, uint32(len(text))) //nolint:gosec // far shorter
	if d.Copy, err = x.seal(d.Kind, d.Digest, key, slices.Concat(plain, text, body)); err != nil {
		return err
	}
	return x.Store.SetCopy(ctx, d.Seq, key.ID, d.Copy)
}

func (x *Exchange) authorship(digest, marking, sharer, relay string) authorship {
	return authorship{V: 1, Network: x.Network, Digest: digest, Marking: marking, Sharer: sharer, Relay: relay}
}

// readRelayed reads what sealRelayed sealed.
func readRelayed(plain []byte) (head relayed, body []byte, err error) {
	bad := ledger.Problemf(ledger.CodeInvalid, "what was sealed is not a report for a relay")
	if len(plain) < 4 {
		return head, nil, bad
	}
	size := binary.BigEndian.Uint32(plain)
	if size > maxSigned*2 || int(size) > len(plain)-4 {
		return head, nil, bad
	}
	text, body := plain[4:4+size], plain[4+size:]
	if err := strictjson.Check("what stands before the report", text, strictjson.Limits{Bytes: maxSigned * 2, Depth: 2, Values: 16}); err != nil {
		return head, nil, err
	}
	if err := json.Unmarshal(text, &head); err != nil || head.V != 1 || !digestForm.MatchString(head.Handle) || len(body) == 0 || len(body) > maxRelayed {
		return head, nil, bad
	}
	return head, body, nil
}

// serveRelay shares a report for another member, whose name it forgets when it answered:
// it stands in no log and on no disk of this node but sealed among the members.
func (x *Exchange) serveRelay(c *gin.Context, from string) error {
	ctx := unnamed(c)
	text, err := read(c, maxEnvelope)
	if err != nil {
		return err
	}
	e, plain, err := x.open(ctx, fact.DeliveryRelay, "", from, text)
	if err != nil {
		return err
	}
	head, body, err := readRelayed(plain)
	if err != nil {
		return err
	}
	if err := x.judge(ctx, e.Digest, from, &head, body); err != nil {
		return err
	}
	r, err := x.Store.Report(ctx, e.Digest)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return err
	}
	if !slices.ContainsFunc(r.Sharers, func(s fact.Share) bool { return s.Sharer == x.Organisation }) {
		began, err := x.underWay.begin(e.Digest, x.Pace.Now())
		if err != nil {
			return err
		}
		if !began {
			c.Status(http.StatusAccepted)
			return nil
		}
		err = x.relay(ctx, e.Digest, &head, body)
		if _, pending := errors.AsType[*fact.Pending](err); !pending {
			x.underWay.end(e.Digest)
		}
		if ledger.CodeOf(err) == ledger.CodeAlreadyExists {
			c.Status(http.StatusAccepted) // whose it is will be seen when it is asked for again
			return nil
		}
		return x.done(c, e, err)
	}
	handle, err := x.Store.RelayHandle(ctx, e.Digest, x.Organisation)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return err
	}
	if handle != head.Handle {
		return ledger.Problemf(ledger.CodeDenied, "this organisation shared the report in its own name, or for another, before")
	}
	return x.done(c, e, nil)
}

// unnamed has a request stand in the log without who calls, and returns its context.
func unnamed(c *gin.Context) context.Context {
	c.Request = c.Request.WithContext(auth.Unnamed(c.Request.Context()))
	return c.Request.Context()
}

// done answers who had something relayed by what became of it on the ledger.
func (x *Exchange) done(c *gin.Context, e *envelope, err error) error {
	if _, pending := errors.AsType[*fact.Pending](err); pending {
		c.Status(http.StatusAccepted)
		return nil
	}
	if err != nil && ledger.CodeOf(err) != ledger.CodeAlreadyExists { // asked twice at once
		return err
	}
	receipt, err := x.receipt(e.Digest, e.Sender, receiptFor(e.Kind), x.Pace.Now())
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/json", receipt)
	return nil
}

// judge refuses what this organisation does not share for another.
func (x *Exchange) judge(ctx context.Context, digest, from string, head *relayed, body []byte) error {
	own, err := x.Store.Organisation(ctx, x.Organisation)
	if err != nil {
		return err
	}
	switch {
	case own.Record.Kind != ledger.KindAuthority:
		return ledger.Problemf(ledger.CodeDenied, "only an authority shares reports for others")
	case head.Marking != ledger.TLPClear && head.Marking != ledger.TLPGreen:
		return ledger.Problemf(ledger.CodeDenied, "only clear and green reports are shared for others")
	case ledger.BodyDigest(body) != digest:
		return ledger.Problemf(ledger.CodeInvalid, "the report is not the one that the envelope names")
	}
	var signed authorship
	if err := x.read(ctx, "the statement", from, domainAuthorship, head.Statement, &signed); err != nil {
		return err
	}
	if signed != x.authorship(digest, head.Marking, from, x.Organisation) {
		return ledger.Problemf(ledger.CodeDenied, "the statement is about another report, sharer or relay")
	}
	return x.Judge(body, head.Marking)
}

// relay puts a report onto the ledger in the own name, with the statement of who is
// behind it sealed among all members. The body is kept first.
func (x *Exchange) relay(ctx context.Context, digest string, head *relayed, body []byte) error {
	roster, err := x.Store.Roster(ctx)
	if err != nil {
		return err
	}
	sealed, err := x.sealName(ctx, digest, roster.Record.Organisations, head.Statement)
	if err != nil {
		return err
	}
	if err := x.Store.PutDocument(ctx, fact.Document{Kind: fact.DocumentReport, Digest: digest, MediaType: ledger.MediaTypeSTIX, Body: body}); err != nil {
		return err
	}
	if err := x.Store.SetRelayHandle(ctx, ledger.BodyDigest([]byte(sealed.Name)), head.Handle); err != nil {
		return err
	}
	return x.Submit(ctx, ledger.ThreatShare, ledger.ShareThreat{Digest: digest, Marking: head.Marking, MediaType: ledger.MediaTypeSTIX, Size: int64(len(body)), Relay: sealed})
}

// OpenName returns who is behind a relayed report. Problems: not_found; conflict, as long as
// too few shares were given.
func (x *Exchange) OpenName(ctx context.Context, digest string) (fact.OpenedName, error) {
	o, err := x.Store.Opening(ctx, digest)
	if err != nil {
		return fact.OpenedName{}, err
	}
	if !o.Opened {
		return fact.OpenedName{}, ledger.Problemf(ledger.CodeConflict, "%d of the %d shares that open the name were given", len(o.Shares), o.Needed)
	}
	statement, err := x.openName(&o)
	if err != nil {
		return fact.OpenedName{}, err
	}
	var s signed
	var said authorship
	if err := strictjson.Check("the sealed statement", statement, signedLimits); err != nil {
		return fact.OpenedName{}, err
	}
	if err = json.Unmarshal(statement, &s); err == nil {
		err = json.Unmarshal(s.Payload, &said)
	}
	if err != nil || said != x.authorship(digest, said.Marking, said.Sharer, o.Escrow.Sharer) {
		return fact.OpenedName{}, ledger.Problemf(ledger.CodeDenied, "what %s sealed names nobody for this report", o.Escrow.Sharer)
	}
	key, err := x.Members.TokenKey(ctx, said.Sharer)
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return fact.OpenedName{}, err
	}
	return fact.OpenedName{
		Sharer: said.Sharer, Relay: o.Escrow.Sharer,
		Proven: len(key) == ed25519.PublicKeySize && readSigned("the sealed statement", key, domainAuthorship, statement, &said) == nil,
	}, nil
}

package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// SubscriptionType is the type of resources that are subscriptions (FHIR R4, section
// 2.46). They are the server's to work on, and not among Types.
const SubscriptionType = "Subscription"

// The statuses of a subscription (FHIR R4, subscription-status).
const (
	StatusRequested = "requested"
	StatusActive    = "active"
	StatusError     = "error"
	StatusOff       = "off"
)

// Subscription is what a node knows of a Subscription by rest-hook.
type Subscription struct {
	ID       string
	Version  int64 // 0: none yet
	Status   string
	Contact  json.RawMessage // as it came; nil: none
	End      time.Time       // zero: none
	Reason   string
	Criteria string // TYPE?SEARCH
	Error    string // why it is StatusError, or the last failure

	Endpoint string
	Payload  string   // media type; empty: notifications are empty
	Header   []string // NAME: VALUE
}

// PayloadJSON is the one media type of payloads.
const PayloadJSON = "application/fhir+json"

// Bounds of a subscription, in bytes but for the number of headers.
const (
	MaxSubscription = 32 << 10
	maxCriteria     = 8 << 10
	maxReason       = 1 << 10
	maxEndpoint     = 2048
	maxHeaders      = 10
	maxHeaderLine   = 2048
)

// The elements that are known. One that is not could change what is meant.
var (
	subscriptionElements = []string{"resourceType", "id", "meta", "text", "language", "status", "contact", "end", "reason", "criteria", "error", "channel"}
	channelElements      = []string{"id", "type", "endpoint", "payload", "header"}
)

// ParseSubscription reads a Subscription. The problem, which is invalid or too_large,
// lists every fault with its place and repeats nothing. Criteria are not read further.
func ParseSubscription(text []byte) (*Subscription, error) {
	root, err := parse("the resource", text, Limits{Bytes: MaxSubscription, Depth: 16, Values: 1000})
	if err != nil {
		return nil, err
	}
	if root.kind != kindObject || root.get("resourceType").str(text) != SubscriptionType {
		return nil, faulty(ledger.Fault{Field: "resourceType", Detail: "must be " + SubscriptionType})
	}
	p := &subscriptionParser{finder: finder{text: text}}
	p.only(SubscriptionType, root, subscriptionElements)
	s := &Subscription{
		ID: p.str(root, "", "id", 64, false), Status: p.str(root, "", "status", 16, true),
		Reason: p.str(root, "", "reason", maxReason, true), Criteria: p.str(root, "", "criteria", maxCriteria, true),
	}
	if s.ID != "" && !ValidID(s.ID) {
		p.fault(SubscriptionType+".id", "must be 1 to 64 letters, digits, - and .")
	}
	if !slices.Contains([]string{StatusRequested, StatusActive, StatusError, StatusOff}, s.Status) {
		p.fault(SubscriptionType+".status", "must be requested, active, error or off")
	}
	if c := root.get("contact"); c != nil {
		if c.kind != kindArray {
			p.fault(SubscriptionType+".contact", "must be a list")
		}
		s.Contact = json.RawMessage(bytes.Clone(c.raw(text)))
	}
	if end := p.str(root, "", "end", 40, false); end != "" {
		if i := Range(end); isInstant(end) && !i.Low.IsZero() {
			s.End = i.Low
		} else {
			p.fault(SubscriptionType+".end", "must be an instant")
		}
	}
	p.channel(s, root.get("channel"))
	if len(p.faults) > 0 {
		return nil, faulty(p.faults...)
	}
	return s, nil
}

type subscriptionParser struct{ finder }

// only refuses members that are not known.
func (p *subscriptionParser) only(place string, n *node, known []string) {
	for _, k := range n.kids {
		if !slices.Contains(known, k.name) {
			p.fault(place, "has an element that is not known here; known are "+strings.Join(known, ", "))
			return
		}
	}
}

// str reads a string, below the path of an element.
func (p *subscriptionParser) str(n *node, below, name string, most int, must bool) string {
	place := SubscriptionType + "." + below + name
	m := n.get(name)
	if m == nil {
		if must {
			p.fault(place, "must be there")
		}
		return ""
	}
	s := m.str(p.text)
	if s == "" || len(s) > most || !isString(s) {
		p.fault(place, fmt.Sprintf("must be a text of 1 to %d bytes", most))
		return ""
	}
	return s
}

func (p *subscriptionParser) channel(s *Subscription, n *node) {
	const place = SubscriptionType + ".channel"
	if n == nil || n.kind != kindObject {
		p.fault(place, "must be an object")
		return
	}
	p.only(place, n, channelElements)
	if p.str(n, "channel.", "type", 32, true) != "rest-hook" {
		p.fault(place+".type", "must be rest-hook, the one channel that is offered here")
	}
	s.Endpoint = p.str(n, "channel.", "endpoint", maxEndpoint, true)
	if n.get("payload") != nil {
		s.Payload = p.str(n, "channel.", "payload", 64, true)
		if s.Payload != PayloadJSON {
			p.fault(place+".payload", "must be "+PayloadJSON+", or not be there")
		}
	}
	h := n.get("header")
	if h == nil {
		return
	}
	if h.kind != kindArray || len(h.kids) == 0 || len(h.kids) > maxHeaders {
		p.fault(place+".header", fmt.Sprintf("must be a list of 1 to %d", maxHeaders))
		return
	}
	for i, k := range h.kids {
		line := k.str(p.text)
		if !isHeader(line) {
			p.fault(fmt.Sprintf("%s.header[%d]", place, i), fmt.Sprintf("must be NAME: VALUE of at most %d bytes, of a header that is not HTTP's own or the signature's", maxHeaderLine))
			continue
		}
		s.Header = append(s.Header, line)
	}
}

// ownHeaders are those that a subscriber does not set: they say how the message is sent,
// or that it is this node's.
var ownHeaders = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// isHeader reports whether a line is a header that a subscriber may set.
func isHeader(line string) bool {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || len(line) > maxHeaderLine {
		return false
	}
	for _, r := range name {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_' {
			return false
		}
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	if slices.Contains(ownHeaders, name) || strings.HasPrefix(name, "Webhook-") || strings.HasPrefix(name, "Proxy-") {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' })
}

// hidden stands in place of a header's value where a subscription is served.
const hidden = "***"

// Hide returns the subscription without the values of its headers.
func (s Subscription) Hide() Subscription {
	lines := make([]string, len(s.Header))
	for i, line := range s.Header {
		name, _, _ := strings.Cut(line, ":")
		lines[i] = name + ": " + hidden
	}
	s.Header = lines
	return s
}

// Keep puts back the values of headers that are as they were served.
func (s *Subscription) Keep(before []string) {
	for i, line := range s.Header {
		name, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(value) != hidden {
			continue
		}
		for _, b := range before {
			if was, _, _ := strings.Cut(b, ":"); strings.EqualFold(was, name) {
				s.Header[i] = b
			}
		}
	}
}

// Hidden reports whether the value of a header is left as it was served.
func (s *Subscription) Hidden() bool {
	return slices.ContainsFunc(s.Header, func(line string) bool {
		_, value, _ := strings.Cut(line, ":")
		return strings.TrimSpace(value) == hidden
	})
}

// Encode writes the subscription as a resource.
func (s *Subscription) Encode() ([]byte, error) {
	type meta struct {
		Version string `json:"versionId"`
	}
	type channel struct {
		Type     string   `json:"type"`
		Endpoint string   `json:"endpoint"`
		Payload  string   `json:"payload,omitempty"`
		Header   []string `json:"header,omitempty"`
	}
	end := ""
	if !s.End.IsZero() {
		end = Instant(s.End)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		Type     string          `json:"resourceType"`
		ID       string          `json:"id"`
		Meta     meta            `json:"meta"`
		Status   string          `json:"status"`
		Contact  json.RawMessage `json:"contact,omitempty"`
		End      string          `json:"end,omitempty"`
		Reason   string          `json:"reason"`
		Criteria string          `json:"criteria"`
		Error    string          `json:"error,omitempty"`
		Channel  channel         `json:"channel"`
	}{
		SubscriptionType, s.ID,
		meta{strconv.FormatInt(s.Version, 10)},
		s.Status, s.Contact, end, s.Reason, s.Criteria, s.Error,
		channel{"rest-hook", s.Endpoint, s.Payload, s.Header},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding a subscription: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

package coap

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/udp/coder"
)

const (
	maxDatagram = 8192
	maxOptions  = 32

	// requestTag is an option (RFC 9175, section 3).
	requestTag message.OptionID = 292
	// cfProblem is the content format of concise problem details (RFC 9290).
	cfProblem message.MediaType = 257
)

// request is a message that asks for something.
type request struct {
	kind    message.Type
	id      int32
	token   message.Token
	code    codes.Code
	options message.Options
	payload []byte
}

// decode reads a datagram (RFC 7252, section 3). The header is read here, because the
// library passes over critical options of a wrong length, which would make a block of a
// request the whole of one.
func decode(b []byte) (m request, err error) {
	if len(b) < 4 || b[0]>>6 != 1 || b[0]&0x0f > message.MaxTokenSize {
		return m, errors.New("no message of CoAP")
	}
	m.kind, m.code = message.Type(b[0]>>4&3), codes.Code(b[1])
	m.id = int32(binary.BigEndian.Uint16(b[2:]))
	n := int(b[0] & 0x0f)
	if b = b[4:]; len(b) < n {
		return m, errors.New("a token that is cut off")
	}
	m.token, b = slices.Clone(b[:n]), b[n:]
	if m.code == codes.Empty && (n > 0 || len(b) > 0) {
		return m, errors.New("an empty message that is not")
	}
	m.options = make(message.Options, 0, maxOptions)
	n, err = m.options.Unmarshal(b, nil)
	if err != nil {
		return m, errors.New("options that are none")
	}
	m.payload = b[n:]
	if n > 0 && b[n-1] == 0xff && len(m.payload) == 0 && ended(b[:n-1], m.options) {
		return m, errors.New("a payload that is announced, and none")
	}
	return m, nil
}

// ended reports whether all of b are options: what looks like the payload's marker may
// be the last byte of an option's value.
func ended(b []byte, options message.Options) bool {
	n, err := options.Marshal(nil)
	return (err == nil || errors.Is(err, message.ErrTooSmall)) && n == len(b)
}

// is reports whether a message is a request (codes 0.01 to 0.31).
func (m *request) is() bool { return m.code > 0 && m.code < 32 }

// path is the request's, its parts joined by slashes. A part with a slash in it is none
// that is here.
func (m *request) path() string {
	var parts []string
	for _, o := range m.options {
		if o.ID == message.URIPath {
			parts = append(parts, strings.ReplaceAll(string(o.Value), "/", "\x00"))
		}
	}
	return strings.Join(parts, "/")
}

// one finds an option; there is false when it is not there.
func (m *request) one(id message.OptionID) (value []byte, there bool) {
	for _, o := range m.options {
		if o.ID == id {
			return o.Value, true
		}
	}
	return nil, false
}

// number reads an option that is a number.
func (m *request) number(id message.OptionID) (n uint32, there bool) {
	b, there := m.one(id)
	for _, c := range b {
		n = n<<8 | uint32(c)
	}
	return n, there
}

// query reads the query, of which each name may be there once.
func (m *request) query() (map[string]string, bool) {
	q := map[string]string{}
	for _, o := range m.options {
		if o.ID != message.URIQuery {
			continue
		}
		name, value, _ := strings.Cut(string(o.Value), "=")
		if _, twice := q[name]; twice {
			return nil, false
		}
		q[name] = value
	}
	return q, true
}

// known are the options that mean something here, with the longest that their values
// may be, and whether they may be there more than once (RFC 7252, 5.10; RFC 7959).
var known = map[message.OptionID]struct {
	longest int
	many    bool
}{
	message.URIHost: {255, false}, message.URIPort: {2, false}, message.URIPath: {255, true}, message.URIQuery: {255, true},
	message.ContentFormat: {2, false}, message.Accept: {2, false}, message.Block1: {3, false}, message.Block2: {3, false},
	message.Size1: {4, false}, requestTag: {8, false},
}

// flaw finds a critical option that means nothing here, is too long or there twice
// (5.4.1, 5.4.3 and 5.4.5), and says what to answer. An elective one is let be.
func (m *request) flaw() codes.Code {
	seen := map[message.OptionID]bool{}
	for _, o := range m.options {
		k, ok := known[o.ID]
		switch {
		case o.ID == message.ProxyURI || o.ID == message.ProxyScheme:
			return codes.ProxyingNotSupported
		case ok && len(o.Value) <= k.longest && (k.many || !seen[o.ID]):
		case o.ID%2 == 1:
			return codes.BadOption
		case ok: // elective, and it must not mean half of what it says
			return codes.BadRequest
		}
		seen[o.ID] = true
	}
	return 0
}

// reply is what is answered.
type reply struct {
	code    codes.Code
	options message.Options
	payload []byte
	outcome outcome
}

func (r *reply) add(id message.OptionID, value []byte) {
	at, _ := slices.BinarySearchFunc(r.options, id, func(o message.Option, id message.OptionID) int { return int(o.ID) - int(id) })
	for at < len(r.options) && r.options[at].ID == id {
		at++
	}
	r.options = slices.Insert(r.options, at, message.Option{ID: id, Value: value})
}

func (r *reply) number(id message.OptionID, n uint32) {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	i := 0
	for i < len(b) && b[i] == 0 {
		i++
	}
	r.add(id, b[i:])
}

// encode writes a message.
func encode(kind message.Type, id int32, token message.Token, r *reply) []byte {
	m := message.Message{Type: kind, MessageID: id, Token: token}
	if r != nil {
		m.Code, m.Options, m.Payload = r.code, r.options, r.payload
	}
	b := make([]byte, 4+len(token)+len(m.Payload)+1+512)
	n, err := coder.DefaultCoder.Encode(m, b)
	if err != nil {
		return nil // never: what is answered is short
	}
	return b[:n]
}

package oid4vp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// A standing question is one that is known beforehand, and that anybody may have
// asked. Nothing is kept of such a request until an answer to it was accepted, so
// that whoever begins many takes no room from anybody. All of the request (its nonce,
// its state, the key to which it is answered, the asker's secret) is derived from its
// handle under a secret of the verifier's, and the handle is one that this verifier
// made: question, end and 16 random bytes, with a MAC.
const (
	markSize   = 16
	handleHead = 1 + 8 + 16
	handleSize = handleHead + markSize

	minSecret    = 32
	maxStandings = 255
)

// standing is a question by its name.
type standing struct {
	name   string
	client *Client
	Question
}

// openStanding checks the standing questions.
func (v *Verifier) openStanding() error {
	if len(v.o.Standing) == 0 {
		return nil
	}
	if len(v.o.Secret) < minSecret || len(v.o.Standing) > maxStandings {
		return fmt.Errorf("making a verifier: standing questions, of which there are %d at most, need a secret of at least %d bytes", maxStandings, minSecret)
	}
	for _, name := range slices.Sorted(maps.Keys(v.o.Standing)) {
		q := v.o.Standing[name]
		client, err := v.check(q)
		if err != nil {
			return err
		}
		if q.Nonce != "" || len(q.Statement) > 0 || q.Life != 0 {
			return errors.New("making a verifier: a standing question has a fresh nonce each time, which is no statement's, and the verifier's life")
		}
		v.standing = append(v.standing, standing{name, client, q})
	}
	return nil
}

// Stands reports whether there is a standing question of a name.
func (v *Verifier) Stands(name string) bool { return v.find(name) >= 0 }

func (v *Verifier) find(name string) int {
	return slices.IndexFunc(v.standing, func(s standing) bool { return s.name == name })
}

// AskStanding begins a request with the standing question of a name.
func (v *Verifier) AskStanding(name string) (*Asked, error) {
	i := v.find(name)
	if i < 0 {
		return nil, errors.New("asking a wallet: there is no such standing question")
	}
	b := make([]byte, handleHead, handleSize)
	b[0] = byte(i)                                                            //nolint:gosec // fewer than maxStandings
	binary.BigEndian.PutUint64(b[1:], uint64(v.o.Now().Add(v.o.Life).Unix())) //nolint:gosec // today's times are positive
	if _, err := rand.Read(b[9:]); err != nil {
		return nil, fmt.Errorf("drawing a request: %w", err)
	}
	handle := base64.RawURLEncoding.EncodeToString(append(b, v.derive("handle", b)[:markSize]...))
	f, err := v.derived(handle)
	if err != nil {
		return nil, err
	}
	link, err := v.link(handle, v.standing[i].client, f, v.standing[i].Question)
	if err != nil {
		return nil, err
	}
	return &Asked{Link: link, Ticket: handle + "." + v.ticket(handle), Expires: f.Expires}, nil
}

func (v *Verifier) derive(purpose string, from []byte) []byte {
	h := hmac.New(sha256.New, v.o.Secret)
	h.Write([]byte("secant/oid4vp/v1/" + purpose + "\x00"))
	h.Write(from)
	return h.Sum(nil)
}

func (v *Verifier) secretOf(purpose, handle string) string {
	return base64.RawURLEncoding.EncodeToString(v.derive(purpose, []byte(handle)))
}

func (v *Verifier) ticket(handle string) string { return v.secretOf("ticket", handle) }

// derived returns the request of a handle as it began; a not_found Problem when the
// handle is none of a standing question's.
func (v *Verifier) derived(handle string) (*flow, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(handle)
	if err != nil || len(b) != handleSize || !hmac.Equal(b[handleHead:], v.derive("handle", b[:handleHead])[:markSize]) || int(b[0]) >= len(v.standing) {
		return nil, notFound()
	}
	q := v.standing[b[0]]
	f := &flow{
		Phase: phaseOpen, Standing: true, Ticket: digestOf(v.ticket(handle)), ClientID: q.client.id,
		Nonce: v.secretOf("nonce", handle), State: v.secretOf("state", handle), Query: q.Query, Return: q.Return, Keep: q.Keep, Only: q.Only, Exchange: q.Exchange,
		Expires: time.Unix(int64(binary.BigEndian.Uint64(b[1:])), 0).UTC(), //nolint:gosec // ours
	}
	if !q.Plain {
		f.Key = v.keyOf(handle)
	}
	t := v.tallies.of(digestOf(handle), v.o.Now())
	if t.phase != "" {
		f.Phase = t.phase
	}
	f.Refused = t.refused
	return f, nil
}

// keyOf derives a private key of P-256: nearly every 32 bytes are one.
func (v *Verifier) keyOf(handle string) []byte {
	for try := byte(0); ; try++ {
		f := &flow{Key: v.derive("key", append([]byte{try}, handle...))}
		if _, _, err := f.decryptionKey(); err == nil {
			return f.Key
		}
	}
}

// settle writes down what became of a standing question's request. An accepted answer
// is kept, for one caller only; what anybody can bring about, by declining or by
// answers that are none, is remembered as long as there is room.
func (v *Verifier) settle(ctx context.Context, handle string, f *flow) error {
	if f.Phase != phaseAnswered {
		v.tallies.note(digestOf(handle), tally{f.Phase, f.Refused, f.Expires}, v.o.Now())
		return nil
	}
	doc, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding a request's state: %w", err)
	}
	return v.o.Flows.CreateFlow(ctx, v.o.Kind, digestOf(handle), doc, f.Expires)
}

// take gives the result of a standing question's request to one caller. What is left
// says until the request's end that it was given: or else the same answer, sent again,
// would be a second one.
func (v *Verifier) take(ctx context.Context, handle string, before []byte, f *flow) error {
	doc, err := json.Marshal(flow{Phase: phaseTaken, Standing: true, Ticket: f.Ticket, Expires: f.Expires})
	if err != nil {
		return fmt.Errorf("encoding a request's state: %w", err)
	}
	return v.o.Flows.UpdateFlow(ctx, v.o.Kind, digestOf(handle), before, doc)
}

// maxTallies bounds how many requests' refused answers are remembered: some 1 MB.
// Of more, any are forgotten: who asked then waits for the request's end instead of
// being told, and the request can still be answered by a wallet that can.
const maxTallies = 4096

// tally is what became of a request, by what anybody may bring about.
type tally struct {
	phase   phase
	refused int
	expires time.Time
}

type tallies struct {
	mu sync.Mutex
	by map[string]tally // under mu; by the digest of the handle
}

func (t *tallies) of(key string, now time.Time) tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	if is := t.by[key]; now.Before(is.expires) {
		return is
	}
	return tally{}
}

func (t *tallies) note(key string, is tally, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string]tally{}
	}
	if _, there := t.by[key]; !there && len(t.by) >= maxTallies {
		maps.DeleteFunc(t.by, func(_ string, is tally) bool { return !now.Before(is.expires) })
		for other := range t.by { // whichever comes first, which is any
			if len(t.by) < maxTallies {
				break
			}
			delete(t.by, other)
		}
	}
	t.by[key] = is
}

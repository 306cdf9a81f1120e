package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Since says where a stream of events begins and ends.
type Since struct {
	After  string // id of the last event that is known; empty: see Oldest
	Oldest bool   // from the oldest event that the node keeps; otherwise only news
	Now    bool   // ends once all that there is now has come; otherwise it goes on for ever
}

// ErrBehind says that events behind the one that was named are not kept any more:
// read what there is anew, and go on from now.
var ErrBehind = errors.New("events in between are no longer kept")

const (
	// silence is how long a stream says nothing before it counts as broken: several of
	// the node's heartbeats.
	silence  = 90 * time.Second
	maxEvent = 1 << 20 // bytes of a line
)

// Events yields what happens on the ledger and at the node, each event once and in
// order. A stream that breaks is taken up again behind the last event, so that none
// is missed; whoever keeps the last Event's ID does the same after a restart. It ends
// with ctx, when the caller stops, and with an error that does not pass, as ErrBehind,
// or when the node is away for longer than patience. Right: events:read.
func (c *Client) Events(ctx context.Context, from Since) iter.Seq2[fact.Event, error] {
	return func(yield func(fact.Event, error) bool) {
		s := &stream{c: c, from: from, yield: yield}
		begun, try := time.Now(), 0
		for {
			was := s.from.After
			err := s.run(ctx)
			if s.ended || errors.Is(err, errStopped) {
				return
			}
			if s.from.After != was || s.heard {
				begun, try, s.heard = time.Now(), 0, false
			}
			pause := backoff(try)
			if e, ok := errors.AsType[*Error](err); ok {
				pause = max(pause, e.After)
			}
			passing := !errors.Is(err, ErrBehind) && (errors.Is(err, errBroken) || (&request{}).again(err))
			if ctx.Err() != nil || !passing || time.Since(begun)+pause > c.patient || !sleep(ctx, pause) {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				yield(fact.Event{}, err)
				return
			}
			try++
		}
	}
}

var (
	errStopped = errors.New("the caller stopped")
	errBroken  = errors.New("the stream of events broke")
)

// stream is one connection after another.
type stream struct {
	c     *Client
	from  Since
	yield func(fact.Event, error) bool
	heard bool // the connection was good
	ended bool // all that there was has come
}

// run reads one connection to its end.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(silence, func() { cancel(fmt.Errorf("%w: nothing came for %s", errBroken, silence)) })
	defer idle.Stop()
	r := request{method: http.MethodGet, path: "/v1/events", query: values(), header: map[string]string{"Accept": "text/event-stream"}}
	if s.from.After != "" {
		r.header["Last-Event-ID"] = s.from.After
	} else if s.from.Oldest {
		r.query.Set("from", "oldest")
	}
	if s.from.Now {
		r.query.Set("until", "now")
	}
	res, token, err := s.c.send(ctx, &r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, maxProblem))
		e := refusal(r.call(), res, text)
		switch {
		case res.StatusCode == http.StatusUnauthorized && s.c.refuse(token) && !s.heard:
			return fmt.Errorf("%w: %w", errBroken, e)
		case e.code() == ledger.CodeGone:
			return fmt.Errorf("%w: %w", ErrBehind, e)
		}
		return e
	}
	err = s.read(res.Body, idle)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, errStopped) {
		return cause
	}
	return err
}

// read reads server-sent events (HTML, section 9.2.6).
func (s *stream) read(from io.Reader, idle *time.Timer) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 4<<10), maxEvent)
	var kind, id string
	var data []byte
	for lines.Scan() {
		idle.Reset(silence)
		s.heard = true
		line := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		if len(line) == 0 {
			if err := s.event(kind, id, data); err != nil {
				return err
			}
			kind, id, data = "", "", nil
			continue
		}
		name, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			if len(data)+len(value) > maxEvent {
				return errors.New("an event of the node's is too long")
			}
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
		}
	}
	err := lines.Err()
	switch {
	case err == nil && s.from.Now:
		s.ended = true
		return nil
	case errors.Is(err, bufio.ErrTooLong):
		return errors.New("an event of the node's is too long")
	case err == nil:
		return errBroken
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

// event passes an event on.
func (s *stream) event(kind, id string, data []byte) error {
	if kind == "dropped" {
		var why struct{ Reason string }
		if json.Unmarshal(data, &why) == nil && why.Reason == "behind" {
			return ErrBehind
		}
		return errBroken
	}
	if data == nil {
		if id != "" { // where a stream of news begins
			s.from.After = id
		}
		return nil
	}
	var e fact.Event
	if err := json.Unmarshal(data, &e); err != nil || e.ID == "" {
		return errors.New("the node sent an event that cannot be read")
	}
	s.from.After = e.ID
	if !s.yield(e, nil) {
		return errStopped
	}
	return nil
}

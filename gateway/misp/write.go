package misp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// add takes an event in. It stays at this node until somebody shares it on the ledger:
// that MISP calls it published changes nothing here.
func (a *API) add(c *gin.Context) error {
	m, err := readEvent(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if id := strings.ToLower(m.text("uuid")); id != "" {
		if _, err := a.find(ctx, id); err == nil {
			return ledger.Problemf(ledger.CodeConflict, "an event of this UUID is here: edit it")
		} else if ledger.CodeOf(err) != ledger.CodeNotFound {
			return err
		}
	}
	e, err := a.put(ctx, m, nil)
	if err != nil {
		return err
	}
	return a.kept(c, e.UUID)
}

// edit takes a newer edition of an event in. Attributes that it does not name stay.
func (a *API) edit(c *gin.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	e, err := a.change(c.Request.Context(), c.Param("event"), func(older members) (members, error) {
		m, err := decode(body)
		if err != nil {
			return nil, err
		}
		if id := strings.ToLower(m.text("uuid")); id != "" && id != older.text("uuid") {
			return nil, fault("uuid", "must be that of the event")
		}
		for _, kept := range []string{"info", "date", "threat_level_id", "Orgc"} {
			if _, said := m[kept]; !said {
				m[kept] = older[kept]
			}
		}
		merge(older, m)
		return m, nil
	})
	if err != nil {
		return err
	}
	return a.kept(c, e.UUID)
}

// maxTries bounds how often an edit is made anew because another came before it. One of
// those that are made at once is kept each time.
const maxTries = 32

// change has edit make a newer edition of an event that was handed in; it may change and
// return the older one. It is called again with what is kept by then when another edition
// came first. Problems: not_found; denied for what a member shared; conflict for an
// edition that says that it is as old as what is kept.
func (a *API) change(ctx context.Context, id string, edit func(older members) (members, error)) (*fact.MISPEvent, error) {
	for range maxTries {
		was, err := a.find(ctx, id)
		if err != nil {
			return nil, err
		}
		if was.Report != "" {
			return nil, ledger.Problemf(ledger.CodeDenied, "a member shared this report: say what you think of it instead")
		}
		older, err := decode(was.Body)
		if err != nil {
			return nil, fmt.Errorf("reading the event that is kept: %w", err)
		}
		delete(older, "timestamp") // of what is only changed here
		m, err := edit(older)
		if err != nil {
			return nil, err
		}
		m["uuid"] = was.UUID
		switch said := m.seconds("timestamp"); {
		case said == 0: // an edition of now, of which a second has only one
			m["timestamp"] = strconv.FormatInt(max(a.Now().Unix(), was.Timestamp+1), 10)
		case said <= was.Timestamp:
			return nil, ledger.Problemf(ledger.CodeConflict, "the event that is kept is as new as this one")
		}
		e, err := a.put(ctx, m, was)
		if err == nil || ledger.CodeOf(err) != ledger.CodeConflict {
			return e, err
		}
	}
	return nil, ledger.Problemf(ledger.CodeBusy, "too many edit this event at once: try again")
}

// put keeps an event in the place of an edition, nil: of none, with the STIX objects that
// it says. Those that it says no longer are revoked.
func (a *API) put(ctx context.Context, m members, was *fact.MISPEvent) (*fact.MISPEvent, error) {
	e, err := event(m, a.Organisation, a.Now())
	if err != nil {
		return nil, err
	}
	objects, err := a.objects(ctx, e.Body)
	if err != nil {
		return nil, err
	}
	var timestamp int64
	if was != nil {
		timestamp = was.Timestamp
		gone, err := a.revoked(ctx, was, objects, e.Timestamp)
		if err != nil {
			return nil, err
		}
		objects = append(objects, gone...)
	}
	_, err = a.Store.PutMISP(ctx, e, timestamp, objects)
	return e, err
}

// kept answers with an event as it is kept.
func (a *API) kept(c *gin.Context, id string) error {
	ctx := c.Request.Context()
	e, err := a.find(ctx, id)
	if err != nil {
		return err
	}
	doc, err := a.view(ctx, e, strings.Contains(c.Param("options"), "metadata:1"), false)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"Event": doc})
}

func readEvent(c *gin.Context) (members, error) {
	body, err := readBody(c)
	if err != nil {
		return nil, err
	}
	return decode(body)
}

func readBody(c *gin.Context) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a request has at most %d bytes", MaxBody)
	}
	return body, err
}

// newUUID makes a random UUID (RFC 9562, section 5.4).
func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

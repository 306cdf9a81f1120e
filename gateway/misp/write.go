package misp

import (
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
	if id := strings.ToLower(m.text("uuid")); id != "" {
		if _, err := a.find(c, id); err == nil {
			return ledger.Problemf(ledger.CodeConflict, "an event of this UUID is here: edit it")
		} else if ledger.CodeOf(err) != ledger.CodeNotFound {
			return err
		}
	}
	return a.keep(c, m)
}

// edit takes a newer edition of an event in. Attributes that it does not name stay.
func (a *API) edit(c *gin.Context) error {
	m, err := readEvent(c)
	if err != nil {
		return err
	}
	was, err := a.find(c, c.Param("event"))
	if err != nil {
		return err
	}
	if was.Report != "" {
		return ledger.Problemf(ledger.CodeDenied, "a member shared this report: say what you think of it instead")
	}
	if id := strings.ToLower(m.text("uuid")); id != "" && id != was.UUID {
		return fault("uuid", "must be that of the event")
	}
	older, err := decode(was.Body)
	if err != nil {
		return fmt.Errorf("reading the event that is kept: %w", err)
	}
	m["uuid"] = was.UUID
	if m.seconds("timestamp") == 0 { // an edition of now, of which a second has only one
		m["timestamp"] = strconv.FormatInt(max(a.Now().Unix(), was.Timestamp+1), 10)
	}
	for _, kept := range []string{"info", "date", "threat_level_id", "Orgc"} {
		if _, said := m[kept]; !said {
			m[kept] = older[kept]
		}
	}
	merge(older, m)
	return a.keep(c, m)
}

// keep keeps an event with the STIX objects that it says, and answers with it.
func (a *API) keep(c *gin.Context, m members) error {
	e, err := event(m, a.Organisation, a.Now())
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	objects, err := a.Read(ctx, fmt.Appendf(nil, `{"Event":%s}`, e.Body))
	if err != nil {
		return err
	}
	var list []fact.STIXObject
	for _, o := range objects {
		if o.Fault == nil {
			list = append(list, fact.STIXObject{Collection: a.Collection, ID: o.ID, Type: o.Type, Spec: o.Spec, Version: o.Version, Body: o.Body})
		}
	}
	if _, err := a.Store.PutMISP(ctx, e, list); err != nil {
		return err
	}
	kept, err := a.find(c, e.UUID)
	if err != nil {
		return err
	}
	doc, err := view(kept, strings.Contains(c.Param("options"), "metadata:1"), false)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"Event": doc})
}

func readEvent(c *gin.Context) (members, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "an event has at most %d bytes", MaxBody)
	}
	if err != nil {
		return nil, err
	}
	return decode(body)
}

// newUUID makes a random UUID (RFC 9562, section 5.4).
func newUUID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

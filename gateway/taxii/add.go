package taxii

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

// statusView is a status resource (section 4.3.1).
type statusView struct {
	ID        string         `json:"id"`
	Status    string         `json:"status"`
	Requested string         `json:"request_timestamp"`
	Total     int            `json:"total_count"`
	Succeeded int            `json:"success_count"`
	Successes []statusDetail `json:"successes,omitempty"`
	Failed    int            `json:"failure_count"`
	Failures  []statusDetail `json:"failures,omitempty"`
	Pending   int            `json:"pending_count"`
}

type statusDetail struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Message string `json:"message,omitempty"`
}

// add takes objects in (section 5.5): those that are valid, at once, and says of each
// of the others what is wrong with it.
func (a *API) add(c *gin.Context) error {
	one, err := a.writable(c)
	if err != nil {
		return err
	}
	kind, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || kind != "application/taxii+json" || params["version"] != "" && params["version"] != "2.1" {
		return problem.MediaTypes(MediaType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return ledger.Problemf(ledger.CodeTooLarge, "an envelope has at most %d bytes", MaxBody)
	}
	if err != nil {
		return err
	}
	requested := time.Now()
	objects, err := cti.ReadEnvelope(body)
	if err != nil {
		return err
	}
	s := statusView{ID: newID(), Status: "complete", Requested: instant(requested), Total: len(objects)}
	var keep []fact.STIXObject
	for i := range objects {
		o := &objects[i]
		if o.Fault != nil {
			s.Failures = append(s.Failures, statusDetail{o.ID, version(o, requested), o.Fault.Error()})
			continue
		}
		keep = append(keep, fact.STIXObject{Collection: one.ID, ID: o.ID, Type: o.Type, Spec: o.Spec, Version: o.Version, Body: o.Body})
		s.Successes = append(s.Successes, statusDetail{ID: o.ID, Version: version(o, requested)})
	}
	if _, err := a.Store.AddSTIX(c.Request.Context(), keep); err != nil {
		return err
	}
	s.Succeeded, s.Failed = len(s.Successes), len(s.Failures)
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding a status: %w", err)
	}
	if err := a.Store.PutTAXIIStatus(c.Request.Context(), s.ID, caller(c), doc); err != nil {
		return err
	}
	c.Data(http.StatusAccepted, MediaType, doc)
	return nil
}

func version(o *cti.Object, requested time.Time) string {
	if o.Version.IsZero() {
		return instant(requested)
	}
	return instant(o.Version)
}

// caller names who calls; only they read the status of what they handed in.
func caller(c *gin.Context) string {
	who := auth.CallerOf(c.Request.Context())
	return who.Organisation + " " + who.Subject
}

func (a *API) status(c *gin.Context) error {
	doc, err := a.Store.TAXIIStatus(c.Request.Context(), c.Param("status"), caller(c))
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, MediaType, doc)
	return nil
}

// newID makes a random UUID (RFC 9562, section 5.4).
func newID() string {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

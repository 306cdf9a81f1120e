package fhir

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

// An export (FHIR Bulk Data Access 2.0) needs no work beforehand: its job is what was
// asked for and when, with a code under the node's key, and each file is made as it is
// fetched. So a job takes no room, nobody can make one up, and it is good for as long
// as whoever has it may read.
type job struct {
	Types []string `json:"t"`
	Since int64    `json:"s,omitempty"` // ms; 0: from the beginning
	At    int64    `json:"a"`           // ms: what changed later is of the next export
}

// ndjson is the media type of an export's files.
const ndjson = "application/fhir+ndjson"

const (
	exportPage  = 100 // resources between two looks at whether they are still taken
	exportPace  = time.Minute
	maxJob      = 1 << 10 // bytes
	exportLabel = "$export"
)

// export begins an export (section "Bulk Data Kick-off Request").
func (a *API) export(c *gin.Context) error {
	q, err := parseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(c.Request.Header.Values("Prefer"), func(p string) bool { return strings.Contains(p, "respond-async") }) {
		return badQuery("an export needs Prefer: respond-async")
	}
	if err := q.only("_type", "_since", "_outputFormat"); err != nil {
		return err
	}
	if f := q.get("_outputFormat"); f != "" && !slices.Contains([]string{ndjson, "application/fhir ndjson", "application/ndjson", "ndjson"}, f) {
		return badQuery("_outputFormat must be " + ndjson)
	}
	var j job
	if since := q.get("_since"); since != "" {
		from := fhir.Range(strings.Replace(since, " ", "+", 1))
		if from.Low.IsZero() {
			return badQuery("_since must be a time")
		}
		j.Since = from.Low.UnixMilli()
	}
	if j.Types, err = exported(c.Request.Context(), q.get("_type")); err != nil {
		return err
	}
	until, err := a.Store.ResourcesUntil(c.Request.Context())
	if err != nil {
		return err
	}
	j.At = until.UnixMilli()
	c.Header("Content-Location", a.base(c.Request)+"/$export-status/"+a.sealJob(&j))
	c.Data(http.StatusAccepted, MediaType, encode(outcome{"OperationOutcome", []issue{{Severity: "information", Code: "informational", Diagnostics: "the export is at its Content-Location"}}}))
	return nil
}

// exported lists the types of an export: those that are asked for, or else all that
// the caller may read.
func exported(ctx context.Context, asked string) ([]string, error) {
	if asked == "" {
		types := slices.DeleteFunc(slices.Clone(fhir.Types), func(typ string) bool { return mayExport(ctx, typ) != nil })
		if len(types) == 0 {
			return nil, ledger.Problemf(ledger.CodeDenied, "the token's scopes include nothing that could be exported")
		}
		return types, nil
	}
	var types []string
	for typ := range strings.SplitSeq(asked, ",") {
		if _, taken := fhir.Params[typ]; !taken {
			return nil, &refused{http.StatusBadRequest, "not-supported", "_type must be of " + strings.Join(fhir.Types, ", "), ""}
		}
		if err := mayExport(ctx, typ); err != nil {
			return nil, err
		}
		if !slices.Contains(types, typ) {
			types = append(types, typ)
		}
	}
	return types, nil
}

func mayExport(ctx context.Context, typ string) error {
	return errors.Join(auth.Within(ctx, typ, 'r'), auth.Within(ctx, typ, 's'))
}

func (a *API) sealJob(j *job) string {
	text := base64.RawURLEncoding.EncodeToString(encode(j))
	return text + "." + base64.RawURLEncoding.EncodeToString(a.Blind(exportLabel, text))
}

func (a *API) openJob(sealed string) (*job, error) {
	none := ledger.Problemf(ledger.CodeNotFound, "there is no such export")
	text, code, ok := strings.Cut(sealed, ".")
	got, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if !ok || err != nil || len(sealed) > maxJob || !hmac.Equal(got, a.Blind(exportLabel, text)) {
		return nil, none
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	var j job
	if err != nil || json.Unmarshal(b, &j) != nil {
		return nil, none
	}
	return &j, nil
}

func (j *job) query(typ string) fhir.Query {
	at := time.UnixMilli(j.At)
	q := fhir.Query{Type: typ, Order: fhir.Oldest, Times: []fhir.When{{Bounds: []fhir.Bound{{Compare: "le", Range: instant(at)}}}}}
	if j.Since != 0 {
		q.Times = append(q.Times, fhir.When{Bounds: []fhir.Bound{{Compare: "gt", Range: instant(time.UnixMilli(j.Since))}}})
	}
	return q
}

func instant(t time.Time) fhir.Interval { return fhir.Interval{Low: t, High: t.Add(time.Millisecond)} }

// exportStatus answers with what an export has (section "Bulk Data Status Request").
func (a *API) exportStatus(c *gin.Context) error {
	j, err := a.openJob(c.Param("job"))
	if err != nil {
		return err
	}
	base := a.base(c.Request)
	output := []object{}
	for _, typ := range j.Types {
		if err := mayExport(c.Request.Context(), typ); err != nil { // also how many there are is told to who may read them
			return err
		}
		n, err := a.Store.CountResources(c.Request.Context(), j.query(typ))
		if err != nil {
			return err
		}
		if n > 0 {
			output = append(output, object{"type": typ, "url": base + "/$export-file/" + c.Param("job") + "/" + typ, "count": n})
		}
	}
	request := base + "/$export?_type=" + strings.Join(j.Types, ",")
	if j.Since != 0 {
		request += "&_since=" + fhir.Instant(time.UnixMilli(j.Since))
	}
	c.Data(http.StatusOK, "application/json", encode(object{
		"transactionTime": fhir.Instant(time.UnixMilli(j.At)), "request": request, "requiresAccessToken": true, "output": output, "error": []object{},
	}))
	return nil
}

// exportEnd takes leave of an export, of which nothing is kept (section "Bulk Data
// Delete Request").
func (a *API) exportEnd(c *gin.Context) error {
	if _, err := a.openJob(c.Param("job")); err != nil {
		return err
	}
	c.Status(http.StatusAccepted)
	c.Writer.WriteHeaderNow()
	return nil
}

// exportFile answers with an export's resources of one type, a line each, in the
// order in which they came. What was erased since is left out: a file of resources
// cannot say so.
func (a *API) exportFile(c *gin.Context) error {
	ctx, typ := c.Request.Context(), c.Param("type")
	j, err := a.openJob(c.Param("job"))
	if err != nil {
		return err
	}
	if !slices.Contains(j.Types, typ) {
		return ledger.Problemf(ledger.CodeNotFound, "the export has no such file")
	}
	if err := mayExport(ctx, typ); err != nil {
		return err
	}
	if accept := c.GetHeader("Accept"); accept != "" && !strings.Contains(accept, "ndjson") && !strings.Contains(accept, "*/*") {
		return problem.NotAcceptable()
	}
	c.Header("Content-Type", ndjson)
	pace := http.NewResponseController(c.Writer)
	var b bytes.Buffer
	for bookmark := ""; ; {
		versions, next, err := a.Store.Resources(ctx, j.query(typ), ledger.PageRequest{Size: exportPage, Bookmark: bookmark})
		if err != nil {
			return err
		}
		b.Reset()
		for i := range versions {
			if err := a.exportLine(ctx, &b, &versions[i]); err != nil {
				return err
			}
		}
		_ = pace.SetWriteDeadline(time.Now().Add(exportPace)) // each page has its own time: the whole may be long
		if _, err := c.Writer.Write(b.Bytes()); err != nil {
			return fmt.Errorf("sending an export: %w", err)
		}
		if bookmark = next; next == "" {
			c.Writer.WriteHeaderNow()
			return nil
		}
	}
}

func (a *API) exportLine(ctx context.Context, b *bytes.Buffer, v *fhir.Version) error {
	body, err := a.serve(ctx, v)
	if ledger.CodeOf(err) == ledger.CodeGone {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Compact(b, body); err != nil {
		return fmt.Errorf("writing a resource in one line: %w", err)
	}
	b.WriteByte('\n')
	return nil
}

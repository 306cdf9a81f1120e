package fhir

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// find finds the version that an address names.
func (a *API) find(c *gin.Context) (fhir.Version, error) {
	return a.named(c.Request.Context(), c.Param("type"), c.Param("id"), c.Param("version"))
}

// named finds a version; an empty text names the current one.
func (a *API) named(ctx context.Context, typ, id, version string) (fhir.Version, error) {
	if _, taken := fhir.Params[typ]; !taken {
		return fhir.Version{}, unknownType()
	}
	if err := auth.Within(ctx, typ, 'r'); err != nil {
		return fhir.Version{}, err
	}
	var number int64
	if version != "" {
		n, err := strconv.ParseInt(version, 10, 64)
		if err != nil || n < 1 || strconv.FormatInt(n, 10) != version {
			return fhir.Version{}, ledger.Problemf(ledger.CodeNotFound, "there is no such version")
		}
		number = n
	}
	return a.Store.Resource(ctx, typ, id, number)
}

// bytes returns the bytes of a version as they came.
func (a *API) bytes(ctx context.Context, v *fhir.Version) ([]byte, error) {
	id, err := proof.ParseRequestID(v.Request)
	if err != nil {
		return nil, err
	}
	text, _, err := a.Readings.Record(ctx, id, 0)
	return text, err
}

// serve returns a version as it is served.
func (a *API) serve(ctx context.Context, v *fhir.Version) ([]byte, error) {
	text, err := a.bytes(ctx, v)
	if err != nil {
		return nil, err
	}
	r, err := fhir.Reopen(text)
	if err != nil {
		return nil, err
	}
	return a.served(r, v)
}

// Serve returns a version of a resource as it is served. Problems: not_found, gone of
// what was erased.
func (a *API) Serve(ctx context.Context, typ, id string, version int64) ([]byte, error) {
	v, err := a.Store.Resource(ctx, typ, id, version)
	if err != nil {
		return nil, err
	}
	return a.serve(ctx, &v)
}

// tell sets the headers that say which version it is.
func tell(h http.Header, v *fhir.Version) {
	h.Set("ETag", `W/"`+strconv.FormatInt(v.Number, 10)+`"`)
	h.Set("Last-Modified", v.Updated.UTC().Format(http.TimeFormat))
}

// read answers with a resource, or with a version of it (FHIR R4, sections 3.1.0.2
// and 3.1.0.3).
func (a *API) read(c *gin.Context) error {
	if err := acceptable(c.Request, c.Request.URL.Query()); err != nil {
		return err
	}
	v, err := a.find(c)
	if err != nil {
		return a.readRegistered(c, err)
	}
	body, err := a.serve(c.Request.Context(), &v)
	if err != nil { // gone also for who has a copy: it is not to be shown on
		return err
	}
	tell(c.Writer.Header(), &v)
	if c.GetHeader("If-None-Match") == c.Writer.Header().Get("ETag") {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	c.Writer.Header().Set(HeaderReceipt, receiptPath+v.Request)
	c.Data(http.StatusOK, MediaType, body)
	return nil
}

// received answers with the bytes that were received, to the last space.
func (a *API) received(c *gin.Context) error {
	v, err := a.find(c)
	if err != nil {
		return err
	}
	text, err := a.bytes(c.Request.Context(), &v)
	if err != nil {
		return err
	}
	tell(c.Writer.Header(), &v)
	c.Writer.Header().Set(HeaderReceipt, receiptPath+v.Request)
	c.Data(http.StatusOK, MediaType, text)
	return nil
}

// history answers with the versions of a resource, the newest first (FHIR R4, section
// 3.1.0.9).
func (a *API) history(c *gin.Context) error {
	typ, id := c.Param("type"), c.Param("id")
	if _, taken := fhir.Params[typ]; !taken {
		return unknownType()
	}
	if err := auth.Within(c.Request.Context(), typ, 'r'); err != nil {
		return err
	}
	q, err := parseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return err
	}
	if err := acceptable(c.Request, q.values()); err != nil {
		return err
	}
	req, err := q.page()
	if err != nil {
		return err
	}
	if err := q.only("_count", pageParam, "_format", "_pretty"); err != nil {
		return err
	}
	versions, next, err := a.Store.ResourceHistory(c.Request.Context(), typ, id, req)
	if err != nil {
		return err
	}
	p := page{
		kind: "history", base: a.base(c.Request), self: "/" + typ + "/" + id + "/_history", query: q, next: next, total: -1,
	}
	return a.answerPage(c, &p, versions)
}

// page is a Bundle of what was found.
type page struct {
	kind  string // of the Bundle
	base  string
	self  string // address below base
	query *query
	next  string // bookmark; empty: none
	total int64  // below 0: not told
}

// answerPage answers with a page. What was erased since is told of, and not left out
// without a word.
func (a *API) answerPage(c *gin.Context, p *page, versions []fhir.Version) error {
	body, err := a.encodePage(c.Request.Context(), p, versions, maxAnswer)
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, MediaType, body)
	return nil
}

func (a *API) encodePage(ctx context.Context, p *page, versions []fhir.Version, room int) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","id":` + quote(newID()) + `,"meta":{"lastUpdated":"` + fhir.Instant(time.Now()) + `"},"type":` + quote(p.kind))
	if p.total >= 0 {
		b.WriteString(`,"total":` + strconv.FormatInt(p.total, 10))
	}
	b.WriteString(`,"link":[{"relation":"self","url":` + quote(p.base+p.self+p.query.encode(p.query.bookmark())) + `}`)
	if p.next != "" {
		b.WriteString(`,{"relation":"next","url":` + quote(p.base+p.self+p.query.encode(p.next)) + `}`)
	}
	b.WriteByte(']')
	for i := range versions {
		b.WriteString([]string{`,"entry":[`, `,`}[min(i, 1)])
		if err := a.entry(ctx, &b, p, &versions[i]); err != nil {
			return nil, err
		}
		if b.Len() > room {
			return nil, tooMuch()
		}
	}
	if len(versions) > 0 {
		b.WriteByte(']')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (a *API) entry(ctx context.Context, b *bytes.Buffer, p *page, v *fhir.Version) error {
	body, err := a.serve(ctx, v)
	mode := "match"
	if ledger.CodeOf(err) == ledger.CodeGone {
		_, o := said(err)
		body, err, mode = encode(o), nil, "outcome"
	}
	if err != nil {
		return err
	}
	b.WriteString(`{"fullUrl":` + quote(p.base+"/"+v.Type+"/"+v.ID) + `,"resource":`)
	b.Write(body)
	if p.kind == "searchset" {
		b.WriteString(`,"search":{"mode":"` + mode + `"}}`)
		return nil
	}
	method, at, status := "PUT", v.Type+"/"+v.ID, "200"
	if v.Number == 1 {
		status = "201"
		if v.Created {
			method, at = "POST", v.Type
		}
	}
	b.WriteString(`,"request":{"method":"` + method + `","url":` + quote(at) + `},"response":{"status":"` + status + `","etag":"W/\"` +
		strconv.FormatInt(v.Number, 10) + `\"","lastModified":"` + fhir.Instant(v.Updated) + `"}}`)
	return nil
}

func quote(s string) string { return string(encode(s)) }

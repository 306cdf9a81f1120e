package fhir

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

// query is the parameters of a search in their order.
type query struct{ params []param }

type param struct{ name, value string }

// Bounds of a search.
const (
	maxQuery  = 8 << 10 // bytes
	maxParams = 32
	// pageParam carries the bookmark of a page. It is the server's own.
	pageParam   = "_page"
	defaultPage = 50
)

func parseQuery(raw string) (*query, error) {
	if len(raw) > maxQuery {
		return nil, badQuery(fmt.Sprintf("a search has at most %d bytes", maxQuery))
	}
	q := &query{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, badQuery("the search is not encoded as addresses are")
		}
		if len(q.params) == maxParams {
			return nil, badQuery(fmt.Sprintf("a search has at most %d parameters", maxParams))
		}
		q.params = append(q.params, param{n, v})
	}
	return q, nil
}

func (q *query) values() url.Values {
	v := url.Values{}
	for _, p := range q.params {
		v.Add(p.name, p.value)
	}
	return v
}

func (q *query) get(name string) string { return q.values().Get(name) }

func (q *query) bookmark() string { return q.get(pageParam) }

// encode writes the search again, at another page.
func (q *query) encode(bookmark string) string {
	var parts []string
	for _, p := range q.params {
		if p.name != pageParam {
			parts = append(parts, url.QueryEscape(p.name)+"="+url.QueryEscape(p.value))
		}
	}
	if bookmark != "" {
		parts = append(parts, pageParam+"="+url.QueryEscape(bookmark))
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

// only refuses other parameters.
func (q *query) only(names ...string) error {
	for _, p := range q.params {
		if !slices.Contains(names, p.name) {
			return badQuery("a parameter is there that is not known here")
		}
	}
	return nil
}

// page reads which page is asked for.
func (q *query) page() (ledger.PageRequest, error) {
	req := ledger.PageRequest{Size: defaultPage, Bookmark: q.bookmark()}
	if text := q.get("_count"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return req, badQuery("_count must be a number that is not negative")
		}
		req.Size = min(n, ledger.MaxPageSize)
	}
	return req, nil
}

func (a *API) searchByGet(c *gin.Context) error {
	return a.search(c, c.Request.URL.RawQuery)
}

// searchByPost searches by a form, in addition to what the address has (FHIR R4,
// section 3.1.1.1.1).
func (a *API) searchByPost(c *gin.Context) error {
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return problem.MediaTypes("application/x-www-form-urlencoded")
	}
	form, err := io.ReadAll(io.LimitReader(c.Request.Body, maxQuery+1))
	if err != nil {
		return problem.Malformed("", "must come to its end")
	}
	return a.search(c, strings.TrimPrefix(c.Request.URL.RawQuery+"&"+string(form), "&"))
}

// search answers with what is found (FHIR R4, section 3.1.1).
func (a *API) search(c *gin.Context, raw string) error {
	typ := c.Param("type")
	q, err := parseQuery(raw)
	if err != nil {
		return err
	}
	if err := acceptable(c.Request, q.values()); err != nil {
		return err
	}
	p, versions, err := a.found(c.Request, typ, q)
	if err != nil {
		return err
	}
	return a.answerPage(c, p, versions)
}

// found searches.
func (a *API) found(r *http.Request, typ string, q *query) (*page, []fhir.Version, error) {
	ctx := r.Context()
	if err := auth.Within(ctx, typ, 's'); err != nil {
		return nil, nil, err
	}
	asked, err := a.question(typ, q, lenient(r.Header))
	if err != nil {
		return nil, nil, err
	}
	req, err := q.page()
	if err != nil {
		return nil, nil, err
	}
	p := &page{kind: "searchset", base: a.base(r), self: "/" + typ, query: q, total: -1}
	if q.get("_summary") == "count" || q.get("_total") == "accurate" || req.Size == 0 {
		if p.total, err = a.Store.CountResources(ctx, *asked); err != nil {
			return nil, nil, err
		}
	}
	if q.get("_summary") == "count" || req.Size == 0 {
		return p, nil, nil
	}
	versions, next, err := a.Store.Resources(ctx, *asked, req)
	if err != nil {
		return nil, nil, err
	}
	p.next = next
	if p.next == "" && req.Bookmark == "" {
		p.total = int64(len(versions))
	}
	return p, versions, nil
}

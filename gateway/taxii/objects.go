package taxii

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// spec is the one version of STIX that is taken in.
const spec = "2.1"

// The headers that say when the objects of an answer were added (section 3.3); an
// answer without objects has none.
const (
	headerFirst = "X-TAXII-Date-Added-First"
	headerLast  = "X-TAXII-Date-Added-Last"
)

// page reads what a request asks for, and sets the headers.
func (a *API) page(c *gin.Context, id string, bodies bool) (objects []fact.STIXObject, more bool, err error) {
	one, err := a.named(c)
	if err != nil {
		return nil, false, err
	}
	asked, err := ask(one.ID, c.Request.URL.Query())
	if err != nil {
		return nil, false, err
	}
	if id != "" {
		asked.filter.IDs = []string{strings.ToLower(id)}
	}
	if specs := asked.filter.Specs; len(specs) > 0 && !slices.Contains(specs, spec) {
		return nil, false, nil // nothing else is taken in, and looking for it would look at all
	}
	objects, more, err = a.Store.STIX(c.Request.Context(), asked.filter, asked.limit, bodies)
	if err != nil {
		return nil, false, err
	}
	if len(objects) > 0 {
		c.Header(headerFirst, instant(objects[0].Added))
		c.Header(headerLast, instant(objects[len(objects)-1].Added))
	}
	return objects, more, nil
}

func (a *API) objects(c *gin.Context) error { return a.serve(c, "") }

func (a *API) object(c *gin.Context) error { return a.serve(c, c.Param("object")) }

// serve answers with an envelope (section 3.7), in which each object stands as it came.
func (a *API) serve(c *gin.Context, id string) error {
	objects, more, err := a.page(c, id, true)
	if err != nil {
		return err
	}
	if id != "" && len(objects) == 0 {
		if err := a.known(c, id); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	b.WriteByte('{')
	if more {
		b.WriteString(`"more":true,"next":"` + next(objects[len(objects)-1].Added) + `"`)
	}
	for i := range objects {
		switch {
		case i > 0:
			b.WriteByte(',')
		case more:
			b.WriteString(`,"objects":[`)
		default:
			b.WriteString(`"objects":[`)
		}
		b.Write(objects[i].Body)
	}
	if len(objects) > 0 {
		b.WriteByte(']')
	}
	b.WriteByte('}')
	c.Data(http.StatusOK, MediaType, b.Bytes())
	return nil
}

// known is not_found for an object of which no version is here.
func (a *API) known(c *gin.Context, id string) error {
	one, err := a.named(c)
	if err != nil {
		return err
	}
	some, _, err := a.Store.STIX(c.Request.Context(), fact.STIXFilter{Collection: one.ID, IDs: []string{strings.ToLower(id)}}, 1, false)
	if err == nil && len(some) == 0 {
		return ledger.Problemf(ledger.CodeNotFound, "there is no such object in this collection")
	}
	return err
}

// manifestEntry is what a manifest says of an object (section 5.3.1).
type manifestEntry struct {
	ID        string `json:"id"`
	Added     string `json:"date_added"`
	Version   string `json:"version"`
	MediaType string `json:"media_type"`
}

func (a *API) manifest(c *gin.Context) error {
	objects, more, err := a.page(c, "", false)
	if err != nil {
		return err
	}
	m := map[string]any{}
	if more {
		m["more"], m["next"] = true, next(objects[len(objects)-1].Added)
	}
	entries := make([]manifestEntry, len(objects))
	for i := range objects {
		o := &objects[i]
		entries[i] = manifestEntry{o.ID, instant(o.Added), instant(o.Version), "application/stix+json;version=" + o.Spec}
	}
	if len(entries) > 0 {
		m["objects"] = entries
	}
	return answer(c, m)
}

func (a *API) versions(c *gin.Context) error {
	q := c.Request.URL.Query()
	q.Set("match[version]", "all") // section 5.7
	c.Request.URL.RawQuery = q.Encode()
	objects, more, err := a.page(c, c.Param("object"), false)
	if err != nil {
		return err
	}
	if len(objects) == 0 {
		if err := a.known(c, c.Param("object")); err != nil {
			return err
		}
	}
	m := map[string]any{}
	if more {
		m["more"], m["next"] = true, next(objects[len(objects)-1].Added)
	}
	list := make([]string, len(objects))
	for i := range objects {
		list[i] = instant(objects[i].Version)
	}
	if len(list) > 0 {
		m["versions"] = list
	}
	return answer(c, m)
}

func (a *API) remove(c *gin.Context) error {
	one, err := a.writable(c)
	if err != nil {
		return err
	}
	if err := a.known(c, c.Param("object")); err != nil {
		return err
	}
	asked, err := ask(one.ID, c.Request.URL.Query())
	if err != nil {
		return err
	}
	if !c.Request.URL.Query().Has("match[version]") {
		asked.filter.Versions = fact.STIXVersions{All: true} // section 5.6
	}
	asked.filter.IDs = []string{strings.ToLower(c.Param("object"))}
	some, err := a.Store.DeleteSTIX(c.Request.Context(), asked.filter)
	if err != nil {
		return err
	}
	if !some {
		return ledger.Problemf(ledger.CodeNotFound, "there is no such version of the object")
	}
	c.Data(http.StatusOK, MediaType, []byte("{}"))
	return nil
}

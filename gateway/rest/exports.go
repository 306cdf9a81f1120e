package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/export"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Exporter gathers the indicators of collections that stand.
type Exporter interface {
	// Mark is another one whenever Indicators has others to gather.
	Mark(ctx context.Context, collections []string) (string, error)
	// Indicators has them written, the newest ones where they are too many. trusted: only
	// what is still believed of them and no warninglist has.
	Indicators(ctx context.Context, collections []string, trusted bool, write func(s export.Set, cut bool) error) error
}

// exportsAnew is how long whoever has an export is told that nothing changed, when
// nothing came: meanwhile some may have ended, or be believed no more.
const exportsAnew = 10 * time.Minute

var (
	exportForms  = []string{"misp", "csv", "suricata", "sigma", "stix"}
	blocklists   = []string{"ip", "domain", "url", "hash"}
	trustedForms = append([]string{"suricata", "sigma"}, blocklists...)
)

// aboutExports is what the document says of all of them.
const aboutExports = "Those that are revoked, have ended or not begun are left out; of more than 100,000 the newest are taken, and the header Secant-Cut says so (true). " +
	"Secant-Left counts indicators of which this form can say nothing, Secant-Marking is the strictest TLP level among them. " +
	"The ETag stays for up to ten minutes as long as nothing comes or goes, so that it costs little to ask often."

func (a *API) exportRoutes() {
	a.api.stream(auth.ThreatsRead, huma.Operation{
		OperationID: "export-intelligence", Method: http.MethodGet, Path: "/v1/intelligence/export", Tags: []string{"threats"},
		Summary:     "Indicators in a form that other tools read",
		Description: "Rules leave out what is believed no longer or stands on a warninglist. " + aboutExports,
		Parameters: []*huma.Param{
			queryParam("form", "Of the export.", &huma.Schema{Type: "string", Enum: anysOf(exportForms)}),
			queryParam("collection", "Default: all.", &huma.Schema{Type: "string", Enum: anysOf(exportCollections)}),
		},
		Responses: exportResponses(exportForms),
	}, func(c *gin.Context) error {
		form := c.Query("form")
		if !slices.Contains(exportForms, form) {
			return invalid(ledger.Fault{Field: "query.form", Detail: "must be one of " + strings.Join(exportForms, ", ")})
		}
		wanted := c.Query("collection")
		if wanted != "" && !slices.Contains(exportCollections, wanted) {
			return invalid(ledger.Fault{Field: "query.collection", Detail: "must be one of " + strings.Join(exportCollections, ", ")})
		}
		return a.serveExport(c, form, wanted)
	})
	a.api.stream(auth.ThreatsRead, huma.Operation{
		OperationID: "get-blocklist", Method: http.MethodGet, Path: "/v1/blocklists/{kind}", Tags: []string{"threats"},
		Summary: "What is to be blocked, one a line",
		Description: "Of all collections: what single values indicators look for that are still believed and on no warninglist. " +
			"Addresses are those of the Internet only. " + aboutExports,
		Parameters: []*huma.Param{pathParam("kind", "ip (with networks), domain, url, or hash (of files).")},
		Responses:  exportResponses([]string{"ip"}),
	}, func(c *gin.Context) error {
		if !slices.Contains(blocklists, c.Param("kind")) {
			return ledger.Problemf(ledger.CodeNotFound, "the lists are %s", strings.Join(blocklists, ", "))
		}
		return a.serveExport(c, c.Param("kind"), "")
	})
}

var exportCollections = []string{"own", "shared", "sealed"}

func anysOf(list []string) []any {
	all := make([]any, len(list))
	for i := range list {
		all[i] = list[i]
	}
	return all
}

func exportResponses(forms []string) map[string]*huma.Response {
	content := map[string]*huma.MediaType{}
	for _, name := range forms {
		f, _ := export.Lookup(name)
		content[f.MediaType] = &huma.MediaType{Schema: &huma.Schema{Type: "string"}}
	}
	return map[string]*huma.Response{"200": {Description: "The export", Content: content}, "304": {Description: "Nothing changed"}}
}

// serveExport answers with the indicators of one collection, or of all, in a form.
func (a *API) serveExport(c *gin.Context, form, wanted string) error {
	ctx := c.Request.Context()
	var collections []string
	for name, id := range a.Collections {
		if wanted == "" || wanted == name {
			collections = append(collections, id)
		}
	}
	slices.Sort(collections)
	mark, err := a.Exporter.Mark(ctx, collections)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(form + " " + mark + " " + time.Now().Truncate(exportsAnew).UTC().Format(time.RFC3339)))
	tag := `W/"` + hex.EncodeToString(sum[:16]) + `"` // weak: one that ends meanwhile does not change it
	if c.GetHeader("If-None-Match") == tag {
		c.Header("ETag", tag)
		c.Status(http.StatusNotModified)
		return nil
	}
	f, _ := export.Lookup(form)
	return a.Exporter.Indicators(ctx, collections, slices.Contains(trustedForms, form), func(s export.Set, cut bool) error {
		out, err := f.Write(s, export.About{Title: "Indicators of " + a.DisplayName, Organisation: a.DisplayName})
		if err != nil {
			return err
		}
		c.Header("ETag", tag)
		c.Header("Secant-Left", strconv.Itoa(out.Left))
		c.Header("Secant-Cut", strconv.FormatBool(cut))
		if level := s.Level(); level != "" {
			c.Header("Secant-Marking", level)
		}
		c.Data(http.StatusOK, f.MediaType, out.Body)
		return nil
	})
}

package taxii

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

const (
	// Path is where discovery is, below the node's address (section 4.1).
	Path = "/taxii2"
	// root is the API root below it.
	root = Path + "/intelligence"
	// MediaType is that of all that is said (section 1.6.8).
	MediaType = "application/taxii+json;version=2.1"
	// stixType is that of the objects (section 1.6.8.1).
	stixType = "application/stix+json;version=2.1"
	// MaxBody bounds what is handed in at once, in bytes.
	MaxBody = 8 << 20
)

// Large is the route whose bodies may have MaxBody.
const Large = "POST " + root + "/collections/:collection/objects/"

// Collection is what a collection is for (section 5.2.1).
type Collection struct {
	ID          string // UUID
	Alias       string
	Title       string
	Description string
	Writable    bool // by who has the right
}

// Store keeps objects.
type Store interface {
	AddSTIX(ctx context.Context, objects []fact.STIXObject) (added []bool, err error)
	STIX(ctx context.Context, f fact.STIXFilter, limit int, bodies bool) (objects []fact.STIXObject, more bool, err error)
	DeleteSTIX(ctx context.Context, f fact.STIXFilter) (some bool, err error)
	PutTAXIIStatus(ctx context.Context, id, caller string, doc []byte) error
	TAXIIStatus(ctx context.Context, id, caller string) ([]byte, error)
}

// Deps is what the interface needs of the rest of the node.
type Deps struct {
	Title       string // of the server, for people
	Bases       []string
	Collections []Collection
	Store       Store
}

// API is the TAXII server of a node.
type API struct{ Deps }

// New makes the interface and registers its routes.
func New(r *auth.Router, deps Deps) (*API, error) {
	if len(deps.Bases) == 0 || len(deps.Collections) == 0 || deps.Store == nil {
		return nil, errors.New("the TAXII interface lacks a part")
	}
	a := &API{deps}
	handle := func(method, path string, right auth.Right, h func(*gin.Context) error) {
		r.HandleBasic(method, path, right, negotiated(h))
	}
	const collection = root + "/collections/:collection"
	handle(http.MethodGet, Path+"/", auth.ThreatsRead, a.discovery)
	handle(http.MethodGet, root+"/", auth.ThreatsRead, a.apiRoot)
	handle(http.MethodGet, root+"/status/:status/", auth.ThreatsShare, a.status)
	handle(http.MethodGet, root+"/collections/", auth.ThreatsRead, a.collections)
	handle(http.MethodGet, collection+"/", auth.ThreatsRead, a.collection)
	handle(http.MethodGet, collection+"/manifest/", auth.ThreatsRead, a.manifest)
	handle(http.MethodGet, collection+"/objects/", auth.ThreatsRead, a.objects)
	handle(http.MethodPost, collection+"/objects/", auth.ThreatsShare, a.add)
	handle(http.MethodGet, collection+"/objects/:object/", auth.ThreatsRead, a.object)
	handle(http.MethodDelete, collection+"/objects/:object/", auth.ThreatsShare, a.remove)
	handle(http.MethodGet, collection+"/objects/:object/versions/", auth.ThreatsRead, a.versions)
	return a, nil
}

// negotiated lets pass who takes TAXII 2.1 (section 1.6.8): whoever asks for TAXII or
// STIX without a version means the newest.
func negotiated(h func(*gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		accept := c.Request.Header.Values("Accept")
		if len(accept) > 0 && !slices.ContainsFunc(strings.Split(strings.Join(accept, ","), ","), accepted) {
			return problem.NotAcceptable()
		}
		return h(c)
	}
}

func accepted(one string) bool {
	kind, params, err := mime.ParseMediaType(strings.TrimSpace(one))
	if err != nil || params["q"] == "0" {
		return false
	}
	switch kind {
	case "*/*", "application/*":
		return true
	case "application/taxii+json", "application/stix+json", "application/json":
		return params["version"] == "" || params["version"] == "2.1"
	}
	return false
}

// instant writes a time as TAXII has it (section 2, "timestamp").
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// answer writes a resource.
func answer(c *gin.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	c.Data(http.StatusOK, MediaType, b)
	return nil
}

// Shape is how errors are said below Path (section 3.6.1).
func Shape() problem.Shape {
	return problem.Shape{Path: Path, MediaType: MediaType, Challenge: `Basic realm="TAXII", charset="UTF-8"`, Body: func(d *problem.Document) []byte {
		m := map[string]any{"title": d.Title, "description": d.Detail, "error_id": d.Request, "error_code": string(d.Code), "http_status": strconv.Itoa(d.Status)}
		if len(d.Errors) > 0 {
			details := map[string]string{}
			for _, f := range d.Errors {
				details[f.Location] = f.Detail
			}
			m["details"] = details
		}
		b, err := json.Marshal(m)
		if err != nil { // strings alone
			panic(err)
		}
		return b
	}}
}

func (a *API) base(r *http.Request) string {
	for _, b := range a.Bases {
		if _, host, _ := strings.Cut(b, "://"); host == r.Host {
			return b
		}
	}
	return a.Bases[0]
}

func (a *API) discovery(c *gin.Context) error {
	at := a.base(c.Request) + root + "/"
	return answer(c, map[string]any{
		"title": a.Title, "description": "STIX 2.1 objects by TAXII 2.1", "default": at, "api_roots": []string{at},
	})
}

func (a *API) apiRoot(c *gin.Context) error {
	return answer(c, map[string]any{"title": a.Title, "versions": []string{MediaType}, "max_content_length": MaxBody})
}

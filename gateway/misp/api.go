package misp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

const (
	// Path is below which everything is.
	Path = "/misp"
	// MaxBody bounds an event that is handed in, in bytes.
	MaxBody = 8 << 20
	// version is the MISP whose interface this is a part of.
	version   = "2.5.0"
	mediaType = "application/json"
)

// Large are the routes whose bodies may have MaxBody.
var Large = []string{
	"POST " + Path + "/events/add", "POST " + Path + "/events/add/*options",
	"POST " + Path + "/events/edit/:event", "POST " + Path + "/events/edit/:event/*options",
	"POST " + Path + "/events/filterEventIdsForPush", "POST " + Path + "/attributes/add/:event", "POST " + Path + "/sightings/bulkSaveSightings/:event",
	"POST " + Path + "/sightings/filterSightingUuidsForPush/:event",
}

// Store keeps events.
type Store interface {
	PutMISP(ctx context.Context, e *fact.MISPEvent, was int64, objects []fact.STIXObject) (id int64, err error)
	MISPAttributeIDs(ctx context.Context, event int64) (map[string]int64, error)
	DeleteMISP(ctx context.Context, uuid string, was int64, objects []fact.STIXObject) error
	MISPKept(ctx context.Context, uuids []string) (map[string]int64, error)
	MISPNames(ctx context.Context) (orgs, tags []string, err error)
	MISPEvents(ctx context.Context, f *fact.MISPFilter) (list []fact.MISPEvent, total int, err error)
	MISPAttributes(ctx context.Context, f *fact.MISPFilter) ([]fact.MISPAttribute, error)
	AddMISPSightings(ctx context.Context, list []fact.MISPSighting) error
	MISPSightings(ctx context.Context, f *fact.MISPSightingFilter) ([]fact.MISPSighting, error)
	DeleteMISPSighting(ctx context.Context, name string) error
}

// Deps is what the interface needs of the rest of the node.
type Deps struct {
	Organisation string // name of the node's own
	Collection   string // id of that in which what is handed in stands
	Store        Store
	Read         func(ctx context.Context, event []byte) ([]cti.Object, error) // the STIX objects that an event says
	Now          func() time.Time
	// Withdraw withdraws a report that this organisation shared. Problems: denied for
	// that of another.
	Withdraw func(ctx context.Context, report string) error
	// Sight tells who shared a report that this organisation saw what it warns of, once
	// by a name; nobody, when this organisation shared it.
	Sight func(ctx context.Context, name, report string, count int, first, last time.Time) error
}

// API is the MISP interface of a node.
type API struct{ Deps }

// New makes the interface and registers its routes.
func New(r *auth.Router, deps Deps) (*API, error) {
	if deps.Organisation == "" || deps.Collection == "" || deps.Store == nil || deps.Read == nil || deps.Now == nil ||
		deps.Withdraw == nil || deps.Sight == nil {
		return nil, errors.New("the MISP interface lacks a part")
	}
	a := &API{deps}
	a.register(func(method, path string, write bool, h func(*gin.Context) error) {
		right := auth.ThreatsRead
		if write {
			right = auth.ThreatsShare
		}
		r.HandleKey(method, Path+path, right, h)
	})
	return a, nil
}

// Shape is how errors are said below Path.
func Shape() problem.Shape {
	return problem.Shape{Path: Path, MediaType: mediaType, Challenge: `Bearer realm="MISP"`, Body: func(d *problem.Document) []byte {
		faults := map[string][]string{}
		for _, f := range d.Errors {
			faults[f.Location] = append(faults[f.Location], f.Detail)
		}
		m := map[string]any{"name": d.Title, "message": d.Detail, "request": d.Request}
		if len(faults) > 0 {
			m["errors"] = faults
		}
		b, err := json.Marshal(m)
		if err != nil { // strings alone
			panic(err)
		}
		return b
	}}
}

func answer(c *gin.Context, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	c.Data(http.StatusOK, mediaType, b)
	return nil
}

// version says whose interface this is, and what the caller may do with it.
func (a *API) version(c *gin.Context) error {
	share := auth.CallerOf(c.Request.Context()).Role.Has(auth.ThreatsShare)
	return answer(c, map[string]any{
		"version": version, "pymisp_recommended_version": version, "perm_sync": true, "perm_sighting": share,
		"perm_galaxy_editor": false, "perm_analyst_data": false, "request_encoding": []string{}, "filter_sightings": true,
	})
}

// me says who calls: programs ask for it when they begin. There are no accounts here, so
// it names the organisation and the role.
func (a *API) me(c *gin.Context) error {
	who := auth.CallerOf(c.Request.Context())
	share := who.Role.Has(auth.ThreatsShare)
	return answer(c, map[string]any{
		"User": map[string]any{"id": "1", "org_id": "1", "role_id": "1", "email": who.Subject, "disabled": false},
		"Role": map[string]any{
			"id": "1", "name": string(who.Role), "perm_auth": true, "perm_add": share, "perm_modify": share, "perm_modify_org": share,
			"perm_publish": share, "perm_tagger": share, "perm_sighting": share, "perm_sync": share, "perm_admin": false, "perm_site_admin": false,
		},
		"UserSetting":  []any{},
		"Organisation": map[string]any{"id": "1", "name": a.Organisation},
	})
}

package misp

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// What the synchronisation of a MISP server asks for besides events (MISP 2.5,
// ServerSyncTool): before it pushes and pulls, and around both.

// postTest answers with what arrived, by which a server sees whether bodies and headers
// come through.
func (a *API) postTest(c *gin.Context) error {
	m, err := readEvent(c)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{
		"body":    map[string]any{"testString": m.text("testString")},
		"headers": map[string]any{"Accept": c.GetHeader("Accept"), "Content-Type": c.GetHeader("Content-Type"), "Authorization": "OK"},
	})
}

// rules answers with what a server's operator may choose from for what it pulls.
func (a *API) rules(c *gin.Context) error {
	orgs, tags, err := a.Store.MISPNames(c.Request.Context())
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"organisations": append([]string{}, orgs...), "tags": append([]string{}, tags...)})
}

// tags lists the tags that events have.
func (a *API) tags(c *gin.Context) error {
	_, tags, err := a.Store.MISPNames(c.Request.Context())
	if err != nil {
		return err
	}
	out := make([]any, 0, len(tags))
	for i, name := range tags {
		out = append(out, map[string]any{"id": strconv.Itoa(i + 1), "name": name, "exportable": true, "hide_tag": false})
	}
	return answer(c, map[string]any{"Tag": out})
}

// wantedEvents answers with the UUIDs of those events that a server offers and that would
// be taken: what is here and as new is not, nor is what was deleted here.
func (a *API) wantedEvents(c *gin.Context) error {
	list, err := readList(c, "Event")
	if err != nil {
		return err
	}
	uuids := make([]string, 0, len(list))
	for _, one := range list {
		uuids = append(uuids, lower(one.text("uuid")))
	}
	kept, err := a.Store.MISPKept(c.Request.Context(), uuids)
	if err != nil {
		return err
	}
	wanted := []string{}
	for i, one := range list {
		if at, there := kept[uuids[i]]; uuid.MatchString(uuids[i]) && (!there || at < one.seconds("timestamp")) {
			wanted = append(wanted, one.text("uuid"))
		}
	}
	return answer(c, wanted)
}

// hadSightings answers with the UUIDs of those sightings of an event that are here already.
func (a *API) hadSightings(c *gin.Context) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	m, err := decode([]byte(`{"uuids":` + string(body) + `}`))
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	e, err := a.find(ctx, c.Param("event"))
	if err != nil {
		return err
	}
	all, ok := m["uuids"].([]any)
	if !ok || len(all) > maxSightings {
		return ledger.Problemf(ledger.CodeInvalid, "must be a list of at most %d UUIDs", maxSightings)
	}
	asked := make([]said, 0, len(all))
	for _, one := range all {
		var s said
		s.UUID = lower(members{"": one}.text(""))
		asked = append(asked, s)
	}
	known, err := a.knownSightings(ctx, e.UUID, asked)
	if err != nil {
		return err
	}
	had := []string{}
	for i := range asked {
		if known[asked[i].UUID] {
			had = append(had, asked[i].UUID)
		}
	}
	return answer(c, had)
}

// proposals lists what others propose to change in events: here nobody can, they say what
// they think of a report instead.
func (a *API) proposals(c *gin.Context) error { return answer(c, []any{}) }

// register registers the routes of an interface.
func (a *API) register(handle func(method, path string, write bool, h func(*gin.Context) error)) {
	for route, h := range map[string]func(*gin.Context) error{
		"GET /servers/getVersion": a.version, "GET /servers/getPyMISPVersion.json": a.version, "POST /servers/postTest": a.postTest,
		"GET /servers/getAvailableSyncFilteringRules": a.rules, "GET /tags/index": a.tags,
		"GET /users/view/me": a.me, "GET /users/view/me.json": a.me,
		"GET /events/index": a.index, "POST /events/index": a.index, "POST /events/filterEventIdsForPush": a.wantedEvents,
		"GET /events/view/:event": a.show, "POST /events/view/:event": a.show, "HEAD /events/view/:event": a.show,
		"GET /events/view/:event/*options": a.show, "POST /events/view/:event/*options": a.show, "HEAD /events/view/:event/*options": a.show,
		"POST /events/restSearch": a.searchEvents, "POST /attributes/restSearch": a.searchAttributes, "POST /attributes/restSearch.json": a.searchAttributes,
		"GET /attributes/view/:attribute": a.showAttribute, "HEAD /attributes/view/:attribute": a.showAttribute,
		"POST /sightings/restSearch": a.searchSightings, "POST /sightings/restSearch/:context": a.searchSightings,
		"GET /sightings/index": a.listSightings, "POST /sightings/index": a.listSightings, "POST /sightings/listSightings": a.listSightings,
		"GET /sightings/listSightings/:id/:context": a.listSightings, "POST /sightings/listSightings/:id/:context": a.listSightings,
		"POST /sightings/filterSightingUuidsForPush/:event": a.hadSightings,
		"GET /shadow_attributes/index.json":                 a.proposals, "GET /shadow_attributes/index/*options": a.proposals,
	} {
		method, path, _ := strings.Cut(route, " ")
		handle(method, path, false, h)
	}
	for route, h := range map[string]func(*gin.Context) error{
		"POST /events/add": a.add, "POST /events/add/*options": a.add, "POST /events/edit/:event": a.edit, "POST /events/edit/:event/*options": a.edit,
		"POST /events/delete/:event": a.remove, "DELETE /events/delete/:event": a.remove,
		"POST /events/publish/:event": a.publish, "POST /events/unpublish/:event": a.unpublish,
		"POST /attributes/add/:event": a.addAttribute, "POST /attributes/edit/:attribute": a.editAttribute,
		"POST /attributes/delete/:attribute": a.removeAttribute, "DELETE /attributes/delete/:attribute": a.removeAttribute,
		"POST /tags/attachTagToObject": a.attachTag, "POST /tags/removeTagFromObject": a.removeTag,
		"POST /sightings/add": a.addSighting, "POST /sightings/add/:attribute": a.addSighting,
		"POST /sightings/bulkSaveSightings/:event": a.bulkSightings, "POST /sightings/delete/:sighting": a.removeSighting,
	} {
		method, path, _ := strings.Cut(route, " ")
		handle(method, path, true, h)
	}
}

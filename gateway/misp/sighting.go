package misp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	maxSighted   = 100   // attributes that one sighting of a value is of
	maxSource    = 255   // bytes, as in MISP
	maxBulk      = 5_000 // sightings in one request
	maxSightings = 10_000
)

// addSighting says that what an attribute describes was seen, raised a false alarm or
// holds no longer. The attribute is named by the path, by its UUID or id, or by a value,
// which are all that have it.
func (a *API) addSighting(c *gin.Context) error {
	asked, err := readEvent(c)
	if err != nil {
		return err
	}
	for _, below := range []string{"request", "Sighting"} {
		if inner, ok := asked[below].(map[string]any); ok {
			asked = inner
		}
	}
	ctx := c.Request.Context()
	of, err := a.sighted(ctx, c.Param("attribute"), asked)
	if err != nil {
		return err
	}
	list := make([]said, len(of))
	for i := range of {
		if list[i], err = a.say(asked, &of[i]); err != nil {
			return err
		}
		list[i].UUID = newUUID()
	}
	if err := a.keepSightings(ctx, list); err != nil {
		return err
	}
	kept, err := a.Store.MISPSightings(ctx, &fact.MISPSightingFilter{UUIDs: []string{list[len(list)-1].UUID}, Limit: 1, Page: 1})
	if err != nil {
		return err
	}
	if len(kept) == 0 {
		return ledger.Problemf(ledger.CodeNotFound, "the event went meanwhile")
	}
	return done(c, fmt.Sprintf("%d sightings added.", len(list)), map[string]any{"Sighting": a.viewSighting(&kept[0])})
}

// sighted finds the attributes that a sighting is of.
func (a *API) sighted(ctx context.Context, path string, asked members) ([]fact.MISPAttribute, error) {
	f := &fact.MISPFilter{Limit: maxSighted, Page: 1, Literal: true}
	if path == "" {
		path = asked.text("uuid")
	}
	if path == "" {
		path = asked.text("id")
	}
	values, err := []string(nil), error(nil)
	switch {
	case path != "":
		f.Attributes = []string{lower(path)}
	case asked["values"] != nil:
		values, err = texts(asked, "values")
	default:
		values, err = texts(asked, "value")
	}
	if err != nil {
		return nil, err
	}
	f.Values = values
	list, err := a.Store.MISPAttributes(ctx, f)
	if err == nil && len(list) == 0 {
		err = ledger.Problemf(ledger.CodeNotFound, "there is no attribute of that value or name")
	}
	return list, err
}

// texts reads a value or a list of them, each as it stands.
func texts(m members, name string) ([]string, error) {
	all, ok := m[name].([]any)
	if !ok {
		all = []any{m[name]}
	}
	wrong := fault(name, fmt.Sprintf("must be a value, or a list of 1 to %d", maxListed))
	if len(all) == 0 || len(all) > maxListed { // none would stand for all that there are
		return nil, wrong
	}
	list := make([]string, 0, len(all))
	for _, one := range all {
		v := members{"": one}.text("")
		if v == "" {
			return nil, wrong
		}
		list = append(list, v)
	}
	return list, nil
}

// said is a sighting and the report that its event is the form of; empty: of none.
type said struct {
	fact.MISPSighting
	report string
}

// say reads what is said of an attribute.
func (a *API) say(asked members, of *fact.MISPAttribute) (said, error) {
	s := said{report: of.Event.Report, MISPSighting: fact.MISPSighting{
		Event: of.Event.UUID, Attribute: of.UUID, Source: asked.text("source"), Org: a.Organisation,
	}}
	if org, ok := asked["Organisation"].(map[string]any); ok && members(org).text("name") != "" {
		s.Org = members(org).text("name")
	}
	var err error
	if kind := asked.text("type"); kind != "" {
		s.Type, err = strconv.Atoi(kind)
	}
	now := a.Now().Unix()
	for _, name := range []string{"date_sighting", "timestamp"} {
		if s.Date == 0 {
			s.Date = asked.seconds(name)
		}
	}
	if s.Date == 0 {
		s.Date = now
	}
	switch {
	case err != nil || s.Type < fact.MISPSeen || s.Type > fact.MISPExpiration:
		return s, fault("type", "must be 0 (seen), 1 (false positive) or 2 (holds no longer)")
	case len(s.Source) > maxSource || len(s.Org) > maxSource:
		return s, fault("source", fmt.Sprintf("must have at most %d bytes", maxSource))
	case s.Type != fact.MISPExpiration && s.Date > now+int64(skew/time.Second):
		return s, fault("timestamp", "must not be to come")
	}
	return s, nil
}

// skew is by how much another program's clock may be ahead.
const skew = 2 * time.Minute

// keepSightings keeps what was said, and tells who shared a report what this organisation
// saw of it: how often and when, and nothing else. It is told first, under a name that
// follows from the sightings, so that a request that is sent again tells it once.
func (a *API) keepSightings(ctx context.Context, list []said) error {
	type count struct {
		n           int
		first, last int64
		uuids       []string
	}
	seen := map[string]*count{}
	keep := make([]fact.MISPSighting, len(list))
	for i := range list {
		s := &list[i]
		keep[i] = s.MISPSighting
		if s.report == "" || s.Type != fact.MISPSeen || s.Org != a.Organisation {
			continue
		}
		k := seen[s.report]
		if k == nil {
			k = &count{first: s.Date, last: s.Date}
			seen[s.report] = k
		}
		k.n, k.first, k.last, k.uuids = k.n+1, min(k.first, s.Date), max(k.last, s.Date), append(k.uuids, s.UUID)
	}
	for report, k := range seen {
		slices.Sort(k.uuids)
		name := sha256.Sum256([]byte("secant/misp/sighting/v1 " + strings.Join(k.uuids, " ")))
		if err := a.Sight(ctx, hex.EncodeToString(name[:]), report, k.n, time.Unix(k.first, 0), time.Unix(k.last, 0)); err != nil {
			return err
		}
	}
	return a.Store.AddMISPSightings(ctx, keep)
}

// bulkSightings takes what another server hands over of an event's attributes. What
// another organisation said there is kept, and not told as this one's.
func (a *API) bulkSightings(c *gin.Context) error {
	list, err := readList(c, "Sighting")
	if err != nil {
		return err
	}
	if len(list) > maxBulk {
		return ledger.Problemf(ledger.CodeTooLarge, "a request has at most %d sightings", maxBulk)
	}
	ctx := c.Request.Context()
	e, err := a.find(ctx, c.Param("event"))
	if err != nil {
		return err
	}
	attributes, err := a.Store.MISPAttributeIDs(ctx, e.ID)
	if err != nil {
		return err
	}
	var fresh []said
	for i, one := range list {
		id, of := lower(one.text("uuid")), lower(one.text("attribute_uuid"))
		if attributes[of] == 0 {
			continue // the attribute was deleted here, or never came
		}
		if !uuid.MatchString(id) {
			return fault(fmt.Sprintf("Sighting[%d].uuid", i), "must be a UUID")
		}
		s, err := a.say(one, &fact.MISPAttribute{UUID: of, Event: *e})
		if err != nil {
			return err
		}
		s.UUID = id
		fresh = append(fresh, s)
	}
	known, err := a.knownSightings(ctx, e.UUID, fresh)
	if err != nil {
		return err
	}
	fresh = slices.DeleteFunc(fresh, func(s said) bool {
		again := known[s.UUID]
		known[s.UUID] = true
		return again
	})
	if len(fresh) == 0 {
		return answer(c, map[string]any{"saved": false, "success": "No sightings added."})
	}
	if err := a.keepSightings(ctx, fresh); err != nil {
		return err
	}
	return answer(c, map[string]any{"saved": true, "success": fmt.Sprintf("%d sightings added.", len(fresh))})
}

// knownSightings says which of some are here, by UUID.
func (a *API) knownSightings(ctx context.Context, event string, list []said) (map[string]bool, error) {
	known := map[string]bool{}
	for part := range slices.Chunk(list, 500) {
		var uuids []string
		for i := range part {
			uuids = append(uuids, part[i].UUID)
		}
		some, err := a.Store.MISPSightings(ctx, &fact.MISPSightingFilter{UUIDs: uuids, Events: []string{event}, Limit: len(uuids), Page: 1})
		if err != nil {
			return nil, err
		}
		for i := range some {
			known[some[i].UUID] = true
		}
	}
	return known, nil
}

// removeSighting deletes a sighting. What a sharer was told of it stays told.
func (a *API) removeSighting(c *gin.Context) error {
	if err := a.Store.DeleteMISPSighting(c.Request.Context(), lower(c.Param("sighting"))); err != nil {
		return err
	}
	return done(c, "Sighting deleted.", nil)
}

// listSightings lists what was said of an event or an attribute, or of all.
func (a *API) listSightings(c *gin.Context) error {
	asked := members{}
	if c.Request.Method == http.MethodPost {
		body, err := readBody(c)
		if err != nil {
			return err
		}
		if len(strings.TrimSpace(string(body))) > 0 {
			if asked, err = decode(body); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"id", "context"} {
		if v := c.Param(name); v != "" {
			asked[name] = v
		}
	}
	out, err := a.sightings(c, asked, asked.text("context"))
	if err != nil {
		return err
	}
	return answer(c, out)
}

// searchSightings finds sightings (MISP's sightings/restSearch).
func (a *API) searchSightings(c *gin.Context) error {
	asked, err := readEvent(c)
	if err != nil {
		return err
	}
	if inner, ok := asked["request"].(map[string]any); ok {
		asked = inner
	}
	out, err := a.sightings(c, asked, c.Param("context"))
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"response": out})
}

// sightings reads what is asked for, and finds it. What is not understood is refused.
func (a *API) sightings(c *gin.Context, asked members, context string) ([]any, error) {
	f, err := a.sightingFilter(asked, context)
	if err != nil {
		return nil, err
	}
	list, err := a.Store.MISPSightings(c.Request.Context(), f)
	if err != nil {
		return nil, err
	}
	out := make([]any, 0, len(list))
	for i := range list {
		out = append(out, map[string]any{"Sighting": a.viewSighting(&list[i])})
	}
	return out, nil
}

func (a *API) sightingFilter(asked members, context string) (f *fact.MISPSightingFilter, err error) {
	f = &fact.MISPSightingFilter{Limit: maxSightings, Page: 1}
	var names []string
	for name, v := range asked {
		if v == nil || err != nil {
			continue
		}
		switch name {
		case "returnFormat", "includeUuid", "includeAttribute", "includeEvent", "context", "org_id":
			// what is always there; and here is one organisation
		case "id", "uuid":
			var some []string
			some, err = texts(asked, name)
			for _, one := range some {
				names = append(names, lower(one))
			}
		case "type":
			n, bad := strconv.Atoi(asked.text(name))
			if bad != nil {
				return nil, fault(name, "must be 0, 1 or 2")
			}
			f.Type = &n
		case "source":
			f.Source = asked.text(name)
		case "from", "to", "last":
			if asked.text(name) == "0" {
				continue
			}
			var first, second int64
			if first, second, err = a.since(asked, name); name == "to" {
				f.To = first
			} else {
				f.From, f.To = first, max(f.To, second)
			}
		case "limit", "page":
			n, bad := strconv.Atoi(asked.text(name))
			if bad != nil || n < 1 || n > maxSightings {
				return nil, fault(name, fmt.Sprintf("must be a number from 1 to %d", maxSightings))
			}
			if name == "page" {
				f.Page = n
			} else {
				f.Limit = n
			}
		default:
			return nil, fault(name, "is not understood here")
		}
	}
	if err != nil {
		return nil, err
	}
	switch {
	case context == "attribute":
		f.Attributes = names
	case context == "event":
		f.Events = names
	case context != "":
		return nil, fault("context", "must be attribute or event")
	default:
		f.UUIDs = names
	}
	return f, nil
}

func (a *API) viewSighting(s *fact.MISPSighting) map[string]any {
	return map[string]any{
		"id": strconv.FormatInt(s.ID, 10), "uuid": s.UUID, "event_id": strconv.FormatInt(s.EventID, 10), "event_uuid": s.Event,
		"attribute_id": strconv.FormatInt(s.AttributeID, 10), "attribute_uuid": s.Attribute, "type": strconv.Itoa(s.Type),
		"date_sighting": strconv.FormatInt(s.Date, 10), "source": s.Source, "org_id": "1", "Organisation": map[string]any{"id": "1", "name": s.Org},
	}
}

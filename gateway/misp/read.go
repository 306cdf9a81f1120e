package misp

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// find returns an event by its UUID or its id at this node. Problems: not_found.
func (a *API) find(ctx context.Context, id string) (*fact.MISPEvent, error) {
	list, _, err := a.Store.MISPEvents(ctx, &fact.MISPFilter{UUIDs: []string{strings.ToLower(id)}, Limit: 1, Page: 1, Bodies: true})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such event")
	}
	return &list[0], nil
}

// show answers with an event.
func (a *API) show(c *gin.Context) error {
	e, err := a.find(c.Request.Context(), c.Param("event"))
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		c.Status(http.StatusOK)
		return nil
	}
	deleted := strings.Contains(c.Param("options"), "deleted:") || strings.Contains(c.Param("options"), "deleted[]:1")
	if c.Request.Method == http.MethodPost {
		asked, err := readEvent(c)
		if err != nil {
			return err
		}
		_, deleted = asked["deleted"]
	}
	doc, err := a.view(c.Request.Context(), e, false, deleted)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"Event": doc})
}

// view is an event as this node says it: with its id here and those of its attributes, and
// without what was deleted of it unless that is asked for.
func (a *API) view(ctx context.Context, e *fact.MISPEvent, metadata, deleted bool) (members, error) {
	m, err := decode(e.Body)
	if err != nil {
		return nil, err
	}
	id := strconv.FormatInt(e.ID, 10)
	m["id"] = id
	if metadata {
		delete(m, "Attribute")
		delete(m, "Object")
		return m, nil
	}
	ids, err := a.Store.MISPAttributeIDs(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	kept := func(list []members) []any {
		out := []any{}
		for _, one := range list {
			if deleted || !one.flag("deleted") {
				one["event_id"], one["deleted"] = id, one.flag("deleted")
				if n := ids[strings.ToLower(one.text("uuid"))]; n != 0 {
					one["id"] = strconv.FormatInt(n, 10)
				}
				out = append(out, map[string]any(one))
			}
		}
		return out
	}
	m["Attribute"] = kept(m.list("Attribute"))
	for _, o := range m.list("Object") {
		o["Attribute"] = kept(o.list("Attribute"))
	}
	m["Object"] = kept(m.list("Object"))
	return m, nil
}

// index lists events without what they hold. What a server's rules for pulling leave is
// asked for with bars between tags and between organisations.
func (a *API) index(c *gin.Context) error {
	f, asked, err := a.filter(c, 1_000, "tag", "org")
	if err != nil {
		return err
	}
	list, total, err := a.Store.MISPEvents(c.Request.Context(), f)
	if err != nil {
		return err
	}
	out := make([]any, 0, len(list))
	for i := range list {
		if asked.flag("minimal") {
			e := &list[i]
			out = append(out, map[string]any{
				"uuid": e.UUID, "timestamp": strconv.FormatInt(e.Timestamp, 10), "published": e.Published,
				"sighting_timestamp": strconv.FormatInt(e.Sighted, 10),
			})
			continue
		}
		out = append(out, summary(&list[i]))
	}
	c.Header("X-Result-Count", strconv.Itoa(total))
	return answer(c, out)
}

func summary(e *fact.MISPEvent) map[string]any {
	return map[string]any{
		"id": strconv.FormatInt(e.ID, 10), "uuid": e.UUID, "info": e.Info, "date": e.Date, "published": e.Published,
		"timestamp": strconv.FormatInt(e.Timestamp, 10), "publish_timestamp": strconv.FormatInt(e.PublishedAt, 10),
		"threat_level_id": strconv.Itoa(e.ThreatLevel), "attribute_count": strconv.Itoa(e.Count), "analysis": "0", "distribution": "0",
		"Orgc": map[string]any{"name": e.Orgc},
	}
}

// searchEvents finds events by what is in them.
func (a *API) searchEvents(c *gin.Context) error {
	f, asked, err := a.filter(c, 100)
	if err != nil {
		return err
	}
	f.Bodies = true
	list, total, err := a.Store.MISPEvents(c.Request.Context(), f)
	if err != nil {
		return err
	}
	out := make([]any, 0, len(list))
	for i := range list {
		doc, err := a.view(c.Request.Context(), &list[i], asked.flag("metadata"), asked.flag("deleted"))
		if err != nil {
			return err
		}
		out = append(out, map[string]any{"Event": doc})
	}
	c.Header("X-Result-Count", strconv.Itoa(total))
	return answer(c, map[string]any{"response": out})
}

// searchAttributes finds attributes.
func (a *API) searchAttributes(c *gin.Context) error {
	f, _, err := a.filter(c, 1_000)
	if err != nil {
		return err
	}
	list, err := a.Store.MISPAttributes(c.Request.Context(), f)
	if err != nil {
		return err
	}
	out := make([]any, 0, len(list))
	for i := range list {
		m, err := viewAttribute(&list[i])
		if err != nil {
			return err
		}
		out = append(out, m)
	}
	return answer(c, map[string]any{"response": map[string]any{"Attribute": slices.Clip(out)}})
}

// viewAttribute is an attribute by itself, with what it is of.
func viewAttribute(a *fact.MISPAttribute) (members, error) {
	m, err := decode(a.Doc)
	if err != nil {
		return nil, err
	}
	m["id"], m["event_id"] = strconv.FormatInt(a.ID, 10), strconv.FormatInt(a.Event.ID, 10)
	m["Event"] = map[string]any{"id": m["event_id"], "uuid": a.Event.UUID, "info": a.Event.Info}
	return m, nil
}

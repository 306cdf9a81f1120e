package misp

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// findAttribute returns an attribute by its UUID or its id at this node. Problems:
// not_found.
func (a *API) findAttribute(ctx context.Context, id string) (*fact.MISPAttribute, error) {
	list, err := a.Store.MISPAttributes(ctx, &fact.MISPFilter{Attributes: []string{lower(id)}, Limit: 1, Page: 1})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such attribute")
	}
	return &list[0], nil
}

// showAttribute answers with an attribute.
func (a *API) showAttribute(c *gin.Context) error {
	one, err := a.findAttribute(c.Request.Context(), c.Param("attribute"))
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		c.Status(http.StatusOK)
		return nil
	}
	m, err := viewAttribute(one)
	if err != nil {
		return err
	}
	return answer(c, map[string]any{"Attribute": m})
}

// addAttribute adds an attribute, or a list of them, to an event.
func (a *API) addAttribute(c *gin.Context) error {
	list, err := readList(c, "Attribute")
	if err != nil {
		return err
	}
	for _, one := range list {
		if one.text("uuid") == "" {
			one["uuid"] = newUUID()
		}
	}
	ctx := c.Request.Context()
	if _, err := a.change(ctx, c.Param("event"), func(m members) (members, error) {
		all, _ := m["Attribute"].([]any)
		for _, one := range list {
			all = append(all, map[string]any(one))
		}
		m["Attribute"] = all
		return m, nil
	}); err != nil {
		return err
	}
	return a.answerAttributes(c, list)
}

// answerAttributes answers with attributes as they are kept: one as an object, more as a
// list.
func (a *API) answerAttributes(c *gin.Context, list []members) error {
	out := make([]any, 0, len(list))
	for _, one := range list {
		kept, err := a.findAttribute(c.Request.Context(), one.text("uuid"))
		if err != nil {
			return err
		}
		m, err := viewAttribute(kept)
		if err != nil {
			return err
		}
		out = append(out, m)
	}
	if len(out) == 1 {
		return answer(c, map[string]any{"Attribute": out[0]})
	}
	return answer(c, map[string]any{"Attribute": out})
}

// editAttribute changes what is said of an attribute.
func (a *API) editAttribute(c *gin.Context) error {
	list, err := readList(c, "Attribute")
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fault("Attribute", "must be one attribute")
	}
	id, err := a.changeAttribute(c.Request.Context(), c.Param("attribute"), func(one members) error {
		for name, v := range list[0] {
			switch name {
			case "id", "uuid", "event_id", "object_id", "Event", "timestamp":
			default:
				one[name] = v
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.answerAttributes(c, []members{{"uuid": id}})
}

// removeAttribute deletes an attribute: as in MISP it stays in its event, marked as deleted,
// so that who pulls the event learns of it.
func (a *API) removeAttribute(c *gin.Context) error {
	if _, err := a.changeAttribute(c.Request.Context(), c.Param("attribute"), func(one members) error {
		one["deleted"] = true
		return nil
	}); err != nil {
		return err
	}
	return done(c, "Attribute deleted.", nil)
}

// changeAttribute has edit change an attribute in a newer edition of its event. It returns
// its UUID.
func (a *API) changeAttribute(ctx context.Context, id string, edit func(one members) error) (string, error) {
	kept, err := a.findAttribute(ctx, id)
	if err != nil {
		return "", err
	}
	_, err = a.change(ctx, kept.Event.UUID, func(m members) (members, error) {
		one := attributeOf(m, kept.UUID)
		if one == nil {
			return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such attribute")
		}
		delete(one, "timestamp") // it is that of the edition
		return m, edit(one)
	})
	return kept.UUID, err
}

// attributeOf finds an attribute in an event, nil: it has none of that UUID.
func attributeOf(m members, id string) members {
	for _, all := range append([]members{m}, m.list("Object")...) {
		for _, one := range all.list("Attribute") {
			if lower(one.text("uuid")) == id && !one.flag("deleted") {
				return one
			}
		}
	}
	return nil
}

// readList reads one object or a list of them, each by itself or below a name.
func readList(c *gin.Context, below string) ([]members, error) {
	body, err := readBody(c)
	if err != nil {
		return nil, err
	}
	return decodeList(body, below)
}

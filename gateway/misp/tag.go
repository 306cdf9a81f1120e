package misp

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	maxTag    = 255 // bytes, as in MISP
	maxTagged = 200 // tags of one event or attribute
)

// attachTag gives an event or an attribute a tag.
func (a *API) attachTag(c *gin.Context) error {
	return a.tag(c, "Tag added.", func(tags []any, name string, asked members) ([]any, error) {
		if slices.ContainsFunc(tags, named(name)) {
			return tags, nil
		}
		if len(tags) >= maxTagged {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "it has %d tags: no more fit", maxTagged)
		}
		tag := map[string]any{"name": name}
		if asked.flag("local") {
			tag["local"] = true
		}
		return append(tags, tag), nil
	})
}

// removeTag takes a tag from an event or an attribute.
func (a *API) removeTag(c *gin.Context) error {
	return a.tag(c, "Tag removed.", func(tags []any, name string, _ members) ([]any, error) {
		return slices.DeleteFunc(tags, named(name)), nil
	})
}

// named tells a tag by its name, as MISP does without regard to case.
func named(name string) func(any) bool {
	return func(one any) bool {
		tag, ok := one.(map[string]any)
		return ok && strings.EqualFold(members(tag).text("name"), name)
	}
}

// tag has edit change the tags of what a request names by its UUID.
func (a *API) tag(c *gin.Context, message string, edit func(tags []any, name string, asked members) ([]any, error)) error {
	asked, err := readEvent(c)
	if err != nil {
		return err
	}
	if inner, ok := asked["request"].(map[string]any); ok {
		asked = inner
	}
	name := asked.text("tag")
	if name == "" || len(name) > maxTag || strings.ContainsFunc(name, unicode.IsControl) {
		return fault("tag", fmt.Sprintf("must be the name of a tag, at most %d bytes without control characters", maxTag))
	}
	of := lower(asked.text("uuid"))
	if !uuid.MatchString(of) {
		return fault("uuid", "must be that of an event or an attribute")
	}
	change := func(one members) error {
		tags, _ := one["Tag"].([]any)
		tags, err := edit(slices.Clone(tags), name, asked)
		one["Tag"] = tags
		return err
	}
	ctx := c.Request.Context()
	_, err = a.change(ctx, of, func(m members) (members, error) { return m, change(m) })
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		_, err = a.changeAttribute(ctx, of, change)
	}
	if err != nil {
		return err
	}
	return done(c, message, nil)
}

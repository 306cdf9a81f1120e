package misp

import (
	"maps"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// remove deletes an event: one that was handed in goes, and does not come back by another
// server's synchronisation; a report that this organisation shared is withdrawn on the
// ledger, for everybody. That of another is its own.
func (a *API) remove(c *gin.Context) error {
	ctx := c.Request.Context()
	for range maxTries {
		was, err := a.find(ctx, c.Param("event"))
		if err != nil {
			return err
		}
		if was.Report != "" {
			if err := a.Withdraw(ctx, was.Report); err != nil {
				return err
			}
			return done(c, "Event withdrawn.", nil)
		}
		gone, err := a.revoked(ctx, was, nil, max(a.Now().Unix(), was.Timestamp+1))
		if err != nil {
			return err
		}
		err = a.Store.DeleteMISP(ctx, was.UUID, was.Timestamp, gone)
		if err == nil {
			return done(c, "Event deleted.", nil)
		}
		if ledger.CodeOf(err) != ledger.CodeConflict {
			return err
		}
	}
	return ledger.Problemf(ledger.CodeBusy, "the event is edited all the time: try again")
}

// publish and unpublish say whether other servers' synchronisation pulls an event.
func (a *API) publish(c *gin.Context) error   { return a.published(c, true) }
func (a *API) unpublish(c *gin.Context) error { return a.published(c, false) }

func (a *API) published(c *gin.Context, published bool) error {
	_, err := a.change(c.Request.Context(), c.Param("event"), func(m members) (members, error) {
		m["published"] = published
		if published {
			m["publish_timestamp"] = strconv.FormatInt(a.Now().Unix(), 10)
		}
		return m, nil
	})
	if err != nil {
		return err
	}
	if published {
		return done(c, "Event published.", nil)
	}
	return done(c, "Event unpublished.", nil)
}

// done answers that something was done, as MISP says it.
func done(c *gin.Context, message string, more map[string]any) error {
	m := map[string]any{"saved": true, "success": true, "name": message, "message": message, "url": c.Request.URL.Path}
	maps.Copy(m, more)
	return answer(c, m)
}

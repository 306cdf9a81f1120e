package oid4

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/desk"
)

// PathStatus is where an issuer's status lists are served, below the node's public
// address.
const PathStatus = "/status/"

// The media types of the two forms of a status list (draft-ietf-oauth-status-list,
// section 8.1; Bitstring Status List 1.0, section 2.2).
const (
	typeTokenList = "application/statuslist+jwt"
	typeBitstring = "application/vc"
)

// Lists finds an issuer's status lists as they are published now.
type Lists interface {
	List(ctx context.Context, name string) (*desk.Edition, error)
}

// Status serves an issuer's status lists.
type Status struct{ lists Lists }

// NewStatus makes the handler.
func NewStatus(lists Lists) *Status { return &Status{lists} }

// Register registers the route.
func (s *Status) Register(r *auth.Router) {
	r.Handle(http.MethodGet, PathStatus+":list", auth.Anonymous, s.list)
}

func (s *Status) list(c *gin.Context) error {
	name := c.Param("list")
	e, err := s.lists.List(c.Request.Context(), name)
	if err != nil {
		return err
	}
	media := typeBitstring
	if !strings.Contains(name, "-") {
		media = typeTokenList
	}
	h := c.Writer.Header()
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(desk.EditionTTL/time.Second)))
	h.Set("ETag", `"`+e.Digest+`"`)
	// Anyone's page may read it: there is nothing in it that is not public.
	h.Set("Access-Control-Allow-Origin", "*")
	c.Data(http.StatusOK, media, e.Body)
	return nil
}

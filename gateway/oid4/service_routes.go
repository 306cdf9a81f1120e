package oid4

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// PathServices is where programs are told how they sign in.
const PathServices = "/.well-known/smart-configuration"

// Services lets programs sign in with their own keys (OAuth's client credentials by
// private_key_jwt; SMART App Launch 2.2, "Backend Services").
type Services interface {
	Service(r *http.Request, form url.Values) (*session.ServiceGrant, error)
	Describe() map[string]any
}

// RegisterServices registers the routes by which programs sign in.
func RegisterServices(r *auth.Router, s Services) {
	r.Handle(http.MethodGet, PathServices, auth.Anonymous, func(c *gin.Context) error {
		return answer(c, http.StatusOK, s.Describe())
	})
	r.Handle(http.MethodPost, session.TokenEndpoint, auth.Anonymous, func(c *gin.Context) error { return serviceToken(c, s) })
}

// serviceToken is the token endpoint (RFC 6749, section 4.4).
func serviceToken(c *gin.Context, s Services) error {
	form, err := readForm(c)
	if refused, is := errors.AsType[*oid4vci.Error](err); is {
		return refuse(c, err, refused.Status, fault{refused.Code, refused.Description})
	}
	if err != nil {
		return fail(c, err)
	}
	g, err := s.Service(c.Request, form)
	if refused, is := errors.AsType[*session.OAuthError](err); is {
		status := http.StatusBadRequest
		if refused.Code == session.CodeInvalidClient {
			status = http.StatusUnauthorized
		}
		return refuse(c, err, status, fault{refused.Code, refused.Description})
	}
	if err != nil {
		return fail(c, err)
	}
	return answer(c, http.StatusOK, struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Life  int    `json:"expires_in"` // seconds
		Scope string `json:"scope"`
	}{g.AccessToken, g.TokenType, int(g.Life.Seconds()), g.Scope})
}

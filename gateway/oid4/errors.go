package oid4

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/gateway/problem"
)

// fault is the body of an error of OAuth's family (RFC 6749, section 5.2).
type fault struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// refuse answers a request with an error of the protocol's. The error itself goes
// to c.Errors, for the log.
func refuse(c *gin.Context, err error, status int, f fault) error {
	_ = c.Error(err)
	return answer(c, status, f)
}

// fail answers with what is no error of the protocol's, of which the caller learns
// only whether to try again.
func fail(c *gin.Context, err error) error {
	d := problem.Of(err)
	f := fault{Code: "server_error"}
	switch {
	case d.Status < http.StatusInternalServerError:
		f.Code = "invalid_request"
	case d.RetryAfter > 0:
		f.Code = "temporarily_unavailable"
	}
	d.SetHeaders(c.Writer.Header()) // Retry-After above all
	return refuse(c, err, d.Status, f)
}

// answer writes a JSON body that nobody may keep.
func answer(c *gin.Context, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	c.Data(status, "application/json", b)
	return nil
}

package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// Write answers a request with the problem document of err and ends it. The
// error itself goes to c.Errors, for the log. When an answer has begun already,
// the connection is broken off, so that half an answer is not taken for a whole.
func Write(c *gin.Context, err error) {
	_ = c.Error(err)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	d := Of(err)
	d.Request = c.Writer.Header().Get(RequestID)
	b, encodeErr := json.Marshal(d)
	if encodeErr != nil { // a document is plain strings and numbers
		panic(encodeErr)
	}
	d.SetHeaders(c.Writer.Header())
	c.Writer.WriteHeader(d.Status)
	_, _ = c.Writer.Write(append(b, '\n')) // the caller may have left
	c.Abort()
}

// SetHeaders sets the headers that belong to the document.
func (d *Document) SetHeaders(h http.Header) {
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	h.Del("Content-Encoding")
	if d.Code == CodeUnauthenticated {
		h.Set("WWW-Authenticate", `Bearer, DPoP algs="ES256 EdDSA"`) // RFC 9449, section 7.1
	}
	if d.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((d.RetryAfter+time.Second-1)/time.Second), 10))
	}
}

// Handler adapts a handler that returns its error.
func Handler(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			Write(c, err)
		}
	}
}

package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
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
	media, body, challenge := MediaType, encode, ""
	if s, ok := c.Value(shapeKey).(*Shape); ok {
		media, body, challenge = s.MediaType, s.Body, s.Challenge
	}
	b := body(d)
	d.SetHeaders(c.Writer.Header())
	c.Writer.Header().Set("Content-Type", media)
	if challenge != "" && d.Code == CodeUnauthenticated {
		c.Writer.Header().Add("WWW-Authenticate", challenge)
	}
	c.Writer.WriteHeader(d.Status)
	_, _ = c.Writer.Write(append(b, '\n')) // the caller may have left
	c.Abort()
}

func encode(d *Document) []byte {
	b, err := json.Marshal(d)
	if err != nil { // a document is plain strings and numbers
		panic(err)
	}
	return b
}

// Shape is how a protocol that has an error body of its own says what a document
// says. It holds for every request below a path, also where no handler of the
// protocol's is come to.
type Shape struct {
	Path      string // as /fhir
	MediaType string
	Body      func(*Document) []byte
	Challenge string // besides that of tokens, to whoever is not known; empty: none
}

// Shaped has what is wrong with requests said in the shape of their path.
func Shaped(shapes []Shape) gin.HandlerFunc {
	return func(c *gin.Context) {
		for i := range shapes {
			s := &shapes[i]
			if rest, ok := strings.CutPrefix(c.Request.URL.Path, s.Path); ok && (rest == "" || rest[0] == '/') {
				c.Set(shapeKey, s)
			}
		}
	}
}

const shapeKey = "secant.problem.shape"

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

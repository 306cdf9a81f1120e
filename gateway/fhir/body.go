package fhir

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/gateway/problem"
)

// readCloser reads one and closes the other.
type readCloser struct {
	io.Reader
	io.Closer
}

// body reads the body of a request, which is JSON. The server has bounded it.
func (a *API) body(c *gin.Context) ([]byte, error) {
	media, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	charset := params["charset"]
	if err != nil || media != MediaType && media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, problem.MediaTypes(MediaType)
	}
	if v := params["fhirversion"]; v != "" && v != "4.0" {
		return nil, problem.MediaTypes(MediaType + "; fhirVersion=4.0")
	}
	if e := c.GetHeader("Content-Encoding"); e != "" && e != "identity" {
		return nil, problem.Encoding()
	}
	var b bytes.Buffer
	if n := c.Request.ContentLength; n > 0 {
		b.Grow(int(min(n, 1<<20)) + bytes.MinRead) // a promise of more is not believed before it comes
	}
	if _, err := b.ReadFrom(c.Request.Body); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
		return nil, problem.Malformed("", "must come to its end, and be what was signed")
	}
	if b.Len() == 0 {
		return nil, problem.Malformed("", "must have a body")
	}
	return b.Bytes(), nil
}

// acceptable refuses who takes no JSON (FHIR R4, section 3.1.0.1.11).
func acceptable(r *http.Request, query url.Values) error {
	if f := query.Get("_format"); f != "" {
		// A plus that was not escaped is read as a space.
		if !slices.Contains([]string{"json", "application/json", MediaType, "application/fhir json"}, f) {
			return problem.NotAcceptable()
		}
		return nil
	}
	accept := r.Header.Values("Accept")
	if len(accept) == 0 {
		return nil
	}
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, _, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err == nil && slices.Contains([]string{"*/*", "application/*", "application/json", MediaType}, media) {
			return nil
		}
	}
	return problem.NotAcceptable()
}

func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Host
}

// bases are the addresses below which a reference is to something here.
func (a *API) bases(*http.Request) []string {
	all := make([]string, len(a.Bases))
	for i, b := range a.Bases {
		all[i] = b + Path
	}
	return all
}

package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

const typeJSON = "application/json"

// maxValues bounds the values in a JSON body that huma decodes.
const maxValues = 10_000

// checkBody reads the JSON body of a request, refuses what huma would let
// through, and puts it back for huma to decode.
func checkBody(c *gin.Context, depth int) error {
	if _, err := contentType(c, typeJSON); err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	limits := strictjson.Limits{Bytes: ledger.MaxRequest, Depth: depth, Values: maxValues}
	if err := strictjson.Check("the body", body, limits); err != nil {
		return unread(err)
	}
	if odd(body) {
		return invalid(ledger.Fault{Field: "body", Detail: "must have no other properties than those that are documented"})
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// odd reports whether an object in the text has a name that no object of ours
// has. Huma joins names with dots, and a dot within one would lead it astray
// from there on.
func odd(text []byte) bool {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return false // huma says what is wrong with it
	}
	return oddNames(v)
}

func oddNames(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if strings.ContainsFunc(name, notInNames) || oddNames(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, oddNames)
	}
	return false
}

func notInNames(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
}

// unread turns what is wrong with a text's form into the answer to that.
func unread(err error) error {
	if p, ok := errors.AsType[*ledger.Problem](err); ok && p.Code == ledger.CodeInvalid {
		return problem.Malformed("body", p.Detail)
	}
	return err
}

// inBody says that the faults of a problem are the body's, or those of the
// headers that describe it.
func inBody(err error) error {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok || (p.Code != ledger.CodeInvalid && p.Code != ledger.CodeTooLarge) {
		return err
	}
	placed := &ledger.Problem{Code: p.Code, Detail: p.Detail}
	for _, f := range p.Faults {
		switch {
		case f.Field == "Content-Type" || f.Field == "Content-Encoding":
			f.Field = "header." + f.Field
		case strings.HasPrefix(f.Field, "["):
			f.Field = "body" + f.Field
		case f.Field != "body":
			f.Field = "body." + f.Field
		}
		placed.Faults = append(placed.Faults, f)
	}
	if len(p.Faults) == 0 {
		placed.Faults = []ledger.Fault{{Field: "body", Detail: p.Detail}}
	}
	return placed
}

// contentType returns the media type of the body, which must be one of taken
// and not encoded.
func contentType(c *gin.Context, taken ...string) (string, error) {
	if e := c.GetHeader("Content-Encoding"); e != "" && e != "identity" {
		return "", problem.Encoding()
	}
	return mediaType(c, taken...)
}

// mediaType returns the media type of the body, which must be one of taken.
// Parameters are compared where taken has them, and otherwise only charset=utf-8
// is let through.
func mediaType(c *gin.Context, taken ...string) (string, error) {
	got, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || len(c.Request.Header.Values("Content-Type")) != 1 {
		return "", problem.MediaTypes(taken...)
	}
	for _, t := range taken {
		want, wanted, err := mime.ParseMediaType(t)
		if err != nil {
			return "", fmt.Errorf("reading a media type of ours: %w", err)
		}
		if got == want && fits(params, wanted) {
			return t, nil
		}
	}
	return "", problem.MediaTypes(taken...)
}

func fits(params, wanted map[string]string) bool {
	for name, value := range params {
		if w, ok := wanted[name]; ok && w == value {
			continue
		}
		if name == "charset" && (value == "utf-8" || value == "UTF-8") {
			continue
		}
		return false
	}
	return true
}

// readBody reads a body that the server has bounded.
func readBody(c *gin.Context) ([]byte, error) {
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return nil, nil
	}
	var b bytes.Buffer
	if n := c.Request.ContentLength; n > 0 {
		b.Grow(int(min(n, 1<<20)) + bytes.MinRead) // a promise of more is not believed before it comes
	}
	if _, err := b.ReadFrom(c.Request.Body); err != nil {
		return nil, bodyError(err)
	}
	return b.Bytes(), nil
}

// bodyError tells what went wrong with a body that did not come to its end. Only
// its sender can have broken it.
func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return problem.Malformed("body", "must come to its end")
}

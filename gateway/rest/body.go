package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"

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
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// unread turns what is wrong with a text's form into the answer to that.
func unread(err error) error {
	if p, ok := errors.AsType[*ledger.Problem](err); ok && p.Code == ledger.CodeInvalid {
		return problem.Malformed("body", p.Detail)
	}
	return err
}

// inBody names the body as the place of a problem that has no faults.
func inBody(err error) error {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok || len(p.Faults) > 0 {
		return err
	}
	return &ledger.Problem{Code: p.Code, Detail: p.Detail, Faults: []ledger.Fault{{Field: "body", Detail: p.Detail}}}
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

// jsonNames lists the names of a struct's properties.
func jsonNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := jsonName(t.Field(i)); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func jsonName(f reflect.StructField) string {
	tag := f.Tag.Get("json")
	for i := range tag {
		if tag[i] == ',' {
			return tag[:i]
		}
	}
	return tag
}

package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzJSONIsReadAsByTheStandardLibrary: what is read, and what is refused, is the same
// as by the tokens of encoding/json, which is slower.
func FuzzJSONIsReadAsByTheStandardLibrary(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, ` { "a" : [ 1 , -2.5e+3 , true , false , null , "x" ] , "b" : { } } `, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
		`{"":""}`, `"\ud800"`, `"\ud83d\ude00 \" \\ \/ \n"`, `{"a":{"b":{"c":1}}}`, `[[[[[[[[[[1]]]]]]]]]]`, `1`, ` 1 `, `1 2`, `{"a":1}x`, ``, ` `, `{"a"}`, `[1,]`,
		"\"\xff\"", `{"a":0}`, `[0,-0,1E5]`, "[\t1\r\n]", `nul`, strings.Repeat("[", 20),
	} {
		f.Add([]byte(s), 8)
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, depth int) {
		got, err := parseNested(b, depth)
		want, wantErr := byTokens(b, depth)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q to depth %d: %v, by the standard library %v", b, depth, err, wantErr)
		}
		if diff := cmp.Diff(want, got); err == nil && diff != "" {
			t.Fatalf("%q: %s", b, diff)
		}
	})
}

func byTokens(b []byte, depth int) (any, error) {
	if !utf8.Valid(b) || !json.Valid(b) { // the decoder's tokens alone are laxer than the grammar
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := value(d, depth)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return v, nil
}

// value reads what may nest depth levels more.
func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil || depth < 0 {
		return nil, errJSON
	}
	switch t {
	case json.Delim('{'):
		return members(d, depth)
	case json.Delim('['):
		return elements(d, depth)
	}
	return t, nil // string, json.Number, bool or nil
}

func members(d *json.Decoder, depth int) (any, error) {
	o := object{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		if _, twice := o[name]; twice {
			return nil, errJSON
		}
		if o[name], err = value(d, depth-1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return o, err
}

func elements(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := value(d, depth-1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, err
}

// FuzzASegmentHasOneText: what is decoded is encoded as it was.
func FuzzASegmentHasOneText(f *testing.F) {
	for _, s := range []string{"", "QQ", "QR", "QUI", "QUJD", "QU\nJD", "QUJD\r\n", "QQ==", "-_-_", "+/+/", "Q", "\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, ok := decodeSegment(s)
		if ok && base64.RawURLEncoding.EncodeToString(b) != s {
			t.Errorf("%q is taken for %q", s, b)
		}
		if again, ok := decodeSegment(base64.RawURLEncoding.EncodeToString(b)); !ok || !bytes.Equal(again, b) {
			t.Errorf("%q is refused", b)
		}
	})
}

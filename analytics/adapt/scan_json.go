package adapt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds of a part of a JSON file that is read as a whole, and of what is passed over.
var scanJSONLimits = strictjson.Limits{Bytes: maxScanFinding, Depth: 64, Values: 1_000_000}

const maxJSONNames = 10_000 // names in an object that is read as it comes

// scanJSON reads a JSON file as it comes: objects and arrays by their members, and
// what is a finding as a whole, strictly.
type scanJSON struct {
	name  string
	ctx   context.Context //nolint:containedctx // of one Read, which is over before its caller returns
	in    *scanSource
	d     *json.Decoder
	depth int
	seen  int
}

func newScanJSON(ctx context.Context, r io.Reader, name string) (*scanJSON, error) {
	r, err := skipMark(r)
	if err != nil {
		return nil, err
	}
	in := &scanSource{r: r, name: name}
	d := json.NewDecoder(in)
	d.UseNumber()
	return &scanJSON{name: name, ctx: ctx, in: in, d: d}, nil
}

// problem says what stopped the reading.
func (j *scanJSON) problem(err error) error {
	at := j.d.InputOffset()
	var syntax *json.SyntaxError
	switch {
	case j.ctx.Err() != nil:
		return j.ctx.Err()
	case j.in.failed != nil:
		return j.in.failed
	case errors.Is(err, io.EOF) && j.in.read == 0:
		return ledger.Problemf(ledger.CodeInvalid, "%s is empty", j.name)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ledger.Problemf(ledger.CodeInvalid, "%s ends in the middle, after byte %d: it was cut off, export it again", j.name, at)
	case errors.As(err, &syntax):
		return ledger.Problemf(ledger.CodeInvalid, "%s is not JSON: the fault is after byte %d", j.name, at)
	}
	if _, ok := errors.AsType[*ledger.Problem](err); ok {
		return err
	}
	return ledger.Problemf(ledger.CodeInvalid, "%s is not JSON: the fault is after byte %d", j.name, at)
}

func (j *scanJSON) token() (json.Token, error) {
	if j.seen++; j.seen%256 == 0 && j.ctx.Err() != nil {
		return nil, j.ctx.Err()
	}
	t, err := j.d.Token()
	if err != nil {
		return nil, j.problem(err)
	}
	j.in.mark = j.d.InputOffset()
	switch t {
	case json.Delim('{'), json.Delim('['):
		if j.depth++; j.depth > scanJSONLimits.Depth {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "%s is nested more than %d deep", j.name, scanJSONLimits.Depth)
		}
	case json.Delim('}'), json.Delim(']'):
		j.depth--
	}
	return t, nil
}

// object reads an object: member is called for each name and reads its value. null
// is an object without members.
func (j *scanJSON) object(member func(name string) error) error {
	t, err := j.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('{') {
		return ledger.Problemf(ledger.CodeInvalid, "%s has something else where an object should be, before byte %d", j.name, j.d.InputOffset())
	}
	names := map[string]bool{}
	for {
		if t, err = j.token(); err != nil {
			return err
		}
		if t == json.Delim('}') {
			return nil
		}
		name, ok := t.(string)
		if !ok || names[name] {
			return ledger.Problemf(ledger.CodeInvalid, "%s has a name twice in one object, before byte %d", j.name, j.d.InputOffset())
		}
		if names[name] = true; len(names) > maxJSONNames {
			return ledger.Problemf(ledger.CodeTooLarge, "%s has an object of more than %d names", j.name, maxJSONNames)
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

// array reads an array: element is called for each and reads it. null is empty.
func (j *scanJSON) array(element func() error) error {
	t, err := j.token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return ledger.Problemf(ledger.CodeInvalid, "%s has something else where a list should be, before byte %d", j.name, j.d.InputOffset())
	}
	for j.d.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err = j.token()
	return err
}

// whole reads a value as a whole and returns its bytes. What is JSON and yet not to
// be trusted (a name twice, wrong UTF-8) comes with a reason, and the reading goes on.
func (j *scanJSON) whole() (b []byte, why, err error) {
	if j.seen++; j.seen%256 == 0 && j.ctx.Err() != nil {
		return nil, nil, j.ctx.Err()
	}
	var raw json.RawMessage
	if err := j.d.Decode(&raw); err != nil {
		return nil, nil, j.problem(err)
	}
	j.in.mark = j.d.InputOffset()
	return raw, strictjson.Check("the entry", raw, scanJSONLimits), nil
}

// into reads a value as a whole into v.
func (j *scanJSON) into(v any) error {
	b, why, err := j.whole()
	if err != nil {
		return err
	}
	if why != nil {
		return why
	}
	if err := json.Unmarshal(b, v); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "%s has a value of another type than it should, before byte %d", j.name, j.d.InputOffset())
	}
	return nil
}

// skip passes over a value.
func (j *scanJSON) skip() error {
	from := j.depth
	for {
		if _, err := j.token(); err != nil {
			return err
		}
		if j.depth == from {
			return nil
		}
	}
}

// end expects nothing more.
func (j *scanJSON) end() error {
	_, err := j.d.Token()
	if errors.Is(err, io.EOF) && j.in.failed == nil {
		return nil
	}
	if err == nil || j.in.failed == nil {
		return ledger.Problemf(ledger.CodeInvalid, "%s goes on after its end, at byte %d", j.name, j.d.InputOffset())
	}
	return j.problem(err)
}

// scanDecode reads a value whose bytes were judged before; false when it has another
// type than v.
func scanDecode(b []byte, v any) bool { return json.Unmarshal(b, v) == nil }

// unsaid is why a finding of a file that was cut off is none.
func unsaid(what string) error {
	return ledger.Problemf(ledger.CodeInvalid, "the file ends before it says %s: export it again", what)
}

// unfit is why an entry that is JSON is no finding.
func unfit(what string) error {
	return ledger.Problemf(ledger.CodeInvalid, "the entry is not %s: it lacks an id or has values of other types", what)
}

// jsonHead says which names stand in the beginning of a JSON file, by their paths
// as in "runs[].tool", with the values of those that are texts.
func jsonHead(head []byte) map[string]string {
	d := json.NewDecoder(bytes.NewReader(trimMark(head)))
	seen := map[string]string{}
	type level struct {
		path  string
		array bool
		name  string
		value bool // a name was read
	}
	var open []level
	for {
		t, err := d.Token()
		if err != nil || len(open) > 16 {
			return seen
		}
		top := len(open) - 1
		if s, ok := t.(string); ok && top >= 0 && !open[top].array && !open[top].value {
			open[top].name, open[top].value = open[top].path+s, true
			if _, twice := seen[open[top].name]; !twice {
				seen[open[top].name] = ""
			}
			continue
		}
		path := ""
		if top >= 0 {
			path = open[top].path
			if !open[top].array {
				path = open[top].name
			}
			open[top].value = false
		}
		switch t := t.(type) {
		case string:
			if seen[path] == "" && path != "" {
				seen[path] = t
			}
		case json.Delim:
			switch t {
			case '{':
				if path != "" {
					path += "."
				}
				open = append(open, level{path: path})
			case '[':
				open = append(open, level{path: path + "[]", array: true})
			default:
				open = open[:top]
			}
		}
	}
}

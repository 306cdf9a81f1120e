package cti

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// mitreIdentity is the author of ATT&CK's objects, which everybody's reports carry.
const mitreIdentity = "identity--c78cb6e5-0c4b-4611-8297-d1b8b55e40b5"

var (
	anyID = regexp.MustCompile(`(?i)[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

	errNamesSharer = ledger.Problemf(ledger.CodeInvalid, "the report still names the organisation that shares it: take its name, its identifiers and its hosts out of texts and names of properties, or share it under the own name")
)

// Disown makes of a report one that a relay may share for its author. The relay stands as
// the author of what the author made; all ids that were drawn for it, or that follow from
// who made it, become others, which follow from the seed; ids that follow from what is
// observed stay, and so does what is others' to name: markings, definitions of extensions,
// objects of ATT&CK. A report that still holds one of the names, however it is written, is
// refused: what they mean in it, a person must decide.
//
// What the author said elsewhere in the same words, or of the same event, is not hidden.
func (r *Report) Disown(relay Sharer, names []string, seed [32]byte) (*Report, error) {
	var bundle struct {
		ID      string            `json:"id"`
		Objects []json.RawMessage `json:"objects"`
	}
	objects, err := decodeBundle(r.Body)
	if err == nil {
		err = json.Unmarshal(r.Body, &bundle)
	}
	if err != nil || len(objects) != len(bundle.Objects) {
		return nil, fmt.Errorf("reading a report that was read before: %w", err)
	}
	author, err := ownID("identity", relay.ID)
	if err != nil {
		return nil, err
	}
	kept := []string{mitreIdentity, projectIdentity, author}
	instead := map[string]string{bundle.ID: otherID(bundle.ID, seed)}
	for _, o := range objects {
		if by := text(o, "created_by_ref"); by != "" && !slices.Contains(kept, by) {
			instead[by] = author
		}
	}
	var out []json.RawMessage
	disowned, has := len(instead) > 1, false
	for i, o := range objects {
		id := text(o, "id")
		if instead[id] == author {
			continue // who made it; the relay stands there instead
		}
		has = has || id == author
		if drawn(o) && !slices.Contains(kept, id) && !slices.Contains(kept, text(o, "created_by_ref")) {
			instead[id] = otherID(id, seed)
		}
		out = append(out, bundle.Objects[i])
	}
	if disowned && !has {
		text, err := encode((&writer{by: relay, author: author}).identity())
		if err != nil {
			return nil, err
		}
		out = append([]json.RawMessage{text}, out...)
	}
	body, err := encode(struct {
		Type    string            `json:"type"`
		ID      string            `json:"id"`
		Objects []json.RawMessage `json:"objects"`
	}{"bundle", bundle.ID, out})
	if err != nil {
		return nil, err
	}
	body = anyID.ReplaceAllFunc(body, func(id []byte) []byte {
		if other, ok := instead[string(id)]; ok {
			return []byte(other)
		}
		return id
	})
	names = slices.Clone(names)
	for id := range instead {
		names = append(names, id)
	}
	if err := free(body, names); err != nil {
		return nil, err
	}
	return ParseBundle(body)
}

// drawn reports whether an object's id tells of who made it: all but those that follow
// from what is observed (STIX 2.1, section 2.9) and those that everybody uses.
func drawn(o object) bool {
	switch kind := text(o, "type"); kind {
	case "marking-definition", "extension-definition":
		return false
	default:
		_, made := o["created"]
		return made || !derivedID(text(o, "id"))
	}
}

func derivedID(id string) bool {
	_, uuid, ok := strings.Cut(id, "--")
	return ok && len(uuid) == 36 && uuid[14] == '5'
}

// otherID is the id that stands instead of another, of version 4 (RFC 9562).
func otherID(id string, seed [32]byte) string {
	kind, _, _ := strings.Cut(id, "--")
	sum := sha256.Sum256(append(append([]byte("secant/disown/v1\x00"), seed[:]...), id...))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return fmt.Sprintf("%s--%s-%s-%s-%s-%s", kind, h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

// folded leaves of a text what a name is told by.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// minFolded is from how many letters and digits on a name is looked for within words: a
// shorter one stands in words of every kind.
const minFolded = 6

// free refuses a text that holds one of the names.
func free(body []byte, names []string) error {
	var long []string
	var short []*regexp.Regexp
	for _, n := range names {
		switch f := folded(n); {
		case f == "":
		case len(f) >= minFolded:
			long = append(long, f)
		default:
			short = append(short, regexp.MustCompile(`(?i)(^|[^\pL\d])`+regexp.QuoteMeta(n)+`($|[^\pL\d])`))
		}
	}
	if err := strictjson.Check("the report", body, bundleLimits); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for d.More() || d.InputOffset() < int64(len(body)) {
		token, err := d.Token()
		if err != nil {
			return fmt.Errorf("reading a report that was just made: %w", err)
		}
		s, ok := token.(string)
		if !ok {
			continue
		}
		f := folded(s)
		if slices.ContainsFunc(long, func(n string) bool { return strings.Contains(f, n) }) ||
			slices.ContainsFunc(short, func(n *regexp.Regexp) bool { return n.MatchString(s) }) {
			return errNamesSharer
		}
	}
	return nil
}

package cti

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

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
// observed stay, and so does what is others' to name: markings that nobody made, definitions of extensions,
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
	case "extension-definition":
		return false
	case "marking-definition":
		return text(o, "created_by_ref") != "" // those that everybody uses are nobody's
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

// folded leaves of a text what a name is told by: letters and digits, without case, marks
// and forms of presentation (NFKD, Unicode Standard Annex 15).
func folded(s string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKD.String(s)), "ß", "ss")
}

// ascii writes a name as those do whose keyboards lack its letters.
var ascii = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "å", "aa", "æ", "ae", "ø", "oe", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "Å", "Aa", "Æ", "Ae", "Ø", "Oe")

var escapedByte = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// readings are what a text says: as it stands, with the escapes of addresses (RFC 3986)
// undone, and with those of HTML. What nobody sees of it is left out.
func readings(s string) []string {
	all := []string{s}
	if strings.Contains(s, "%") {
		all = append(all, escapedByte.ReplaceAllStringFunc(s, func(e string) string {
			b, _ := hex.DecodeString(e[1:]) // two digits
			return string(b)
		}))
	}
	if strings.Contains(s, "&") {
		all = append(all, html.UnescapeString(s))
	}
	for i := range all {
		all[i] = strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Cf, r) {
				return -1
			}
			return r
		}, norm.NFKC.String(all[i]))
	}
	return all
}

// minFolded is from how many letters and digits on a name is looked for within words: a
// shorter one stands in words of every kind.
const minFolded = 6

// free refuses a text that holds one of the names.
func free(body []byte, names []string) error {
	var long []string
	var short []*regexp.Regexp
	for _, n := range names {
		n = norm.NFKC.String(n)
		switch f := folded(n); {
		case f == "":
		case len(f) >= minFolded:
			long = append(long, f, folded(ascii.Replace(n)))
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
		for _, said := range readings(s) {
			f := folded(said)
			if slices.ContainsFunc(long, func(n string) bool { return strings.Contains(f, n) }) ||
				slices.ContainsFunc(short, func(n *regexp.Regexp) bool { return n.MatchString(said) }) {
				return errNamesSharer
			}
		}
	}
	return nil
}

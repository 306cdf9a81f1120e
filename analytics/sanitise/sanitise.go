// Package sanitise takes out of a STIX bundle what tells of the own network and people
// before it is shared: internal addresses, own names of hosts and domains, persons in
// given fields, and what an operator's own rules find. It changes texts and names within
// properties only and leaves all else byte for byte; every change is listed.
//
// What stands in another form than as text (base64, digests, addresses as one number,
// percent-encoding of more than what stands between the parts) is not found, and neither
// is a name that no rule knows.
package sanitise

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Rules say what is not to leave. The zero value takes out internal addresses.
type Rules struct {
	Networks []netip.Prefix // own public networks
	Domains  []string       // own domains: themselves and all below
	Hosts    []string       // own names of hosts
	Fields   []string       // "type.property" of objects, that hold names or addresses of persons
	Custom   []Custom
	Seed     [32]byte // from which new ids follow, so that they do not tell what the old ones were made of
}

// Custom is an operator's own rule.
type Custom struct {
	Name    string // as changes are listed under
	Pattern *regexp.Regexp
	With    string // what stands there instead; taken as it is
}

// Removal is one text value from which something was taken out.
type Removal struct {
	Where  string `json:"where" doc:"The value in the bundle." example:"objects[2].value"`
	Rule   string `json:"rule" doc:"Why it was changed: internal address, own host, own domain, person, new id, or the name of an own rule."`
	Before string `json:"before" doc:"What was there. It stays here."`
	After  string `json:"after" doc:"What leaves instead."`
}

// maxListed bounds the changes that are listed, and maxShown what is shown of each, in
// bytes.
const (
	maxListed = 1_000
	maxShown  = 200
)

// Result is a bundle that may leave.
type Result struct {
	Body    []byte
	Changes []Removal // the first 1,000
	Total   int       // changes in all
}

var limits = strictjson.Limits{Bytes: ledger.MaxThreatBody, Depth: 64, Values: 2_000_000}

// Apply changes a bundle. Without anything to change it returns the same bytes. Problems:
// invalid, too_large.
func (r *Rules) Apply(body []byte) (*Result, error) {
	if err := strictjson.Check("the report", body, limits); err != nil {
		return nil, err
	}
	var bundle struct {
		ID      string `json:"id"`
		Objects []struct {
			Type  string `json:"type"`
			ID    string `json:"id"`
			Class string `json:"identity_class"`
		} `json:"objects"`
	}
	if err := json.Unmarshal(body, &bundle); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the report is not a STIX bundle")
	}
	f := r.finder()
	changed := map[int]bool{}
	res := &Result{}
	note := func(where, rule, before, after string) {
		if res.Total++; len(res.Changes) < maxListed {
			res.Changes = append(res.Changes, Removal{where, rule, short(before), short(after)})
		}
	}
	out := rewrite(body, func(at *place, text string) string {
		if at.fixed(text) {
			return text
		}
		person := false
		if i := at.object; !at.name && i >= 0 && i < len(bundle.Objects) {
			o := &bundle.Objects[i]
			person = f.fields[o.Type+"."+at.property] && (o.Type != "identity" || o.Class == "individual")
		}
		after, rule := f.change(text, at.leaf, person)
		if rule != "" {
			changed[at.object] = true
			note(at.where(), rule, text, after)
		}
		return after
	})
	// The id of an observable is made of what it observes, and would tell it to whoever
	// tries all addresses (STIX 2.1, section 2.9); so would one that is made of such an id.
	mentions := map[string][]int{}
	rewrite(out, func(at *place, text string) string {
		if derived(text) {
			mentions[text] = append(mentions[text], at.object)
		}
		return text
	})
	ids := map[string]string{}
	for due := slices.Collect(maps.Keys(changed)); len(due) > 0; {
		i := due[0]
		due = due[1:]
		if i < 0 || i >= len(bundle.Objects) {
			continue
		}
		if id := bundle.Objects[i].ID; derived(id) && ids[id] == "" {
			ids[id] = r.newID(id)
			due = append(due, mentions[id]...)
		}
	}
	if res.Total > 0 && derived(bundle.ID) {
		ids[bundle.ID] = r.newID(bundle.ID)
	}
	if len(ids) > 0 {
		out = rewrite(out, func(at *place, text string) string {
			after, ok := ids[text]
			if !ok {
				return text
			}
			note(at.where(), "new id", text, after)
			return after
		})
	}
	res.Body = out
	return res, nil
}

func short(s string) string {
	if len(s) <= maxShown {
		return s
	}
	cut := maxShown
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// derived reports whether an id follows from what it names (RFC 9562, version 5).
func derived(id string) bool {
	_, uuid, ok := strings.Cut(id, "--")
	return ok && len(uuid) == 36 && uuid[14] == '5'
}

func (r *Rules) newID(id string) string {
	kind, _, _ := strings.Cut(id, "--")
	sum := sha256.Sum256(append(r.Seed[:], id...))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return fmt.Sprintf("%s--%s-%s-%s-%s-%s", kind, h[:8], h[8:12], h[12:16], h[16:20], h[20:])
}

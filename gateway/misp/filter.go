package misp

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	maxFilter = 256 << 10 // bytes
	maxListed = 1_000     // values in one list
	maxPage   = 10_000    // of results
	// Each of these is compared with all that is stored.
	maxPatterns = 10  // values with %
	maxTags     = 100 // in one search
)

// accepted are parameters that change nothing here: they ask for what is always there,
// or never.
var accepted = []string{
	"returnFormat", "metadata", "minimal", "deleted", "withAttachments", "includeEventUuid", "includeEventTags", "includeContext", "includeProposals",
	"sgReferenceOnly", "headerless", "includeSightings", "includeCorrelations", "includeDecayScore", "requested_attributes", "includeWarninglistHits",
	"excludeLocalTags", "sharinggroup", "sort", "direction",
}

// filter reads what is searched for (MISP's restSearch). What is not understood is
// refused: a search that passed it over would find more than was asked for. Of the
// parameters that are named by barred a text has several values with "|" between them.
func (a *API) filter(c *gin.Context, limit int, barred ...string) (*fact.MISPFilter, members, error) {
	f := &fact.MISPFilter{Limit: limit, Page: 1}
	if c.Request.Method != http.MethodPost {
		return f, members{}, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxFilter))
	if err != nil {
		return nil, nil, ledger.Problemf(ledger.CodeTooLarge, "a search has at most %d bytes", maxFilter)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		return f, members{}, nil
	}
	m, err := decode(body)
	if err != nil {
		return nil, nil, err
	}
	if inner, ok := m["request"].(map[string]any); ok {
		m = inner
	}
	if form := m.text("returnFormat"); form != "" && form != "json" {
		return nil, nil, fault("returnFormat", "must be json: other forms are /v1's")
	}
	for name, v := range m {
		if v == nil || slices.Contains(accepted, name) {
			continue
		}
		if text, ok := v.(string); ok && slices.Contains(barred, name) {
			m[name] = each(strings.Split(text, "|"))
		}
		if err := a.narrow(f, name, m); err != nil {
			return nil, nil, err
		}
	}
	return f, m, nil
}

// narrow reads one parameter.
func (a *API) narrow(f *fact.MISPFilter, name string, m members) (err error) {
	flag := func() *bool { v := m.flag(name); return &v }
	switch name {
	case "eventid", "event_id", "uuid", "uuids":
		var ids []string
		if ids, err = listed(m, name); err == nil {
			for i := range ids {
				ids[i] = strings.ToLower(ids[i])
			}
			f.UUIDs = append(f.UUIDs, ids...)
		}
	case "value", "searchall", "quickFilter":
		if f.Values, err = wanted(m, name); err == nil && patterns(f.Values) > maxPatterns {
			return fault(name, fmt.Sprintf("must have at most %d values with %%: each is compared with all that is stored", maxPatterns))
		}
	case "type":
		f.Types, err = wanted(m, name)
	case "category":
		f.Categories, err = wanted(m, name)
	case "org":
		f.Orgs, f.NotOrgs, err = either(m, name)
	case "tags", "tag", "event_tags":
		var some, not []string
		if some, not, err = either(m, name); err == nil && len(f.Tags)+len(f.NotTags)+len(some)+len(not) > maxTags {
			return fault(name, fmt.Sprintf("must be at most %d tags", maxTags))
		}
		f.Tags, f.NotTags = append(f.Tags, some...), append(f.NotTags, not...)
	case "eventinfo":
		f.Info = strings.Trim(m.text(name), "%")
	case "from", "datefrom":
		f.From, err = a.dated(m, name)
	case "to", "dateuntil":
		f.To, err = a.dated(m, name)
	case "timestamp", "event_timestamp", "attribute_timestamp":
		f.Since, f.Until, err = a.since(m, name)
	case "publish_timestamp", "searchpublish_timestamp":
		f.PublishedSince, _, err = a.since(m, name)
	case "published", "searchpublished":
		f.Published = flag()
	case "to_ids":
		f.ToIDs = flag()
	case "limit", "page":
		n, bad := strconv.Atoi(m.text(name))
		if bad != nil || n < 1 || n > maxPage {
			return fault(name, fmt.Sprintf("must be a number from 1 to %d", maxPage))
		}
		if name == "page" {
			f.Page = n
		} else {
			f.Limit = n
		}
	default:
		switch m[name] { // what is not asked for need not be understood
		case false, "", "0", json.Number("0"):
		default:
			return fault(name, "is not understood here")
		}
	}
	return err
}

// either reads what is wanted and what is not.
func either(m members, name string) (some, not []string, err error) {
	all, err := listed(m, name)
	for _, one := range all {
		if one, left := strings.CutPrefix(one, "!"); left {
			not = append(not, one)
		} else {
			some = append(some, one)
		}
	}
	return some, not, err
}

// each is a list as JSON has it.
func each(list []string) []any {
	all := make([]any, len(list))
	for i, one := range list {
		all[i] = one
	}
	return all
}

// wanted is listed for a parameter of which nothing can be left out.
func wanted(m members, name string) ([]string, error) {
	list, err := listed(m, name)
	if slices.ContainsFunc(list, func(v string) bool { return strings.HasPrefix(v, "!") }) {
		return nil, fault(name, "can say what is wanted, and not what is not")
	}
	return list, err
}

// patterns is how many values are patterns.
func patterns(values []string) (n int) {
	for _, v := range values {
		if strings.Contains(v, "%") {
			n++
		}
	}
	return n
}

// listed reads a parameter that is a value, several with "&&" between them, a list, or
// MISP's {"OR": [...], "NOT": [...]}; what is not wanted has an exclamation mark.
func listed(m members, name string) ([]string, error) {
	var list []string
	add := func(v any, not string) bool {
		switch v := v.(type) {
		case string:
			for one := range strings.SplitSeq(v, "&&") {
				list = append(list, not+one)
			}
		case json.Number:
			list = append(list, not+v.String())
		default:
			return false
		}
		return true
	}
	each := func(v any, not string) bool {
		if all, ok := v.([]any); ok {
			return !slices.ContainsFunc(all, func(one any) bool { return !add(one, not) })
		}
		return add(v, not)
	}
	ok := true
	if parts, is := m[name].(map[string]any); is {
		for part, v := range parts {
			switch part {
			case "OR":
				ok = ok && each(v, "")
			case "NOT":
				ok = ok && each(v, "!")
			default:
				ok = false
			}
		}
	} else {
		ok = each(m[name], "")
	}
	if !ok || len(list) == 0 || len(list) > maxListed {
		return nil, fault(name, fmt.Sprintf("must be a value, a list of at most %d, or {\"OR\": [...], \"NOT\": [...]}", maxListed))
	}
	return list, nil
}

// dated reads a day, or how long ago.
func (a *API) dated(m members, name string) (string, error) {
	v := m.text(name)
	if day.MatchString(v) {
		return v, nil
	}
	at, err := a.moment(v)
	if err != nil {
		return "", fault(name, "must be a day, seconds since 1970, or how long ago, as 7d")
	}
	return at.UTC().Format(time.DateOnly), nil
}

// since reads a time from which on, or two between which.
func (a *API) since(m members, name string) (from, to int64, err error) {
	var ends []string
	if all, ok := m[name].([]any); ok {
		for _, one := range all {
			ends = append(ends, members{"": one}.text(""))
		}
	} else {
		ends = []string{m.text(name)}
	}
	if len(ends) < 1 || len(ends) > 2 {
		return 0, 0, fault(name, "must be a time, or two")
	}
	times := make([]int64, 2)
	for i, end := range ends {
		at, err := a.moment(end)
		if err != nil {
			return 0, 0, fault(name, "must be seconds since 1970, or how long ago, as 7d")
		}
		times[i] = at.Unix()
	}
	slices.Sort(times[:len(ends)])
	return times[0], times[1], nil
}

// moment reads seconds since 1970, or how long ago in days, hours or minutes.
func (a *API) moment(v string) (time.Time, error) {
	if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 && n < 1<<40 {
		return time.Unix(int64(n), 0), nil
	}
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
	if v != "" && units[v[len(v)-1]] != 0 {
		if n, err := strconv.Atoi(v[:len(v)-1]); err == nil && n >= 0 && n < 100_000 {
			return a.Now().Add(-time.Duration(n) * units[v[len(v)-1]]), nil
		}
	}
	return time.Time{}, fmt.Errorf("%d bytes are no time", len(v))
}

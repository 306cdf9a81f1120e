package taxii

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/gateway/problem"
)

const (
	defaultPage = 1000
	maxPage     = 5000
	maxMatches  = 100 // values of one filter
)

// question is what is asked of a collection (section 3.4).
type question struct {
	filter fact.STIXFilter
	limit  int
}

// ask reads the query of a request. Parameters that the standard does not know are
// passed over, as it asks (section 3.4); faulty ones are not.
func ask(collection string, q url.Values) (*question, error) {
	asked := &question{filter: fact.STIXFilter{Collection: collection}, limit: defaultPage}
	for name, values := range q {
		if len(values) != 1 && slices.Contains([]string{"added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]"}, name) {
			return nil, problem.Malformed("query."+name, "must be there once")
		}
	}
	after := time.Time{}
	if s := q.Get("added_after"); s != "" {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || !strings.HasSuffix(s, "Z") {
			return nil, problem.Malformed("query.added_after", "must be a time in UTC, as in 2026-01-31T12:00:00.000000Z")
		}
		after = t
	}
	if s := q.Get("next"); s != "" {
		n, err := strconv.ParseInt(s, 36, 64)
		if err != nil || n < 0 {
			return nil, problem.Malformed("query.next", "must be the value of the page before")
		}
		if t := time.UnixMicro(n); t.After(after) {
			after = t
		}
	}
	asked.filter.After = after
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, problem.Malformed("query.limit", "must be a whole number above 0")
		}
		asked.limit = min(n, maxPage)
	}
	var err error
	if asked.filter.IDs, err = matches(q, "id"); err != nil {
		return nil, err
	}
	for i, id := range asked.filter.IDs {
		asked.filter.IDs[i] = strings.ToLower(id)
	}
	if asked.filter.Types, err = matches(q, "type"); err != nil {
		return nil, err
	}
	if asked.filter.Specs, err = matches(q, "spec_version"); err != nil {
		return nil, err
	}
	versions, err := matches(q, "version")
	if err != nil {
		return nil, err
	}
	asked.filter.Versions, err = readVersions(versions)
	return asked, err
}

func matches(q url.Values, name string) ([]string, error) {
	s := q.Get("match[" + name + "]")
	if s == "" {
		return nil, nil
	}
	all := strings.Split(s, ",")
	if len(all) > maxMatches {
		return nil, problem.Malformed("query.match["+name+"]", "must have at most 100 values")
	}
	return all, nil
}

// readVersions reads match[version] (section 3.4.1).
func readVersions(values []string) (v fact.STIXVersions, err error) {
	for _, s := range values {
		switch s {
		case "all":
			v.All = true
		case "first":
			v.First = true
		case "last":
			v.Last = true
		default:
			t, err := time.Parse(time.RFC3339Nano, s)
			if err != nil {
				return v, problem.Malformed("query.match[version]", "must be all, first, last or times in UTC")
			}
			v.Exact = append(v.Exact, t.Truncate(time.Microsecond))
		}
	}
	return v, nil
}

// next is where the page after an object begins.
func next(last time.Time) string { return strconv.FormatInt(last.UnixMicro(), 36) }

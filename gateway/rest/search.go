package rest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Searcher finds STIX objects by their words.
type Searcher interface {
	Search(ctx context.Context, f fact.SearchFilter, page ledger.PageRequest) (fact.FoundPage, error)
}

// maxNamed bounds what is told of the names in one object of a list, of each kind.
const maxNamed = 20

// maxExcerpt bounds what is shown of an object's words, in bytes.
const maxExcerpt = 300

// Found is a STIX object that was found.
type Found struct {
	ID         string    `json:"id" doc:"Of the STIX object." example:"indicator--4a5d3a2e-8c1e-5f0b-9d39-2f7d5a1c6b10"`
	Type       string    `json:"type" example:"indicator"`
	Collection string    `json:"collection" enum:"own,shared,sealed"`
	Name       string    `json:"name" doc:"Or its value, of an observable; empty where it has neither."`
	Excerpt    string    `json:"excerpt" doc:"Of its words, where the first that was searched for stands. Text as it came: never markup."`
	Modified   time.Time `json:"modified" doc:"Its version."`
	Added      time.Time `json:"added" doc:"To this node."`

	Known KnownContext `json:"known" doc:"What it names, of each kind the first twenty, with what reference data say of it."`
}

type searchIntelligence struct {
	Page
	Words      string   `query:"q" required:"true" minLength:"1" maxLength:"512" doc:"Words that an object has, all of them: words, \"phrases\", and beginnings of words with an asterisk." example:"ransom* \"infusion pump\""`
	Collection string   `query:"collection" enum:"own,shared,sealed" doc:"Default: all."`
	Type       []string `query:"type" maxItems:"16" doc:"STIX types, with commas. Default: any."`
}

func (a *API) searchRoutes() {
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "search-intelligence", Method: http.MethodGet, Path: "/v1/intelligence", Tags: []string{"threats"},
		Summary:     "Objects of threat intelligence by their words, the newest first",
		Description: "The last version of each object that was collected here or shared by members. One that was just added is found a moment later. TAXII serves it whole.",
	}, func(ctx context.Context, in *searchIntelligence) (*body[List[Found]], error) {
		f := fact.SearchFilter{Words: in.Words, Types: in.Type}
		alias := map[string]string{}
		for name, id := range a.Collections {
			if in.Collection == "" || in.Collection == name {
				f.Collections = append(f.Collections, id)
			}
			alias[id] = name
		}
		slices.Sort(f.Collections) // a cursor is of one list
		got, err := a.Searcher.Search(ctx, f, in.request())
		if p, ok := errors.AsType[*ledger.Problem](err); ok && p.Code == ledger.CodeInvalid && in.Cursor == "" {
			return nil, invalid(ledger.Fault{Field: "query.q", Detail: p.Detail})
		}
		if err != nil {
			return nil, cursored(err)
		}
		names := make([]cti.Names, len(got.Items))
		for i := range got.Items {
			names[i] = cti.NamesIn(maxNamed, string(got.Items[i].Body))
		}
		known, err := a.Knower.Known(ctx, names...)
		if err != nil {
			return nil, err
		}
		return listed(got.Items, got.Next, func(o fact.Found) Found {
			name, words := cti.Text(o.Body)
			of := known[0]
			known = known[1:]
			return Found{
				ID: o.ID, Type: o.Type, Collection: alias[o.Collection], Name: name,
				Excerpt: excerpt(words, in.Words), Modified: o.Version, Added: o.Added, Known: of,
			}
		}), nil
	})
}

// excerpt returns the part of a text in which the first of the words stands.
func excerpt(text, typed string) string {
	text = strings.Join(strings.Fields(text), " ")
	at := 0
	if first, _, _ := strings.Cut(strings.TrimLeft(typed, `" `), " "); first != "" {
		at = max(0, strings.Index(strings.ToLower(text), strings.ToLower(strings.Trim(first, `"*`))))
	}
	at = max(0, min(at-maxExcerpt/3, len(text)-maxExcerpt))
	return strings.TrimSpace(strings.ToValidUTF8(text[at:min(len(text), at+maxExcerpt)], ""))
}

package vuln

import (
	"bytes"
	"encoding/json"
	"net/url"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// FeedEntry is a document that a ROLIE feed names (RFC 8322; CSAF 2.0, section
// 7.1.15).
type FeedEntry struct {
	ID      string // the document's tracking id
	URL     string // https
	Hash    string // where its SHA-256 or SHA-512 stands; empty: it has none
	Updated time.Time
}

// MaxFeedBytes bounds a feed. One with 20,000 entries has some 20 MB.
const MaxFeedBytes = 64 << 20

const maxEntries = 100_000

// ParseROLIE reads a feed of CSAF documents. Entries of another format are passed
// over, and so are those whose document has no https address.
func ParseROLIE(b []byte) ([]FeedEntry, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if err := strictjson.Check("the feed", b, strictjson.Limits{Bytes: MaxFeedBytes, Depth: 16, Values: 5_000_000}); err != nil {
		return nil, err
	}
	var doc struct {
		Feed *struct {
			Entry []struct {
				ID      string `json:"id"`
				Updated string `json:"updated"`
				Link    []struct {
					Rel  string `json:"rel"`
					Href string `json:"href"`
				} `json:"link"`
				Content struct {
					Src  string `json:"src"`
					Type string `json:"type"`
				} `json:"content"`
			} `json:"entry"`
		} `json:"feed"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || doc.Feed == nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the text is not a ROLIE feed")
	}
	if len(doc.Feed.Entry) > maxEntries {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the feed has more than %d entries", maxEntries)
	}
	var all []FeedEntry
	for _, e := range doc.Feed.Entry {
		one := FeedEntry{ID: clean(e.ID), URL: e.Content.Src, Updated: instant(e.Updated)}
		for _, l := range e.Link {
			switch {
			case l.Rel == "self" && one.URL == "":
				one.URL = l.Href
			case l.Rel == "hash" && one.Hash == "" && secure(l.Href):
				one.Hash = l.Href
			}
		}
		if secure(one.URL) && (e.Content.Type == "" || e.Content.Type == "application/json") {
			all = append(all, one)
		}
	}
	return all, nil
}

func secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

package collect

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	taxiiType = "application/taxii+json;version=2.1"
	// A server that has more pages than these in one look is asked for the rest at the
	// next one.
	taxiiPages = 1_000
	taxiiBytes = 1 << 30
	taxiiLimit = 1_000   // objects that a page is asked for
	taxiiRoots = 32      // that a server may name
	maxNext    = 4 << 10 // bytes of what a server wants to be told for the next page
	maxMeta    = 1 << 20 // bytes of what a server says of itself
)

// taxiiPlace is how far a collection was read.
type taxiiPlace struct {
	After string `json:"after,omitempty"` // added_after of the pages that are read now
	Next  string `json:"next,omitempty"`  // where they go on
	Last  string `json:"last,omitempty"`  // when the newest object of them was added
}

// TAXII reads a collection of a TAXII 2.1 server. The site's URL is the server's
// discovery (its path ends with /taxii2/), an API root, or a collection's own;
// collection is its id, alias or title where the URL does not name it. Nothing is read
// but below the host of the URL.
func TAXII(site Site, collection string) Way {
	address := ""
	return func(ctx context.Context, in *Intake) error {
		if address == "" {
			found, err := site.collection(ctx, collection)
			if err != nil {
				return err
			}
			address = found
		}
		var at taxiiPlace
		if err := in.checkpoint(ctx, &at); err != nil {
			return err
		}
		look := &taxiiLook{site: &site, address: address, pages: map[[sha256.Size]byte]bool{}}
		for len(look.pages) < taxiiPages && look.bytes < taxiiBytes {
			more, err := in.taxiiPage(ctx, look, &at)
			if err != nil || !more {
				return err
			}
		}
		return ledger.Problemf(ledger.CodeTooLarge, "the server sent %d pages at once and has more: reading goes on later; if the collection is not so large, do not trust this server", len(look.pages))
	}
}

// taxiiLook is one look at a collection.
type taxiiLook struct {
	site    *Site
	address string
	pages   map[[sha256.Size]byte]bool // digests of what came
	bytes   int
	lost    bool // the server did not know its own place
}

// taxiiPage reads a page, and keeps it with where the next one is.
func (in *Intake) taxiiPage(ctx context.Context, look *taxiiLook, at *taxiiPlace) (more bool, err error) {
	query := url.Values{"limit": {strconv.Itoa(taxiiLimit)}}
	if at.After != "" {
		query.Set("added_after", at.After)
	}
	if at.Next != "" {
		query.Set("next", at.Next)
	}
	a, err := look.site.ask(ctx, look.address+"?"+query.Encode(), http.Header{"Accept": {taxiiType}}, maxFetched)
	if err != nil {
		if at.Next != "" && !look.lost && (a.Status == http.StatusBadRequest || a.Status == http.StatusNotFound) {
			// It does not know its own place any more, as after a restart of its own.
			// What was read of these pages comes again, and is known.
			look.lost, at.Next = true, ""
			return true, in.flush(ctx, at, nil)
		}
		return false, err
	}
	var page struct {
		More    bool              `json:"more"`
		Next    string            `json:"next"`
		Objects []json.RawMessage `json:"objects"`
	}
	if err := decode(a.Body, maxFetched, &page); err != nil {
		return false, err
	}
	if look.bytes += len(a.Body); len(page.Objects) > 0 {
		if err := in.taxiiObjects(a.Body, look.pages); err != nil {
			return false, err
		}
		if last, ok := addedLast(a.Header.Get("X-TAXII-Date-Added-Last")); ok {
			at.Last = last
		}
	}
	switch {
	case !page.More:
		after := at.Last
		if after == "" { // nothing new, or a server that does not say
			after = at.After
		}
		*at = taxiiPlace{After: after}
	case len(page.Objects) == 0:
		return false, ledger.Problemf(ledger.CodeInvalid, "the server says that there is more, and sends a page without objects: reading was stopped; ask who runs it")
	case len(page.Next) > maxNext:
		return false, ledger.Problemf(ledger.CodeTooLarge, "the server's next page has a name of more than %d bytes", maxNext)
	case page.Next == "" && (at.Last == "" || at.Last == at.After):
		return false, ledger.Problemf(ledger.CodeInvalid, "the server says that there is more, and neither names the next page nor when the last object was added: reading was stopped; ask who runs it")
	case page.Next == "": // the next page begins behind the last object (TAXII 2.1, section 3.4.2)
		at.After, at.Next = at.Last, ""
	case page.Next == at.Next:
		return false, ledger.Problemf(ledger.CodeInvalid, "the server names the page that it has just sent as the next one: reading was stopped; ask who runs it")
	default:
		at.Next = page.Next
	}
	return page.More, in.flush(ctx, at, nil)
}

// taxiiObjects takes the objects of a page that did not come before in this look.
func (in *Intake) taxiiObjects(body []byte, pages map[[sha256.Size]byte]bool) error {
	// A hostile server repeats a page under another name of the next one.
	digest := sha256.Sum256(body)
	var objects struct {
		Objects json.RawMessage `json:"objects"`
	}
	if json.Unmarshal(body, &objects) == nil {
		digest = sha256.Sum256(objects.Objects)
	}
	if pages[digest] {
		return ledger.Problemf(ledger.CodeInvalid, "the server sends the same page again and again: reading was stopped; ask who runs it")
	}
	pages[digest] = true
	return in.objects(body)
}

// addedLast reads the header that says when a page's last object was added. Servers
// leave it out, write "undefined", or write it in other forms.
func addedLast(header string) (string, bool) {
	t, ok := instant(strings.TrimSpace(header))
	if !ok {
		return "", false
	}
	if _, err := time.Parse(time.RFC3339Nano, header); err == nil {
		return header, true // with all of its digits
	}
	return t.Format("2006-01-02T15:04:05.999999999Z"), true
}

// collection finds a collection's address.
func (s *Site) collection(ctx context.Context, name string) (string, error) {
	base, err := url.Parse(s.URL)
	if err != nil {
		return "", ledger.Problemf(ledger.CodeInvalid, "the address is none")
	}
	base.RawQuery = ""
	path := strings.TrimSuffix(base.Path, "/") + "/"
	base.Path = path
	if head, _, ok := strings.Cut(path, "/collections/"); ok && len(path) > len(head)+len("/collections/") {
		return base.JoinPath("objects/").String(), nil
	}
	header := http.Header{"Accept": {taxiiType}}
	roots := []string{base.String()}
	var discovery struct {
		Default string   `json:"default"`
		Roots   []string `json:"api_roots"`
	}
	a, err := s.ask(ctx, base.String(), header, maxMeta)
	if err != nil {
		return "", err
	}
	if err := decode(a.Body, maxMeta, &discovery); err != nil {
		return "", err
	}
	if len(discovery.Roots) > 0 {
		roots = discovery.Roots
		if discovery.Default != "" {
			roots = slices.Compact(slices.Concat([]string{discovery.Default}, roots))
		}
	}
	var failed error
	for _, root := range roots[:min(len(roots), taxiiRoots)] {
		at, err := base.Parse(root)
		if err != nil || at.Host != base.Host || at.Scheme != base.Scheme {
			continue // what it is told to believe is this host
		}
		found, err := s.collectionAt(ctx, at, name)
		if err != nil {
			failed = err
		}
		if found != "" {
			return found, nil
		}
	}
	if failed != nil {
		return "", failed
	}
	return "", ledger.Problemf(ledger.CodeNotFound, "the server has no collection of that id, alias or title that may be read: check collection in the configuration, and the authorization")
}

func (s *Site) collectionAt(ctx context.Context, root *url.URL, name string) (string, error) {
	list := root.JoinPath("collections/")
	a, err := s.ask(ctx, list.String(), http.Header{"Accept": {taxiiType}}, maxMeta)
	if err != nil {
		return "", err
	}
	var got struct {
		Collections []struct {
			ID    string `json:"id"`
			Alias string `json:"alias"`
			Title string `json:"title"`
			Reads bool   `json:"can_read"`
		} `json:"collections"`
	}
	if err := decode(a.Body, maxMeta, &got); err != nil {
		return "", err
	}
	for _, c := range got.Collections {
		if c.Reads && (c.ID == name || c.Alias == name || c.Title == name || name == "" && len(got.Collections) == 1) && segment(c.ID) {
			return list.JoinPath(c.ID, "objects/").String(), nil
		}
	}
	return "", nil
}

// segment reports whether a text is one part of a path and no way elsewhere.
func segment(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// decode reads what a server says in JSON, within bounds.
func decode(body []byte, limit int, into any) error {
	if err := strictjson.Check("the server's answer", body, strictjson.Limits{Bytes: limit, Depth: 32, Values: 2_000_000}); err != nil {
		return err //nolint:wrapcheck // a problem that says what is wrong
	}
	if err := json.Unmarshal(body, into); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "the server's answer is not what the protocol says: check the address")
	}
	return nil
}

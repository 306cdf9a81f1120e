package fhir

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// bundle takes a transaction or a batch (FHIR R4, section 3.1.0.11).
func (a *API) bundle(c *gin.Context) error {
	body, err := a.body(c)
	if err != nil {
		return err
	}
	release, err := a.memory.hold(body, oneBundle)
	if err != nil {
		return err
	}
	defer release()
	b, err := fhir.ReadBundle(body, a.Limits.Entries, a.Limits.bundle())
	if err != nil {
		return err
	}
	var results []result
	if b.Type == "transaction" {
		results, err = a.transaction(c.Request, b)
	} else {
		results = a.batch(c.Request, b)
	}
	if err != nil {
		return err
	}
	minimal := preferred(c.Request.Header) == "minimal"
	var out bytes.Buffer
	out.WriteString(`{"resourceType":"Bundle","id":` + quote(newID()) + `,"type":"` + b.Type + `-response"`)
	for i := range results {
		if results[i].fault != nil {
			_ = c.Error(results[i].fault)
		}
		out.WriteString([]string{`,"entry":[`, `,`}[min(i, 1)])
		results[i].write(&out, a.base(c.Request), minimal)
	}
	if len(results) > 0 {
		out.WriteByte(']')
	}
	out.WriteByte('}')
	c.Data(http.StatusOK, MediaType, out.Bytes())
	return nil
}

// result is what became of an entry.
type result struct {
	status  int
	version *fhir.Version // nil: none
	body    []byte        // nil: none
	read    bool          // the body was asked for
	outcome *outcome      // nil: none
	fault   error         // of the node's own, for the log; nil: none
}

func failed(err error) result {
	status, o := said(err)
	r := result{status: status, outcome: &o}
	if status >= http.StatusInternalServerError {
		r.fault = err
	}
	return r
}

func (r *result) write(b *bytes.Buffer, base string, minimal bool) {
	b.WriteByte('{')
	if v := r.version; v != nil && !r.read {
		b.WriteString(`"fullUrl":` + quote(base+"/"+v.Type+"/"+v.ID) + `,`)
	}
	if r.body != nil && (r.read || !minimal) {
		b.WriteString(`"resource":`)
		b.Write(r.body)
		b.WriteByte(',')
	}
	b.WriteString(`"response":{"status":"` + strconv.Itoa(r.status) + ` ` + http.StatusText(r.status) + `"`)
	if v := r.version; v != nil {
		number := strconv.FormatInt(v.Number, 10)
		b.WriteString(`,"location":` + quote(v.Type+"/"+v.ID+"/_history/"+number) + `,"etag":"W/\"` + number + `\"","lastModified":"` + fhir.Instant(v.Updated) + `"`)
	}
	if r.outcome != nil {
		b.WriteString(`,"outcome":`)
		b.Write(encode(r.outcome))
	}
	b.WriteString("}}")
}

// target is what the address of an entry names.
type target struct {
	typ, id, version string
	query            string
	searched         bool // it is a search
}

func (a *API) targetOf(address string) (target, error) {
	for _, base := range a.bases(nil) {
		address = strings.TrimPrefix(address, base)
	}
	path, query, searched := strings.Cut(strings.TrimPrefix(address, "/"), "?")
	parts := strings.Split(path, "/")
	t := target{typ: parts[0], query: query, searched: searched || len(parts) == 1}
	switch {
	case len(parts) == 2 && !searched:
		t.id = parts[1]
	case len(parts) == 4 && parts[2] == "_history" && !searched:
		t.id, t.version = parts[1], parts[3]
	case len(parts) > 1:
		return t, &refused{http.StatusBadRequest, "not-supported", "the address of an entry must be TYPE, TYPE/ID, TYPE/ID/_history/VERSION or TYPE?SEARCH", ".request.url"}
	}
	if _, taken := fhir.Params[t.typ]; !taken {
		e := unknownType().(*refused) //nolint:errcheck,forcetypeassert,errorlint // of our own
		e.at = ".request.url"
		return t, e
	}
	return t, nil
}

// draftOf makes the draft of an entry that writes.
func (a *API) draftOf(ctx context.Context, i int, e *fhir.Entry) (*draft, error) {
	d := &draft{at: fhir.Place(i)}
	t, err := a.targetOf(e.URL)
	if err != nil {
		return d, within(d.at, err)
	}
	switch {
	case e.Method != http.MethodPost && e.Method != http.MethodPut:
		return d, &refused{http.StatusBadRequest, "not-supported", "an entry's method must be POST, PUT or GET: nothing is deleted or patched here", d.at + ".request.method"}
	case e.Method == http.MethodPost && (t.id != "" || t.query != ""), e.Method == http.MethodPut && t.id == "":
		return d, &refused{http.StatusBadRequest, "not-supported", "the address must be TYPE with POST, and TYPE/ID with PUT", d.at + ".request.url"}
	case e.Resource == nil:
		return d, within(d.at, ledgerFault("entry.resource", "must be there"))
	}
	action := byte('u')
	if e.Method == http.MethodPost {
		action = 'c'
	}
	if err := auth.Within(ctx, t.typ, action); err != nil {
		return d, within(d.at, err)
	}
	d.send.Body = e.Resource
	if err := a.readDraft(t.typ, d); err != nil {
		return d, within(d.at+".resource", err)
	}
	d.write.ID, d.write.Created = t.id, e.Method == http.MethodPost
	if d.write.Created {
		d.write.ID = newID()
	} else if d.resource.ID != t.id {
		return d, within(d.at+".resource", ledgerFault("entry.id", "must be the id in the address"))
	}
	if e.IfNoneExist != "" && d.write.Created {
		if d.write.Absent, err = a.condition(ctx, t.typ, e.IfNoneExist); err != nil {
			return d, within(d.at+".request.ifNoneExist", err)
		}
	}
	if d.write.Match, err = matchOf(e.IfMatch); err != nil {
		return d, within(d.at+".request.ifMatch", err)
	}
	return d, nil
}

// transaction does all or nothing.
func (a *API) transaction(r *http.Request, b *fhir.Bundle) ([]result, error) {
	ctx := r.Context()
	t := &taking{api: a, bases: a.bases(r), local: map[string]*draft{}}
	results := make([]result, len(b.Entries))
	at := map[*draft]int{}
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Method == http.MethodGet {
			continue
		}
		d, err := a.draftOf(ctx, i, e)
		if err != nil {
			return nil, err
		}
		place := d.write.Type + "/" + d.write.ID
		if t.local[place] != nil {
			return nil, &refused{http.StatusBadRequest, "duplicate", "a resource must be written once", d.at}
		}
		w, found, err := t.already(ctx, d)
		if err != nil {
			return nil, err
		}
		if found {
			place = w.Type + "/" + w.ID
			results[i] = a.resultOf(ctx, &w, nil)
		} else {
			t.local[place] = d
			t.drafts = append(t.drafts, d)
			at[d] = i
		}
		if e.FullURL != "" {
			t.links = append(t.links, fhir.Link{From: e.FullURL, To: place})
		}
	}
	if err := a.keepAll(ctx, t, results, at); err != nil {
		return nil, err
	}
	a.reads(r, b, results)
	return results, nil
}

// reads answers the entries that read, one after the other, within what an answer may
// have.
func (a *API) reads(r *http.Request, b *fhir.Bundle, results []result) {
	room := maxAnswer
	for i := range b.Entries {
		if b.Entries[i].Method == http.MethodGet {
			results[i] = a.get(r, &b.Entries[i], room)
			room -= len(results[i].body)
		}
	}
}

func (a *API) keepAll(ctx context.Context, t *taking, results []result, at map[*draft]int) error {
	if len(t.drafts) == 0 {
		return nil
	}
	if err := t.searchReferences(ctx); err != nil {
		return err
	}
	written, err := t.keep(ctx)
	if err != nil {
		return err
	}
	for j, d := range t.drafts {
		results[at[d]] = a.resultOf(ctx, &written[j], d)
	}
	return nil
}

// searchReferences finds what references are to that say TYPE?SEARCH (FHIR R4,
// section 3.1.0.11.2).
func (t *taking) searchReferences(ctx context.Context) error {
	known := map[string]bool{}
	for _, d := range t.drafts {
		for _, ref := range d.resource.References() {
			typ, search, is := strings.Cut(ref, "?")
			if _, taken := fhir.Params[typ]; !is || !taken || known[ref] {
				continue
			}
			asked, err := t.api.condition(ctx, typ, search)
			if err != nil {
				return placed(d, err)
			}
			found, _, err := t.api.Store.Resources(ctx, *asked, ledger.PageRequest{Size: 2})
			if err != nil {
				return err
			}
			if len(found) != 1 {
				return precondition("a reference that is a search must find one resource", d.at+".resource")
			}
			known[ref] = true
			t.links = append(t.links, fhir.Link{From: ref, To: typ + "/" + found[0].ID})
		}
	}
	return nil
}

// resultOf tells what was written. d is nil for what was there already.
func (a *API) resultOf(ctx context.Context, w *fhir.Written, d *draft) result {
	res := result{status: http.StatusOK, version: &w.Version}
	if w.First {
		res.status = http.StatusCreated
	}
	var err error
	if d == nil || w.Found {
		res.body, err = a.serve(ctx, &w.Version)
	} else {
		res.body, err = a.served(d.resource, &w.Version)
	}
	if err != nil {
		res.body = nil // it is written all the same
	}
	return res
}

// batch does each for itself.
func (a *API) batch(r *http.Request, b *fhir.Bundle) []result {
	results := make([]result, len(b.Entries))
	ctx := r.Context()
	var all sync.WaitGroup
	var broken atomic.Value // what a goroutine panicked with: it ends this request, and not the node
	slots := make(chan struct{}, atOnce)
	for i := range b.Entries {
		if b.Entries[i].Method == http.MethodGet {
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					broken.CompareAndSwap(nil, fmt.Sprint(r))
				}
				<-slots
			}()
			results[i] = a.one(ctx, r, i, &b.Entries[i])
		})
	}
	all.Wait()
	if r := broken.Load(); r != nil {
		panic(r)
	}
	a.reads(r, b, results)
	return results
}

func (a *API) one(ctx context.Context, r *http.Request, i int, e *fhir.Entry) result {
	d, err := a.draftOf(ctx, i, e)
	if err != nil {
		return failed(err)
	}
	w, err := a.keepOne(ctx, r, d)
	if err != nil {
		return failed(err)
	}
	return a.resultOf(ctx, &w, d)
}

// get answers an entry that reads.
func (a *API) get(r *http.Request, e *fhir.Entry, room int) result {
	ctx := r.Context()
	if caller := auth.CallerOf(ctx); caller == nil || !caller.Role.Has(auth.ReadingsRead) {
		return failed(ledger.Problemf(ledger.CodeDenied, "this needs the right %s", auth.ReadingsRead))
	}
	t, err := a.targetOf(e.URL)
	if err != nil {
		return failed(err)
	}
	if t.searched {
		q, err := parseQuery(t.query)
		if err != nil {
			return failed(err)
		}
		p, versions, err := a.found(r, t.typ, q)
		if err != nil {
			return failed(err)
		}
		body, err := a.encodePage(ctx, p, versions, room)
		if err != nil {
			return failed(err)
		}
		return result{status: http.StatusOK, body: body, read: true}
	}
	v, err := a.named(ctx, t.typ, t.id, t.version)
	if err != nil {
		return failed(err)
	}
	body, err := a.serve(ctx, &v)
	if err == nil && len(body) > room {
		err = tooMuch()
	}
	if err != nil {
		return failed(err)
	}
	return result{status: http.StatusOK, version: &v, body: body, read: true}
}

package misp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// world is the interface over a store of its own.
type world struct {
	*API
	t     *testing.T
	store *store.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.Place(t), store.Options{Organisation: "north"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, store: s, API: &API{Deps{Organisation: "north", Collection: "own", Store: s, Now: clock(), Read: func(_ context.Context, event []byte) ([]cti.Object, error) {
		r, err := adapt.FromMISP(event)
		if err != nil || r.Bundle == nil {
			return nil, err
		}
		return cti.ReadEnvelope(r.Bundle)
	}}}}
}

// do calls a handler with the parameters of its path, as "name=value".
func (w *world) do(h func(*gin.Context) error, body string, params ...string) (out map[string]any, err error) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(answer)
	c.Request = httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, "/", strings.NewReader(body))
	for _, p := range params {
		name, value, _ := strings.Cut(p, "=")
		c.AddParam(name, value)
	}
	if err := h(c); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &out); err != nil {
		w.t.Fatalf("%v in %s", err, answer.Body)
	}
	return out, nil
}

func (w *world) must(h func(*gin.Context) error, body string, params ...string) map[string]any {
	w.t.Helper()
	out, err := w.do(h, body, params...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

const anEvent = "a1b2c3d4-0000-4000-8000-000000000070"

// values are those of an event's attributes.
func (w *world) values() map[string]bool {
	w.t.Helper()
	all := map[string]bool{}
	e, err := w.find(w.t.Context(), anEvent)
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := decode(e.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range m.list("Attribute") {
		if !a.flag("deleted") {
			all[a.text("value")] = true
		}
	}
	return all
}

// TestEditsAtOnceLoseNothing: two read the same edition before either writes its own; what
// both added is there at the end.
func TestEditsAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{false, true} { // whether the editors say when they edited
		w := newWorld(t)
		w.must(w.add, `{"uuid":"`+anEvent+`","info":"x","timestamp":"1000","Attribute":[{"type":"url","value":"0"}]}`)
		const writers = 6
		var met, all sync.WaitGroup
		met.Add(writers)
		var once [writers + 1]sync.Once
		read := w.Read
		w.Read = func(ctx context.Context, event []byte) ([]cti.Object, error) {
			for i := 1; i <= writers; i++ {
				if strings.Contains(string(event), fmt.Sprintf(`"value":"%d"`, i)) {
					once[i].Do(met.Done)
				}
			}
			met.Wait() // until all have read what was there
			return read(ctx, event)
		}
		taken := make([]error, writers+1)
		for i := 1; i <= writers; i++ {
			all.Go(func() {
				when := ""
				if named {
					when = fmt.Sprintf(`"timestamp":"%d",`, 2_000+i)
				}
				_, taken[i] = w.do(w.edit, fmt.Sprintf(`{%s"Attribute":[{"type":"url","value":"%d"}]}`, when, i), "event="+anEvent)
			})
		}
		all.Wait()
		there := w.values()
		for i, err := range taken {
			// Who says that it edited before another whose edition is kept is refused.
			if err != nil && (!named || ledger.CodeOf(err) != ledger.CodeConflict) || there[strconv.Itoa(i)] != (err == nil) {
				t.Errorf("named %v, writer %d: %v; there: %v", named, i, err, there)
			}
		}
		if !there["0"] || !there[strconv.Itoa(writers)] {
			t.Errorf("named %v: %v", named, there)
		}
	}
}

// TestAnEventIsAddedOnce also when two add it at once.
func TestAnEventIsAddedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var met, all sync.WaitGroup
	met.Add(2)
	read := w.Read
	w.Read = func(ctx context.Context, event []byte) ([]cti.Object, error) {
		met.Done()
		met.Wait()
		return read(ctx, event)
	}
	errs := make([]error, 2)
	for i := range errs {
		all.Go(func() {
			_, errs[i] = w.do(w.add, fmt.Sprintf(`{"uuid":%q,"info":"x","timestamp":"%d","Attribute":[{"type":"url","value":"%d"}]}`, anEvent, 1_000+i, i))
		})
	}
	all.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("%v", errs)
	}
}

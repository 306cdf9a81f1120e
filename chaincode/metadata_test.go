package chaincode_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/anchor"
	"github.com/secant-platform/secant/chaincode/compliance"
	"github.com/secant-platform/secant/chaincode/device"
	"github.com/secant-platform/secant/chaincode/identity"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/risk"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/chaincode/taxonomy"
	"github.com/secant-platform/secant/chaincode/threat"
)

var update = flag.Bool("update", false, "write the golden files")

// metadata returns what the chaincode says of itself, which is its interface.
func metadata(t *testing.T) []byte {
	t.Helper()
	l := statetest.New(t)
	s, err := l.Simulate(statetest.Proposal{Client: l.Client(north, ""), Name: "org.hyperledger.fabric:GetMetadata", Args: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return s.Payload
}

func TestTheInterfaceIsTheGoldenOne(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := json.Indent(&got, metadata(t), "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	path := filepath.Join("testdata", "metadata.golden.json")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the interface changed; bump Version and mark the commit [api]: %s", diff)
	}
}

// TestCallersReachTheNamedTransactionsOnly catches an exported method too many,
// on a contract or on something that it embeds.
func TestCallersReachTheNamedTransactionsOnly(t *testing.T) {
	t.Parallel()
	var m struct {
		Contracts map[string]struct {
			Transactions []struct {
				Name string
				Tag  []string
			}
		}
	}
	if err := json.Unmarshal(metadata(t), &m); err != nil {
		t.Fatal(err)
	}
	var names, evaluations []string
	for contract, c := range m.Contracts {
		if contract == "org.hyperledger.fabric" {
			continue
		}
		for _, tx := range c.Transactions {
			names = append(names, contract+":"+tx.Name)
			if slices.Contains(tx.Tag, "evaluate") {
				evaluations = append(evaluations, contract+":"+tx.Name)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(evaluations)
	if diff := cmp.Diff(slices.Sorted(slices.Values(ledger.Names)), names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(ledger.Evaluations)), evaluations); diff != "" {
		t.Error(diff)
	}
}

// TestFieldsThatMayBeMissingSaySoTwice: the framework takes a field that has
// only omitempty for required, and a result that lacks it for a failure.
func TestFieldsThatMayBeMissingSaySoTwice(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			omitted := strings.Contains(f.Tag.Get("json"), ",omit")
			optional := f.Tag.Get("metadata") == ",optional"
			if omitted != optional {
				t.Errorf("%s.%s: omitempty %v, optional %v", typ, f.Name, omitted, optional)
			}
			if f.Tag.Get("json") == "" {
				t.Errorf("%s.%s has no name in JSON", typ, f.Name)
			}
			if f.Type.Kind() == reflect.Slice && !optional && reflect.PointerTo(typ).Implements(reflect.TypeFor[interface{ Validate() error }]()) {
				t.Errorf("%s.%s: a nil slice encodes as null, which the schema refuses", typ, f.Name)
			}
			walk(f.Type)
		}
	}
	o := state.Options{}
	for _, c := range []any{identity.New(o), device.New(o), anchor.New(o), threat.New(o), risk.New(o), compliance.New(o), taxonomy.New(o)} {
		typ := reflect.TypeOf(c)
		for i := range typ.NumMethod() {
			m := typ.Method(i).Type
			if m.NumIn() != 3 || m.In(1) != reflect.TypeFor[*state.Context]() {
				continue
			}
			walk(m.In(2))
			walk(m.Out(0))
		}
	}
	if len(seen) < 30 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

package ledger

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

// at is a time that shows what the encoding does to milliseconds.
var at = time.Date(2026, 1, 5, 8, 0, 0, 120_000_000, time.UTC)

func hex32(b byte) string { return BodyDigest([]byte{b}) }

// records holds one of each record and each event envelope. A changed golden
// file is a changed ledger: old ones are never deleted, and stay readable.
func records() map[string]any {
	all := map[string]any{
		"event": &Event{
			V: 1, Kind: EventUnitRegistered, Key: []string{"dev", hex32(1)}, Tx: hex32(11), Subjects: []string{hex32(1), "hospital-north", "medtech"},
		},
	}
	for _, part := range []map[string]any{identityRecords, deviceRecords, anchorRecords, threatRecords, riskRecords, complianceRecords, taxonomyRecords, statementRecords} {
		maps.Copy(all, part)
	}
	return all
}

func TestRecordsKeepTheirGoldenForm(t *testing.T) {
	t.Parallel()
	for name, r := range records() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".v"+version(t, got)+".golden.json")
			if *update {
				if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want = bytes.TrimSuffix(want, []byte("\n")); !bytes.Equal(got, want) {
				t.Errorf("the stored form changed:\n got %s\nwant %s", got, want)
			}
		})
	}
}

// version returns the version that a record says it has.
func version(t *testing.T, record []byte) string {
	t.Helper()
	var r struct{ V int }
	if err := json.Unmarshal(record, &r); err != nil || r.V < 1 {
		t.Fatalf("a record of version %d (%v)", r.V, err)
	}
	return strconv.Itoa(r.V)
}

// TestEveryRecordEverWrittenIsReadable decodes each golden file, of all
// versions, with a field more, as a newer version would have added.
func TestEveryRecordEverWrittenIsReadable(t *testing.T) {
	t.Parallel()
	for name, r := range records() {
		files, err := filepath.Glob(filepath.Join("testdata", name+".v*.golden.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no golden file (%v)", name, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := reflect.New(reflect.TypeOf(r).Elem()).Interface()
			newer := append([]byte(`{"addedLater":{"x":[1]},`), bytes.TrimSpace(b)[1:]...)
			if err := json.Unmarshal(newer, r); err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			again, err := json.Marshal(r)
			if err != nil || !bytes.Equal(again, bytes.TrimSpace(b)) {
				t.Errorf("%s: reads as %s (%v)", file, again, err)
			}
		}
	}
}

func TestKeysKeepTheirForm(t *testing.T) {
	t.Parallel()
	r, keys := records(), map[string][]string{}
	for _, part := range []map[string][]string{identityKeys, deviceKeys, anchorKeys, threatKeys, riskKeys, complianceKeys, taxonomyKeys, statementKeys} {
		maps.Copy(keys, part)
	}
	for name, want := range keys {

		record, ok := r[name].(interface{ Key() Key })
		if !ok {
			t.Fatalf("%s has no key", name)
		}
		key := record.Key()
		got, err := json.Marshal(append([]string{string(key.Type)}, key.Parts...))
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, wanted) {
			t.Errorf("%s stands under %s, want %s", name, got, wanted)
		}
	}
}

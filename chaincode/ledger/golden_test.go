package ledger

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
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
	for _, part := range []map[string]any{identityRecords, deviceRecords, anchorRecords, threatRecords, riskRecords} {
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
			path := filepath.Join("testdata", name+".v1.golden.json")
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
	r := records()
	for name, want := range map[string][]string{
		"organisation": {"org", "hospital-north"},
		"model":        {"mdl", "04012345678901"},
		"release":      {"rel", "04012345678901", "2.1.0"},
		"unit":         {"dev", hex32(1)},
		"unit-change":  {"dev.ev", hex32(1), hex32(6)},
		"stream":       {"str", hex32(2)},
		"stream-owner": {"str.ow", "hospital-north"},
		"anchor":       {"anc", hex32(2), "000000000007"},
		"equivocation": {"str.eq", hex32(2)},
		"threat":       {"thr", hex32(9), "hospital-north"},
		"score":        {"rsk", hex32(1), "secant-exposure/1", hex32(10)},
	} {
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

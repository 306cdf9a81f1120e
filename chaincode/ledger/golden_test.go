package ledger

import (
	"bytes"
	"encoding/json"
	"flag"
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
	unit, stream := hex32(1), hex32(2)
	return map[string]any{
		"organisation": &Organisation{
			V: 1, ID: "hospital-north", Name: "North Hospital", Kind: KindHospital,
			Endpoint: "https://north.example", TokenKey: hex32(3), Since: at, Revision: 2,
		},
		"model": &Model{
			V: 1, DI: "04012345678901", Name: "Infusion pump <A&B>", ModelNumber: "IP-7", Manufacturer: "medtech",
			EMDN: "Z1203010201", RiskClass: "IIb", Registered: at,
		},
		"model-without-emdn": &Model{
			V: 1, DI: "04012345678901", Name: "Infusion pump", ModelNumber: "IP-7", Manufacturer: "medtech",
			RiskClass: "IIb", Registered: at,
		},
		"release": &Release{
			V: 1, DI: "04012345678901", Version: "2.1.0", SBOMDigest: hex32(4), SBOMFormat: FormatCycloneDX, Published: at,
		},
		"unit": &Unit{
			V: 1, ID: unit, DI: "04012345678901", Lot: "L42", Release: "2.1.0", Manufacturer: "medtech", Owner: "hospital-north",
			PublicKey: hex32(5), State: StateRegistered, Certification: CertificationNone, Since: at,
		},
		"unit-change": &UnitChange{V: 1, ID: unit, Tx: hex32(6), From: StateRegistered, To: StateInService, By: "hospital-north", Time: at},
		"stream": &Stream{
			V: 1, ID: stream, Owner: "hospital-north", Verifier: "north.example/log+00000000+AQ", Origin: "north.example/log", Opened: at,
		},
		"stream-owner": &StreamOwner{V: 1, Owner: "hospital-north", Stream: stream},
		"anchor": &Anchor{
			V: 1, Stream: stream, Sequence: 7, Size: 9007199254740993, Root: hex32(7),
			Checkpoint: "north.example/log\n1\nAA==\n\n— north.example/log AAAA\n", Tx: hex32(8), Time: at,
		},
		"equivocation": &Equivocation{V: 1, Stream: stream, First: "first", Second: "second", By: "authority", Time: at},
		"threat":       &Threat{V: 1, Digest: hex32(9), Marking: TLPGreen, MediaType: MediaTypeSTIX, Size: 1234, Sharer: "hospital-north", Shared: at},
		"score": &Score{
			V: 1, Subject: unit, Model: "secant-exposure/1", InputDigest: hex32(10), Value: 4250, Scorer: "hospital-north", Published: at,
		},
		"event": &Event{
			V: 1, Kind: EventUnitRegistered, Key: []string{"dev", unit}, Tx: hex32(11), Subjects: []string{unit, "hospital-north", "medtech"},
		},
	}
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

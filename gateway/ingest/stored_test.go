package ingest

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

// storedVault is a whole vault as it stood on a disk: the key that was made for
// it, its one segment, and what was put in.
type storedVault struct {
	Key      string          `json:"key"`
	Segment  string          `json:"segment"` // hex, cut to its records
	Requests []storedRequest `json:"requests"`
}

type storedRequest struct {
	Statement proof.Statement `json:"statement"`
	Storage   int             `json:"storage"`
	Records   []string        `json:"records"`
}

// What the first version stored stays readable for ever. The file is never
// written again: a vault written today would not show it.
func TestFirstVersionIsStillRead(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "vault-v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	var stored storedVault
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	segment, err := hex.DecodeString(stored.Segment)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"vault.key": []byte(stored.Key), "00000000000000000000.seg": segment} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v, err := vault.Open(t.Context(), dir, vault.Options{SegmentSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	l := &memoryLog{}
	p, err := Open(t.Context(), v, l, Options{Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if v.Size() != uint64(len(stored.Requests)) || len(stored.Requests) != 3 {
		t.Fatalf("%d requests", v.Size())
	}
	for i, want := range stored.Requests {
		o, err := p.open(t.Context(), want.Statement.Request)
		if err != nil {
			t.Fatal(err)
		}
		var records []string
		for _, record := range o.records {
			records = append(records, string(record))
		}
		if diff := cmp.Diff(want.Records, records); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want.Statement, o.statement); diff != "" {
			t.Error(diff)
		}
		if o.ordinal != uint64(i) || int(o.envelope.storage) != want.Storage {
			t.Errorf("request %d is stored as number %d in way %d", i, o.ordinal, o.envelope.storage)
		}
	}
	if _, err := Check(t.Context(), v, l, nil, nil); err != nil {
		t.Fatal(err)
	}
	_, err = p.Receipt(t.Context(), proof.RequestID{})
	wantCode(t, err, ledger.CodeNotFound)
}

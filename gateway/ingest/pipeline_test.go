package ingest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/secant-platform/secant/analytics/log"
	"github.com/secant-platform/secant/analytics/log/logtest"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/vault"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// device is a device that signs.
type device struct {
	unit proof.Hash
	key  ed25519.PublicKey
	sign ed25519.PrivateKey
}

func newDevice(tb testing.TB) *device {
	tb.Helper()
	key, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		tb.Fatal(err)
	}
	d := &device{key: key, sign: sign}
	rand.Read(d.unit[:])
	return d
}

const north = "hospital-north"

// request signs a body that has these records.
func (d *device) request(media string, body []byte, records ...[]byte) Request {
	var seed proof.Seed
	rand.Read(seed[:])
	return d.seeded(seed, media, body, records...)
}

func (d *device) seeded(seed proof.Seed, media string, body []byte, records ...[]byte) Request {
	root := proof.Root(proof.LeafHashes(nil, &seed, records))
	r := Request{Organisation: north, Unit: d.unit, Key: d.key, Seed: seed, MediaType: media, Body: bytes.NewReader(body)}
	copy(r.Signature[:], ed25519.Sign(d.sign, proof.SigningMessage(d.unit, len(records), root)))
	return r
}

// lines signs n readings as NDJSON.
func (d *device) lines(n int) (Request, [][]byte) {
	body := ndjson(n)
	records := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	return d.request(MediaNDJSON, body, records...), records
}

// ndjson gives n readings of 178 bytes each, line feed included: what a monitor
// sends once a second.
func ndjson(n int) []byte {
	var noise [4]byte
	b := make([]byte, 0, 178*n)
	for i := range n {
		rand.Read(noise[:])
		b = fmt.Appendf(b, `{"code":"8867-4","system":"http://loinc.org","value":%d.%02d,"unit":"/min","time":"2026-11-22T14:%02d:%02d.%03dZ","sequence":%d,"status":"final","channel":"MDC_ECG_HEART_RATE","n":"%x"}`+"\n",
			60+i%40, i%100, i/60%60, i%60, i%1000, 10_000_000+i, noise)
	}
	return b
}

func pack(tb testing.TB, b []byte) []byte {
	tb.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer e.Close()
	return e.EncodeAll(b, nil)
}

// node is a vault, a log and a pipeline over one directory.
type node struct {
	*Pipeline
	vault *vault.Vault
	log   *log.Log
	stop  func() error
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openNode(tb testing.TB, dir string, opts Options) *node {
	tb.Helper()
	logtest.Remove(tb, dir)
	v, err := vault.Open(tb.Context(), filepath.Join(dir, "vault"), vault.Options{SegmentSize: 1 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	l, err := log.Open(tb.Context(), filepath.Join(dir, "log"), log.Options{Origin: "secant/test/" + north, CheckpointInterval: 100 * time.Millisecond})
	if err != nil {
		tb.Fatal(err)
	}
	if opts.Logger == nil {
		opts.Logger = quiet()
	}
	p, err := Open(tb.Context(), v, l, opts)
	if err != nil {
		tb.Fatal(err)
	}
	n := &node{Pipeline: p, vault: v, log: l}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	n.stop = sync.OnceValue(func() error {
		cancel()
		return errors.Join(<-ended, l.Close(context.Background()), v.Close())
	})
	tb.Cleanup(func() { _ = n.stop() })
	awaitRunning(tb, p)
	return n
}

func awaitRunning(tb testing.TB, p *Pipeline) {
	tb.Helper()
	for range 30_000 {
		p.mu.Lock()
		s := p.state
		p.mu.Unlock()
		if s != idle {
			return
		}
		time.Sleep(time.Millisecond)
	}
	tb.Fatal("the pipeline did not begin")
}

// checkNode stops a node and proves all that it holds; it returns what Check says.
func checkNode(tb testing.TB, n *node, keys ...*device) Report {
	tb.Helper()
	report, err := Check(tb.Context(), n.vault, n.log, func(unit proof.Hash) ed25519.PublicKey {
		for _, d := range keys {
			if d.unit == unit {
				return d.key
			}
		}
		return nil
	}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := n.log.Check(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return report
}

func wantCode(tb testing.TB, err error, code ledger.Code) *ledger.Problem {
	tb.Helper()
	if ledger.CodeOf(err) != code {
		tb.Fatalf("want a problem %q, got %v", code, err)
	}
	p, _ := errors.AsType[*ledger.Problem](err)
	return p
}

// proves shows that the parts for a record lead from its bytes to the root that
// the device signed and to the log's entry.
func proves(tb testing.TB, n *node, r *Receipt, index int, want []byte) {
	tb.Helper()
	parts, err := n.ProofParts(tb.Context(), r.ID, index)
	if err != nil {
		tb.Fatal(err)
	}
	if !bytes.Equal(parts.Record, want) || parts.Index != index || parts.LogIndex != r.LogIndex {
		tb.Fatalf("the parts are of another record")
	}
	root, err := proof.RootFromPath(uint64(index), uint64(r.Count), proof.LeafHash(&parts.Salt, parts.Record), parts.Path)
	if err != nil || root != r.Root || parts.Statement.Root != root {
		tb.Fatalf("record %d of %d does not lead to the root: %v", index, r.Count, err)
	}
	entry, err := parts.Statement.EntryHash(&parts.EntrySalt)
	if err != nil {
		tb.Fatal(err)
	}
	logged, err := n.log.Entries(tb.Context(), r.LogIndex, r.LogIndex+1)
	if err != nil || logged[0] != entry {
		tb.Fatalf("the log holds another entry: %v", err)
	}
	record, media, err := n.Record(tb.Context(), r.ID, index)
	if err != nil || !bytes.Equal(record, want) || media != r.MediaType {
		tb.Fatalf("the record reads back otherwise: %v", err)
	}
}

const hl7Message = "MSH|^~\\&|MONITOR|ICU|EHR|NORTH|20261122140000||ORU^R01^ORU_R01|42|P|2.6\rPID|||ref-7\rOBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC||72|{beat}/min\r"

func TestEveryFormatIsTakenAndProven(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	type taken struct {
		receipt *Receipt
		records [][]byte
	}
	var all []taken
	submit := func(name string, r Request, records ...[]byte) {
		t.Helper()
		receipt, err := n.Submit(t.Context(), r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if receipt.Count != len(records) || receipt.Unit != d.unit || receipt.LogIndex != uint64(len(all)) || receipt.Received.IsZero() {
			t.Fatalf("%s: the receipt says %+v", name, receipt)
		}
		all = append(all, taken{receipt, records})
	}
	one := []byte("{\"value\": 72}\n")
	fhir := []byte(`{"resourceType":"Observation","valueQuantity":{"value":72}}`)
	submit("one", d.request(MediaJSON, one, one), one)
	submit("fhir", d.request(MediaFHIR+"; fhirVersion=4.0", fhir, fhir), fhir)
	pulse := []byte(`{"characteristic":"2a37","value":"0048","received":"2026-11-30T10:00:00Z"}`)
	submit("a characteristic's value", d.request(MediaGATT, pulse, pulse), pulse)
	senml, item := []byte(`[{"n":"t","v":36.6}]`), []byte{0xa1, 0x61, 'a', 0x0a}
	submit("senml", d.request(MediaSenML, senml, senml), senml)
	submit("a line feed in CBOR", d.request(MediaCBOR, item, item), item)
	submit("hl7", d.request(MediaHL7, []byte(hl7Message), []byte(hl7Message)), []byte(hl7Message))
	for _, count := range []int{1, 2, 3, 1000} {
		r, records := d.lines(count)
		submit("lines", r, records...)
	}
	r, records := d.lines(100)
	body := bytes.Join(records, []byte("\n"))
	r.Body, r.Encoding = bytes.NewReader(pack(t, body)), EncodingZstd
	submit("packed, no line feed at the end", r, records...)
	submit("not signed", Request{Organisation: north, Unit: d.unit, MediaType: MediaJSON, Body: strings.NewReader("[1]")}, []byte("[1]"))

	if v := all[len(all)-1].receipt.VouchedBy; v != proof.VouchedByNode {
		t.Fatalf("readings without a signature are vouched for by %q", v)
	}
	if v := all[0].receipt.VouchedBy; v != proof.VouchedByDevice {
		t.Fatalf("signed readings are vouched for by %q", v)
	}
	for _, r := range all {
		for i, record := range r.records {
			if i < 3 || i == len(r.records)-1 {
				proves(t, n, r.receipt, i, record)
			}
		}
		again, err := n.Receipt(t.Context(), r.receipt.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.receipt, again); diff != "" {
			t.Fatal(diff)
		}
		_, err = n.ProofParts(t.Context(), r.receipt.ID, len(r.records))
		wantCode(t, err, ledger.CodeNotFound)
		_, _, err = n.Record(t.Context(), r.receipt.ID, -1)
		wantCode(t, err, ledger.CodeNotFound)
	}
	_, err := n.Receipt(t.Context(), proof.RequestID{1})
	wantCode(t, err, ledger.CodeNotFound)

	report := checkNode(t, n, d)
	if report.Requests != uint64(len(all)) || report.Logged != report.Requests || report.Signatures != report.Requests-1 {
		t.Fatalf("checked %+v", report)
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestSameReadingsGetTheSameReceipt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := openNode(t, dir, Options{})
	d := newDevice(t)
	r, records := d.lines(50)
	body := bytes.Join(records, []byte("\n"))
	send := func(n *node) *Receipt {
		r := r
		r.Body = bytes.NewReader(body)
		receipt, err := n.Submit(t.Context(), r)
		if err != nil {
			t.Error(err)
		}
		return receipt
	}
	var at sync.WaitGroup
	var receipts []*Receipt
	var mu sync.Mutex
	for range 20 {
		at.Go(func() { // at once, as impatient devices do
			receipt := send(n)
			mu.Lock()
			defer mu.Unlock()
			receipts = append(receipts, receipt)
		})
	}
	at.Wait()
	receipts = append(receipts, send(n))
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	n = openNode(t, dir, Options{})
	receipts = append(receipts, send(n))
	for _, receipt := range receipts {
		if diff := cmp.Diff(receipts[0], receipt); diff != "" {
			t.Fatal(diff)
		}
	}
	if n.vault.Size() != 1 {
		t.Fatalf("the same readings were taken %d times", n.vault.Size())
	}

	// Another seed makes other commitments: these are readings sent anew.
	other, err := n.Submit(t.Context(), d.request(MediaNDJSON, body, records...))
	if err != nil || other.ID == receipts[0].ID {
		t.Fatalf("%v, %v", other, err)
	}
	// So does another device, which signs for itself.
	e := newDevice(t)
	other, err = n.Submit(t.Context(), e.seeded(r.Seed, MediaNDJSON, body, records...))
	if err != nil || other.ID == receipts[0].ID || other.LogIndex != 2 {
		t.Fatalf("%v, %v", other, err)
	}
	checkNode(t, n, d, e)
}

func TestForgedReadingsAreDenied(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d, other := newDevice(t), newDevice(t)
	_, records := d.lines(3)
	body := bytes.Join(records, []byte("\n"))
	for name, change := range map[string]func(*Request){
		"another device's key":    func(r *Request) { r.Key = other.key },
		"moved to another device": func(r *Request) { r.Unit = other.unit },
		"another seed":            func(r *Request) { r.Seed[0] ^= 1 },
		"a changed signature":     func(r *Request) { r.Signature[5] ^= 1 },
		"a changed record":        func(r *Request) { r.Body = bytes.NewReader(bytes.Replace(body, []byte("final"), []byte("fatal"), 1)) },
		"a record less":           func(r *Request) { r.Body = bytes.NewReader(bytes.Join(records[:2], []byte("\n"))) },
		"a record more":           func(r *Request) { r.Body = bytes.NewReader(append(bytes.Clone(body), "\n{}"...)) },
		"records in another order": func(r *Request) {
			r.Body = bytes.NewReader(bytes.Join([][]byte{records[1], records[0], records[2]}, []byte("\n")))
		},
		"a space that was not there":   func(r *Request) { r.Body = bytes.NewReader(append([]byte(" "), body...)) },
		"the same bytes as one record": func(r *Request) { r.Body = bytes.NewReader(records[0]); r.MediaType = MediaJSON },
	} {
		r := d.request(MediaNDJSON, body, records...)
		change(&r)
		_, err := n.Submit(t.Context(), r)
		if ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n.vault.Size() != 0 {
		t.Fatal("something forged was kept")
	}
}

func TestBadInputIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	limits := Limits{Wire: 64 << 10, Body: 128 << 10, Records: 100, Record: 4 << 10, Depth: 4}
	n := openNode(t, t.TempDir(), Options{Limits: limits})
	unit := newDevice(t).unit
	secret := "secret-value"
	bomb := pack(t, bytes.Repeat([]byte(" "), 4<<20))
	for _, c := range []struct {
		name, media, encoding, body string
		code                        ledger.Code
		faults                      []string // fields
	}{
		{"empty", MediaJSON, "", "", ledger.CodeInvalid, []string{"body"}},
		{"not JSON", MediaJSON, "", secret, ledger.CodeInvalid, []string{"body"}},
		{"two values", MediaJSON, "", `1 2`, ledger.CodeInvalid, []string{"body"}},
		{"FHIR is an object", MediaFHIR, "", `["` + secret + `"]`, ledger.CodeInvalid, []string{"body"}},
		{"FHIR names its resource", MediaFHIR, "", `{"a":{"resourceType":"` + secret + `"}}`, ledger.CodeInvalid, []string{"body"}},
		{"FHIR resource without a name", MediaFHIR, "", `{"resourceType":""}`, ledger.CodeInvalid, []string{"body"}},
		{"FHIR resource named by a number", MediaFHIR, "", `{"resourceType":123}`, ledger.CodeInvalid, []string{"body"}},
		{"lines that end in CR LF", MediaNDJSON, "", "{}\r\n{}\r\n", ledger.CodeInvalid, []string{"records[0]", "records[1]"}},
		{"several faults", MediaNDJSON, "", "{}\n\n[1]\n{\"" + secret + "\":1,\"" + secret + "\":2}\n{}\n\xff", ledger.CodeInvalid, []string{"records[1]", "records[2]", "records[3]", "records[5]"}},
		{"too deep", MediaJSON, "", "[[[[[1]]]]]", ledger.CodeTooLarge, []string{"body"}},
		{"record too large", MediaNDJSON, "", "{}\n{\"a\":\"" + strings.Repeat(secret, 400) + "\"}", ledger.CodeTooLarge, []string{"records[1]"}},
		{"too many records", MediaNDJSON, "", strings.Repeat("{}\n", 101), ledger.CodeTooLarge, nil},
		{"too large on the wire", MediaNDJSON, "", strings.Repeat("{}\n", 64<<10), ledger.CodeTooLarge, nil},
		{"too large unpacked", MediaNDJSON, EncodingZstd, string(bomb), ledger.CodeTooLarge, nil},
		{"not packed", MediaJSON, EncodingZstd, `{"a":1}`, ledger.CodeInvalid, []string{"body"}},
		{"not HL7", MediaHL7, "", "PID|||" + secret, ledger.CodeInvalid, []string{"body"}},
		{"no value of a characteristic", MediaGATT, "", `{"characteristic":"2a37","value":"0048","received":"` + secret + `"}`, ledger.CodeInvalid, []string{"body"}},
		{"several of them", MediaGATTs, "", "{\"characteristic\":\"2a37\",\"value\":\"0048\",\"received\":\"2026-11-30T10:00:00Z\"}\n{\"characteristic\":\"" + secret + "\"}", ledger.CodeInvalid, []string{"records[1]"}},
		{"no SenML", MediaSenML, "", `[{"n":"` + secret + `"}]`, ledger.CodeInvalid, []string{"body"}},
		{"no SenML in CBOR", MediaSenMLCBOR, "", secret, ledger.CodeInvalid, []string{"body"}},
		{"no CBOR", MediaCBOR, "", "\xff" + secret, ledger.CodeInvalid, []string{"body"}},
		{"unknown media type", "text/" + secret, "", "{}", ledger.CodeInvalid, []string{"Content-Type"}},
		{"no media type", "", "", "{}", ledger.CodeInvalid, []string{"Content-Type"}},
		{"another character set", MediaJSON + "; charset=latin1", "", "{}", ledger.CodeInvalid, []string{"Content-Type"}},
		{"unknown encoding", MediaJSON, "gzip", "{}", ledger.CodeInvalid, []string{"Content-Encoding"}},
	} {
		_, err := n.Submit(t.Context(), Request{Organisation: north, Unit: unit, MediaType: c.media, Encoding: c.encoding, Body: strings.NewReader(c.body)})
		p := wantCode(t, err, c.code)
		var fields []string
		for _, f := range p.Faults {
			fields = append(fields, f.Field)
			if f.Detail == "" {
				t.Errorf("%s: a fault says nothing", c.name)
			}
		}
		if diff := cmp.Diff(c.faults, fields); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the problem repeats what was sent: %v", c.name, err)
		}
	}
	many := strings.Repeat("[]\n", 90)
	_, err := n.Submit(t.Context(), Request{Organisation: north, Unit: unit, MediaType: MediaNDJSON, Body: strings.NewReader(many)})
	if p := wantCode(t, err, ledger.CodeInvalid); len(p.Faults) != maxFaults || !strings.Contains(p.Detail, "58 more") {
		t.Errorf("%d faults listed: %s", len(p.Faults), p.Detail)
	}
	_, err = n.Submit(t.Context(), Request{Key: make([]byte, 5), MediaType: MediaJSON})
	if p := wantCode(t, err, ledger.CodeInvalid); len(p.Faults) != 5 {
		t.Errorf("an incomplete request: %v", err)
	}
	if n.vault.Size() != 0 || n.active.Load() != 0 || n.coming.Load() != 0 || n.held.used.Load() != 0 || len(n.inflight) != 0 {
		t.Fatal("a refused request left something behind")
	}
}

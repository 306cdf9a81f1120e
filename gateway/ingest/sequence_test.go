package ingest

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// numbered signs a record under a number.
func (d *device) numbered(q proof.Sequence, record string) Request {
	r := d.request(MediaJSON, []byte(record), []byte(record))
	root := proof.Root(proof.LeafHashes(nil, &r.Seed, [][]byte{[]byte(record)}))
	copy(r.Signature[:], ed25519.Sign(d.sign, proof.SequencedMessage(d.unit, 1, root, q)))
	r.Sequence = q
	return r
}

// TestANumberIsPartOfWhatIsSigned: a request is one with its number, whoever sends it how
// often; under another number it is refused, unless that is signed.
func TestANumberIsPartOfWhatIsSigned(t *testing.T) {
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	q := proof.Sequence{Epoch: 7, Number: 1, Made: 3}
	first := d.numbered(q, `{"a":1}`)
	again := first
	again.Body = strings.NewReader(`{"a":1}`)
	one, err := n.Submit(t.Context(), first)
	if err != nil || one.Sequence != q {
		t.Fatalf("%+v %v", one, err)
	}
	if two, err := n.Submit(t.Context(), again); err != nil || two.ID != one.ID {
		t.Errorf("%+v %v", two, err)
	}
	for name, other := range map[string]proof.Sequence{
		"another number": {Epoch: 7, Number: 2, Made: 3}, "another epoch": {Epoch: 8, Number: 1, Made: 3},
		"another time": {Epoch: 7, Number: 1, Made: 4}, "none": {},
	} {
		r := first
		r.Sequence, r.Body = other, strings.NewReader(`{"a":1}`)
		if _, err := n.Submit(t.Context(), r); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The same readings with the same salts, signed under another number.
	r := d.seeded(first.Seed, MediaJSON, []byte(`{"a":1}`), []byte(`{"a":1}`))
	r.Sequence = proof.Sequence{Epoch: 7, Number: 2}
	root := proof.Root(proof.LeafHashes(nil, &r.Seed, [][]byte{[]byte(`{"a":1}`)}))
	copy(r.Signature[:], ed25519.Sign(d.sign, proof.SequencedMessage(d.unit, 1, root, r.Sequence)))
	two, err := n.Submit(t.Context(), r)
	if err != nil || two.ID == one.ID {
		t.Fatalf("%+v %v", two, err)
	}
	if same, err := n.Same(t.Context(), one.ID, two.ID); err != nil || !same {
		t.Errorf("%t %v", same, err)
	}
	three, err := n.Submit(t.Context(), d.numbered(proof.Sequence{Epoch: 7, Number: 3}, `{"a":2}`))
	if err != nil {
		t.Fatal(err)
	}
	if same, err := n.Same(t.Context(), one.ID, three.ID); err != nil || same {
		t.Errorf("%t %v", same, err)
	}
	if _, err := n.Same(t.Context(), one.ID, proof.RequestID{1}); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("%v", err)
	}
	r = first
	r.Sequence.Number = proof.MaxSequence + 1
	if _, err := n.Submit(t.Context(), r); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("%v", err)
	}
}

// TestWhenAMessageWasSent: it is read from the messages that say so, however they are
// kept.
func TestWhenAMessageWasSent(t *testing.T) {
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	long := strings.Repeat("OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|72\r", 100)
	want := []time.Time{time.Date(2009, 1, 1, 12, 0, 0, 0, time.UTC), {}, {}, time.Date(2009, 1, 1, 11, 0, 0, 0, time.UTC)}
	for _, r := range []Request{
		{MediaType: MediaHL7, Body: strings.NewReader("MSH|^~\\&|M|ICU|||20090101120000||ORU^R01|1|P|2.6\r")},
		{MediaType: MediaHL7, Body: strings.NewReader("MSH|^~\\&|M|ICU|||||ORU^R01|2|P|2.6\r")},
		{MediaType: MediaJSON, Body: strings.NewReader(`{"time":"2009-01-01T12:00:00Z"}`)},
		{MediaType: MediaHL7, Encoding: "zstd", Body: bytes.NewReader(pack(t, []byte("MSH|^~\\&|M|ICU|||20090101120000+0100||ORU^R01|3|P|2.6\r"+long)))},
	} {
		r.Organisation, r.Unit = north, d.unit
		if _, err := n.Submit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	var got []time.Time
	if _, err := n.Each(t.Context(), 0, 10, func(_ *Receipt, sent time.Time) { got = append(got, sent) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if !got[i].Equal(want[i]) {
			t.Errorf("%d: %s, want %s", i, got[i], want[i])
		}
	}
}

// TestAJudgeReadsAsThePipelineDoes: what it takes has the root that the pipeline finds,
// and what it refuses would be refused.
func TestAJudgeReadsAsThePipelineDoes(t *testing.T) {
	t.Parallel()
	j, err := NewJudge(Options{Limits: Limits{Wire: 2000, Body: 4000}})
	if err != nil {
		t.Fatal(err)
	}
	seed := proof.Seed{1}
	records := [][]byte{[]byte(`{"a":1}`), []byte(`{"a":2}`)}
	body := bytes.Join(records, []byte("\n"))
	for encoding, b := range map[string][]byte{"": body, "zstd": pack(t, body)} {
		count, root, err := j.Read(t.Context(), MediaNDJSON, encoding, &seed, b)
		if err != nil || count != 2 || root != proof.Root(proof.LeafHashes(nil, &seed, records)) {
			t.Errorf("%q: %d %v", encoding, count, err)
		}
	}
	for name, c := range map[string]struct {
		media, encoding string
		body            []byte
		code            ledger.Code
	}{
		"no form":           {"text/plain", "", body, ledger.CodeInvalid},
		"no encoding":       {MediaNDJSON, "gzip", body, ledger.CodeInvalid},
		"not packed":        {MediaNDJSON, "zstd", body, ledger.CodeInvalid},
		"no JSON":           {MediaJSON, "", body, ledger.CodeInvalid},
		"too long":          {MediaJSON, "", make([]byte, 2001), ledger.CodeTooLarge},
		"too long unpacked": {MediaJSON, "zstd", pack(t, make([]byte, 5000)), ledger.CodeTooLarge},
	} {
		if _, _, err := j.Read(t.Context(), c.media, c.encoding, &seed, c.body); ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

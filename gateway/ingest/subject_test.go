package ingest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// about is the readings about one subject in a request.
type about struct {
	subject string
	seed    proof.Seed
	records [][]byte
	packed  bool
}

func newAbout(name string, n int, packed bool) about {
	a := about{subject: name, packed: packed, records: bytes.Split(bytes.TrimSuffix(ndjson(n), []byte("\n")), []byte("\n"))}
	rand.Read(a.seed[:])
	return a
}

// parted writes a request in parts with another implementation of RFC 2046.
func parted(tb testing.TB, signed bool, all ...about) (contentType string, body []byte) {
	tb.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, a := range all {
		h := textproto.MIMEHeader{"Content-Type": {MediaNDJSON}, "Secant-Subject": {a.subject}}
		if signed {
			h.Set("Secant-Seed", base64.RawURLEncoding.EncodeToString(a.seed[:]))
		}
		lines := bytes.Join(a.records, []byte("\n"))
		if a.packed {
			h.Set("Content-Encoding", EncodingZstd)
			lines = pack(tb, lines)
		}
		part, err := w.CreatePart(h)
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = part.Write(lines)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return "multipart/mixed; boundary=" + w.Boundary(), b.Bytes()
}

// signParts signs once over the records of all subjects: their indices go on from one
// part to the next.
func (d *device) signParts(tb testing.TB, all ...about) (r Request, records [][]byte) {
	tb.Helper()
	var leaves []proof.Hash
	for i := range all {
		for _, record := range all[i].records {
			salt := proof.SaltOf(&all[i].seed, len(leaves))
			leaves = append(leaves, proof.LeafHash(&salt, record))
			records = append(records, record)
		}
	}
	media, body := parted(tb, true, all...)
	r = Request{Organisation: north, Unit: d.unit, Key: d.key, MediaType: media, Body: bytes.NewReader(body)}
	copy(r.Signature[:], ed25519.Sign(d.sign, proof.SigningMessage(d.unit, len(leaves), proof.Root(leaves))))
	return r, records
}

func again(r Request) Request {
	body := r.Body.(*bytes.Reader)
	_, _ = body.Seek(0, 0)
	return r
}

// One subject is erased: its records are gone, those of the others in the same request
// are read, proven and checked as before, also by a node that starts anew.
func TestOneSubjectIsErasedAndTheOthersStayProven(t *testing.T) {
	t.Parallel()
	for _, signed := range []bool{true, false} {
		dir := t.TempDir()
		n := openNode(t, dir, Options{})
		d := newDevice(t)
		all := []about{newAbout("p-1", 7, false), newAbout("p-2", 30, true), newAbout("p-3", 1, false)}
		r, records := d.signParts(t, all...)
		if !signed {
			media, body := parted(t, false, all...)
			r = Request{Organisation: north, Unit: d.unit, MediaType: media, Body: bytes.NewReader(body), Once: []byte("once")}
		}
		got, err := n.Submit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for i, record := range records {
			proves(t, n, got, i, record)
		}
		other, _ := d.signParts(t, newAbout("p-2", 2, false))
		alone, err := n.Submit(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := n.Submit(t.Context(), again(r)); err != nil || again.ID != got.ID {
			t.Fatalf("sent again: %v %v", again, err)
		}

		slots, err := n.EraseSubject(t.Context(), "p-2")
		if err != nil || len(slots) != 1 {
			t.Fatal(slots, err)
		}
		erased := func() {
			t.Helper()
			for i, record := range records {
				if i < 7 || i == 37 {
					proves(t, n, got, i, record)
					continue
				}
				_, _, err := n.Record(t.Context(), got.ID, i)
				if p := wantCode(t, err, ledger.CodeGone); !strings.Contains(p.Detail, "entry 0 of the integrity log") {
					t.Error(p.Detail)
				}
				_, err = n.ProofParts(t.Context(), got.ID, i)
				wantCode(t, err, ledger.CodeGone)
			}
			want := *got
			want.Erased = 30
			if r, err := n.Receipt(t.Context(), got.ID); err != nil || cmp.Diff(&want, r) != "" {
				t.Errorf("%+v %v", r, err)
			}
			report := checkNode(t, n, d)
			if report.Records != 8 || report.Shredded != 32 || report.Requests != 2 {
				t.Errorf("%+v", report)
			}
		}
		erased()
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		n = openNode(t, dir, Options{})
		erased()
		if again, err := n.Submit(t.Context(), again(r)); err != nil || again.ID != got.ID || again.Erased != 30 {
			t.Errorf("sent again: %v %v", again, err)
		}
		_, err = n.Submit(t.Context(), again(other))
		wantCode(t, err, ledger.CodeGone)

		// What remains to be done is known, done once, and then forgotten.
		if got := n.ErasedSubjects(); len(got) != 1 || got[0] != slots[0] {
			t.Error(got)
		}
		if empty, err := n.EraseEmpty(got.ID, []uint64{0, slots[0], 2}); empty || err != nil {
			t.Error(empty, err)
		}
		for range 2 {
			if empty, err := n.EraseEmpty(alone.ID, slots); !empty || err != nil {
				t.Error(empty, err)
			}
		}
		_, err = n.Receipt(t.Context(), alone.ID)
		wantCode(t, err, ledger.CodeGone)
		if err := n.FinishSubject(slots[0]); err != nil {
			t.Fatal(err)
		}
		if slots, err := n.EraseSubject(t.Context(), "p-2"); err != nil || len(slots) != 0 {
			t.Error(slots, err)
		}
		// The person comes back.
		r, _ = d.signParts(t, newAbout("p-2", 3, false))
		if got, err = n.Submit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if _, _, err := n.Record(t.Context(), got.ID, 2); err != nil {
			t.Error(err)
		}
		if report := checkNode(t, n, d); report.Erased != 1 || report.Shredded != 30 || report.Records != 8+3 {
			t.Errorf("%+v", report)
		}
	}
}

// A request that names its one subject is signed as any other, and is the same request
// as without the name, so that the name cannot be put on it afterwards.
func TestOneNamedSubjectChangesNothingThatIsSigned(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	r, records := d.lines(20)
	r.Subject = "p-1"
	got, err := n.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	proves(t, n, got, 3, records[3])
	plain := again(r)
	plain.Subject = ""
	if same, err := n.Submit(t.Context(), plain); err != nil || same.ID != got.ID {
		t.Errorf("%v %v", same, err)
	}
	other := again(r)
	other.Subject = "p-2"
	_, err = n.Submit(t.Context(), other)
	wantCode(t, err, ledger.CodeAlreadyExists)
	r, _ = d.lines(1)
	if _, err := n.Submit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	late := again(r)
	late.Subject = "p-1"
	_, err = n.Submit(t.Context(), late)
	wantCode(t, err, ledger.CodeAlreadyExists)
	if report := checkNode(t, n, d); report.Signatures != 2 {
		t.Errorf("%+v", report)
	}
}

func TestPartsThatAreRefused(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{Limits: Limits{Records: 100, Body: 10 << 10, Wire: 9 << 10}})
	d := newDevice(t)
	const a, b = "Secant-Subject: p-1\r\nContent-Type: application/x-ndjson\r\n\r\n{}", "Secant-Subject: p-2\r\nContent-Type: application/x-ndjson\r\n\r\n{}"
	of := func(parts ...string) string { return "--x\r\n" + strings.Join(parts, "\r\n--x\r\n") + "\r\n--x--\r\n" }
	many := make([]string, MaxSubjects+1)
	for i := range many {
		many[i] = fmt.Sprintf("Secant-Subject: p-%d\r\nContent-Type: application/json\r\n\r\n1", i)
	}
	seed := strings.Repeat("A", 43)
	for name, c := range map[string]struct {
		media, body string
		code        ledger.Code
		field       string
	}{
		"sound":                {body: of(a, b)},
		"without the last end": {body: strings.TrimSuffix(of(a, b), "\r\n")},
		"called":               {body: of("Content-Disposition: attachment; name=x\r\n"+a, b)},
		"no boundary":          {media: "multipart/mixed", body: of(a), code: ledger.CodeInvalid, field: "Content-Type"},
		"long boundary":        {media: "multipart/mixed; boundary=" + strings.Repeat("x", 71), body: of(a), code: ledger.CodeInvalid, field: "Content-Type"},
		"empty":                {code: ledger.CodeInvalid, field: "body"},
		"preamble":             {body: "hello\r\n" + of(a), code: ledger.CodeInvalid, field: "body"},
		"epilogue":             {body: of(a) + "hello", code: ledger.CodeInvalid, field: "body"},
		"no part":              {body: "--x--\r\n", code: ledger.CodeInvalid, field: "body"},
		"not ended":            {body: "--x\r\n" + a, code: ledger.CodeInvalid, field: "parts[0]"},
		"no headers":           {body: "--x\r\n\r\n{}\r\n--x--", code: ledger.CodeInvalid, field: "parts[0]"},
		"no delimiter's line":  {body: "--xy\r\n" + a + "\r\n--x--", code: ledger.CodeInvalid, field: "parts[0]"},
		"line feeds":           {body: strings.ReplaceAll(of(a), "\r\n", "\n"), code: ledger.CodeInvalid, field: "parts[0]"},
		"folded":               {body: of("Secant-Subject: p-1\r\n 2\r\nContent-Type: application/x-ndjson\r\n\r\n{}"), code: ledger.CodeInvalid, field: "parts[0]"},
		"a header twice":       {body: of("Secant-Subject: p-2\r\n" + a), code: ledger.CodeInvalid, field: "parts[0]"},
		"an unknown header":    {body: of("X-Name: Ada\r\n" + a), code: ledger.CodeInvalid, field: "parts[0]"},
		"large headers":        {body: of("Content-Disposition: " + strings.Repeat("x", maxHeaders) + "\r\n" + a), code: ledger.CodeInvalid, field: "parts[0]"},
		"no subject":           {body: of("Content-Type: application/x-ndjson\r\n\r\n{}"), code: ledger.CodeInvalid, field: "parts[0].Secant-Subject"},
		"a name":               {body: of(strings.Replace(a, "p-1", "Ada", 1)), code: ledger.CodeInvalid, field: "parts[0].Secant-Subject"},
		"a subject twice":      {body: of(a, a), code: ledger.CodeInvalid, field: "parts[1]"},
		"two types":            {body: of(a, strings.Replace(b, "x-nd", "", 1)), code: ledger.CodeInvalid, field: "parts[1]"},
		"parts in a part":      {body: of("Secant-Subject: p-1\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n{}"), code: ledger.CodeInvalid, field: "parts[0].Content-Type"},
		"gzip":                 {body: of("Content-Encoding: gzip\r\n" + a), code: ledger.CodeInvalid, field: "parts[0].Content-Encoding"},
		"a seed unsigned":      {body: of("Secant-Seed: " + seed + "\r\n" + a), code: ledger.CodeInvalid, field: "parts[0].Secant-Seed"},
		"not JSON":             {body: of(a, b+"\n{"), code: ledger.CodeInvalid, field: "parts[1].records[1]"},
		"nothing in it":        {body: of(a, strings.TrimSuffix(b, "{}")), code: ledger.CodeInvalid, field: "parts[1].records[0]"},
		"too many":             {body: of(many...), code: ledger.CodeTooLarge},
		"too many records":     {body: of(a+strings.Repeat("\n{}", 60), b+strings.Repeat("\n{}", 60)), code: ledger.CodeTooLarge},
		"too large": {body: of(
			strings.Replace(a, "\r\n\r\n{}", "\r\nContent-Encoding: zstd\r\n\r\n"+string(pack(t, []byte(`{"a":"`+strings.Repeat("x", 6<<10)+`"}`))), 1),
			strings.Replace(b, "\r\n\r\n{}", "\r\nContent-Encoding: zstd\r\n\r\n"+string(pack(t, []byte(`{"a":"`+strings.Repeat("x", 6<<10)+`"}`))), 1),
		), code: ledger.CodeTooLarge},
	} {
		media := c.media
		if media == "" {
			media = "multipart/mixed; boundary=x"
		}
		_, err := n.Submit(t.Context(), Request{Organisation: north, Unit: d.unit, MediaType: media, Body: strings.NewReader(c.body)})
		if ledger.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.field == "" {
			continue
		}
		if p := wantCode(t, err, c.code); len(p.Faults) != 1 || p.Faults[0].Field != c.field || strings.Contains(fmt.Sprint(p), "p-1") {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestSignedPartsThatAreRefused(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	one, two := newAbout("p-1", 2, false), newAbout("p-2", 2, false)
	r, _ := d.signParts(t, one, two)
	swapped, _ := d.signParts(t, two, one)
	swapped.Signature = r.Signature
	_, err := n.Submit(t.Context(), swapped)
	wantCode(t, err, ledger.CodeDenied)

	two.seed = one.seed
	same, _ := d.signParts(t, one, two)
	_, err = n.Submit(t.Context(), same)
	if p := wantCode(t, err, ledger.CodeInvalid); p.Faults[0].Field != "parts[1]" {
		t.Errorf("%+v", p)
	}
	two.seed = proof.Seed{}
	none, _ := d.signParts(t, one, two)
	_, err = n.Submit(t.Context(), none)
	wantCode(t, err, ledger.CodeInvalid)

	outside := again(r)
	outside.Seed = one.seed
	_, err = n.Submit(t.Context(), outside)
	wantCode(t, err, ledger.CodeInvalid)
	outside = again(r)
	outside.Subject = "p-1"
	_, err = n.Submit(t.Context(), outside)
	wantCode(t, err, ledger.CodeInvalid)
	outside = again(r)
	outside.Encoding = EncodingZstd
	_, err = n.Submit(t.Context(), outside)
	wantCode(t, err, ledger.CodeInvalid)
}

// A byte that is altered, of the record or of the file of keys, is found by the check,
// with a subject of the same request erased.
func TestAlteredBytesAreFoundBesideAnErasedSubject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := openNode(t, dir, Options{})
	d := newDevice(t)
	r, _ := d.signParts(t, newAbout("p-1", 3, false), newAbout("p-2", 3, false))
	if _, err := n.Submit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := n.EraseSubject(t.Context(), "p-1"); err != nil {
		t.Fatal(err)
	}
	checkNode(t, n, d)
	for name, c := range map[string]struct{ from, to, step int64 }{
		"00000000000000000000.seg": {64, 64 + 192 + 600, 37},
		"subjects.keys":            {128, 3 * 128, 7},
	} {
		path := filepath.Join(dir, "vault", name)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		for at := c.from; at < c.to; at += c.step {
			flip := func() {
				if _, err := f.ReadAt(b, at); err != nil {
					t.Fatal(err)
				}
				b[0] ^= 1
				if _, err := f.WriteAt(b, at); err != nil {
					t.Fatal(err)
				}
			}
			flip()
			if _, err := Check(t.Context(), n.vault, n.log, nil, nil); err == nil {
				t.Errorf("%s: byte %d may be altered", name, at)
			}
			flip()
		}
		_ = f.Close()
	}
	checkNode(t, n, d)
}

// Requests that name nobody lie in the vault as ever.
func TestUnnamedRequestsKeepTheirForm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := openNode(t, dir, Options{})
	r, _ := newDevice(t).lines(3)
	got, err := n.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	o, err := n.open(t.Context(), got.ID)
	if err != nil || len(o.envelope.segments) != 0 {
		t.Errorf("%+v %v", o, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "vault", "subjects.keys")); !os.IsNotExist(err) {
		t.Error(err)
	}
	if slots, err := n.EraseSubject(t.Context(), pseudonym.ID("p-1")); err != nil || len(slots) != 0 {
		t.Error(slots, err)
	}
}

// An HL7 message says itself whom it is about, also one that is compressed or signed.
func TestHL7MessagesNameTheirPatient(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	text := []byte(strings.Replace(hl7Message, "ref-7", "4711^^^NORTH&1.2.3&ISO^MR", 1))
	var ids []proof.RequestID
	for _, r := range []Request{
		d.request(MediaHL7, text, text),
		{Organisation: north, Unit: d.unit, MediaType: MediaHL7, Encoding: EncodingZstd, Body: bytes.NewReader(pack(t, text))},
	} {
		got, err := n.Submit(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if r.Key != nil {
			if same, err := n.Submit(t.Context(), again(r)); err != nil || same.ID != got.ID {
				t.Error(same, err)
			}
		}
		ids = append(ids, got.ID)
	}
	if slots, err := n.EraseSubject(t.Context(), pseudonym.OfIdentifier("urn:oid:1.2.3", "4711")); err != nil || len(slots) != 1 {
		t.Fatal(slots, err)
	}
	for _, id := range ids {
		_, _, err := n.Record(t.Context(), id, 0)
		wantCode(t, err, ledger.CodeGone)
	}
	checkNode(t, n, d)
}

// The number of a request in parts is part of what is signed, and so of what makes it the
// same request.
func TestPartsUnderAnotherNumberAreAnotherRequest(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	r, records := d.signParts(t, newAbout("p-1", 2, false), newAbout("p-2", 1, false))
	got, err := n.Submit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[proof.RequestID]bool{got.ID: true}
	for number := range uint64(2) {
		q := proof.Sequence{Epoch: 1, Number: number + 1}
		r.Sequence = q
		copy(r.Signature[:], ed25519.Sign(d.sign, proof.SequencedMessage(d.unit, len(records), got.Root, q)))
		for range 2 {
			next, err := n.Submit(t.Context(), again(r))
			if err != nil || next.Sequence != q {
				t.Fatalf("%+v %v", next, err)
			}
			ids[next.ID] = true
		}
	}
	if len(ids) != 3 {
		t.Errorf("%d requests", len(ids))
	}
	if report := checkNode(t, n, d); report.Signatures != 3 {
		t.Errorf("%+v", report)
	}
}

// Whoever says afterwards whom a file, or what the sender named itself, is about is not to
// believe that it can be erased by that.
func TestASubjectIsNotPutOnWhatNobodySigned(t *testing.T) {
	t.Parallel()
	n := openNode(t, t.TempDir(), Options{})
	d := newDevice(t)
	file, err := os.ReadFile(filepath.Join("..", "..", "network", "demo", "samples", "sleep.edf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Request{
		{Organisation: north, Unit: d.unit, MediaType: MediaEDF, Body: bytes.NewReader(file)},
		{Organisation: north, Unit: d.unit, MediaType: MediaJSON, Once: []byte("once"), Body: bytes.NewReader([]byte(`{"a":1}`))},
	} {
		if _, err := n.Submit(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		late := again(r)
		late.Subject = "p-1"
		_, err = n.Submit(t.Context(), late)
		wantCode(t, err, ledger.CodeAlreadyExists)
	}
}

// A subject is erased while a request about it is in the log and its sender not answered:
// that is erased as well, whatever the committer does meanwhile.
func TestErasedBeforeItWasAnswered(t *testing.T) {
	t.Parallel()
	logged, release := make(chan struct{}), make(chan struct{})
	n := openNode(t, t.TempDir(), Options{Step: func(name string) {
		if name == StepLogged {
			close(logged)
			<-release
		}
	}})
	d := newDevice(t)
	r, _ := d.lines(2)
	r.Subject = "p-1"
	sent := make(chan error, 1)
	go func() { _, err := n.Submit(t.Context(), r); sent <- err }()
	<-logged
	slots, err := n.EraseSubject(t.Context(), "p-1")
	if err != nil || len(slots) != 1 {
		t.Fatal(slots, err)
	}
	var id proof.RequestID
	if _, err := n.Each(t.Context(), 0, 10, func(r *Receipt, _ time.Time) { id = r.ID }); err != nil {
		t.Fatal(err)
	}
	if empty, err := n.EraseEmpty(id, slots); !empty || err != nil {
		t.Errorf("%t %v", empty, err)
	}
	close(release)
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if erased, err := n.Erased(id); !erased || err != nil {
		t.Errorf("%t %v", erased, err)
	}
}

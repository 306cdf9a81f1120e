package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/fhir"
	"github.com/secant-platform/secant/gateway/rest"
)

// signAbout returns headers and body of a request about several subjects, each of which
// has its records in a part with a seed of its own. The device signs once over all.
func (d device) signAbout(tb testing.TB, subjects []string, records map[string][]string) (map[string]string, []byte) {
	tb.Helper()
	var unit proof.Hash
	if err := unit.UnmarshalText([]byte(d.id)); err != nil {
		tb.Fatal(err)
	}
	var body bytes.Buffer
	var leaves []proof.Hash
	w := multipart.NewWriter(&body)
	for _, s := range subjects {
		var seed proof.Seed
		_, _ = rand.Read(seed[:])
		for _, record := range records[s] {
			salt := proof.SaltOf(&seed, len(leaves))
			leaves = append(leaves, proof.LeafHash(&salt, []byte(record)))
		}
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Type": {"application/x-ndjson"}, auth.HeaderSubject: {s}, auth.HeaderSeed: {base64.RawURLEncoding.EncodeToString(seed[:])},
		})
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprint(part, strings.Join(records[s], "\n"))
	}
	_ = w.Close()
	signature := ed25519.Sign(d.key, proof.SigningMessage(unit, len(leaves), proof.Root(leaves)))
	return map[string]string{
		"Content-Type": "multipart/mixed; boundary=" + w.Boundary(), auth.HeaderDevice: d.id,
		auth.HeaderSignature: base64.RawURLEncoding.EncodeToString(signature[:]),
	}, body.Bytes()
}

// traces finds which files of a folder hold one of the texts.
func traces(tb testing.TB, dir string, texts ...string) (found []string) {
	tb.Helper()
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, text := range texts {
			if bytes.Contains(b, []byte(text)) || strings.Contains(path, text) {
				found = append(found, text+" in "+path)
			}
		}
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return found
}

// TestOnePersonIsErasedAlone: one request is about three persons, another about one of
// them. That one is erased: what is about her is gone from every file and answer, the
// others' records in the same request are read and proven to a verifier who is offline,
// and the node's books are in order.
func TestOnePersonIsErasedAlone(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	type receipt struct {
		ID            string
		Count, Erased int
	}
	send := func(want int, header map[string]string, body []byte) (r receipt) {
		t.Helper()
		status, b := north.call("", http.MethodPost, "/v1/readings", body, header)
		if status != want {
			t.Fatalf("%d %s", status, b)
		}
		_ = json.Unmarshal(b, &r)
		return r
	}
	const ada, bob, eve = "wristband-4711", "wristband-4712", "wristband-4713"
	records := map[string][]string{
		ada: {`{"mark":"first-of-ada"}`, `{"mark":"second-of-ada"}`}, bob: {`{"mark":"first-of-bob"}`}, eve: {`{"mark":"first-of-eve"}`},
	}
	header, body := d.signAbout(t, []string{bob, ada, eve}, records)
	shared := send(http.StatusAccepted, header, body)
	aloneHeader, aloneBody := d.sign(t, `{"mark":"third-of-ada"}`)
	aloneHeader[auth.HeaderSubject] = ada
	alone := send(http.StatusAccepted, aloneHeader, aloneBody)
	plainHeader, plainBody := d.sign(t, `{"mark":"of-nobody"}`)
	plain := send(http.StatusAccepted, plainHeader, plainBody)
	if shared.Count != 4 {
		t.Fatalf("%+v", shared)
	}
	given := north.bundleOf(shared.ID, 1) // of ada, before

	erase := func(role string, want int, in any) (e rest.ErasedSubject) {
		t.Helper()
		north.want(want, role, http.MethodPost, "/v1/subjects/erase", in, &e)
		return e
	}
	for _, role := range []string{"auditor", "integrator", "registrar", "nurse"} {
		erase(role, http.StatusForbidden, map[string]any{"subject": ada})
	}
	for _, in := range []map[string]any{
		{}, {"subject": "Ada Lovelace"}, {"subject": ada, "identifier": map[string]any{"value": "1"}}, {"identifier": map[string]any{"system": "x"}},
	} {
		erase("operator", http.StatusUnprocessableEntity, in)
	}
	if e := erase("operator", http.StatusOK, map[string]any{"subject": ada}); e != (rest.ErasedSubject{Requests: 2, Records: 3, Complete: true}) {
		t.Errorf("%+v", e)
	}
	for _, in := range []string{ada, "never-seen-1"} { // no fault, and no telling
		if e := erase("operator", http.StatusOK, map[string]any{"subject": in}); e != (rest.ErasedSubject{Complete: true}) {
			t.Errorf("%+v", e)
		}
	}

	at := func(id string, index int, tail string) int {
		status, b := north.call("auditor", http.MethodGet, fmt.Sprintf("/v1/readings/%s/records/%d%s", id, index, tail), nil, nil)
		if status == http.StatusGone && bytes.Contains(b, []byte("wristband")) {
			t.Errorf("the answer names the subject: %s", b)
		}
		return status
	}
	for _, index := range []int{1, 2} {
		if got := []int{at(shared.ID, index, ""), at(shared.ID, index, "/proof")}; got[0] != http.StatusGone || got[1] != http.StatusGone {
			t.Errorf("record %d: %v", index, got)
		}
	}
	for index, want := range map[int]string{0: records[bob][0], 3: records[eve][0]} {
		v, err := c.verifier(t).VerifyJSON(north.bundleOf(shared.ID, index))
		if err != nil || v.Index != index || v.Count != 4 {
			t.Errorf("%s: %+v %v", want, v, err)
		}
		if _, b := north.call("auditor", http.MethodGet, fmt.Sprintf("/v1/readings/%s/records/%d", shared.ID, index), nil, nil); string(b) != want {
			t.Errorf("%s", b)
		}
	}
	for _, bundle := range [][]byte{given, north.bundleOf(plain.ID, 0)} {
		if _, err := c.verifier(t).VerifyJSON(bundle); err != nil {
			t.Error(err)
		}
	}
	var again receipt
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/readings/"+shared.ID, nil, &again)
	if again.Erased != 2 || again.Count != 4 {
		t.Errorf("%+v", again)
	}
	if status, _ := north.call("auditor", http.MethodGet, "/v1/readings/"+alone.ID, nil, nil); status != http.StatusGone {
		t.Error(status)
	}
	send(http.StatusGone, aloneHeader, aloneBody)
	if r := send(http.StatusAccepted, header, body); r.ID != shared.ID || r.Erased != 2 {
		t.Errorf("%+v", r)
	}
	var list fact.ReadingPage
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, &list)
	if len(list.Items) != 2 || list.Items[0].ID != plain.ID || list.Items[1].ID != shared.ID {
		t.Errorf("%+v", list.Items)
	}
	if slots := north.node.vault.ErasedSubjects(); len(slots) != 0 {
		t.Errorf("not finished: %v", slots)
	}
	if found := traces(t, north.cfg.Data, ada, bob, eve, "-of-ada", "-of-bob", "-of-nobody"); len(found) > 0 {
		t.Errorf("in clear: %q", found)
	}
	if log := north.log.String(); strings.Contains(log, "wristband") || strings.Contains(log, "-of-ada") {
		t.Error("the log tells")
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := checkNode(t.Context(), &north.cfg, c.network.Client("hospital-north"))
	if err != nil || report.Requests != 3 || report.Erased != 1 || report.Shredded != 2 || report.Records != 3 || report.Signatures != 2 {
		t.Errorf("%+v %v", report, err)
	}
	if found := traces(t, north.cfg.Data, ada, "-of-ada", "-of-bob"); len(found) > 0 {
		t.Errorf("in clear after the end: %q", found)
	}
}

// TestAnErasureGoesOnAfterACrash: the node ends between the destruction of the key and
// the rest. What was about the person is gone at once; the node that starts anew forgets
// what was left in its lists.
func TestAnErasureGoesOnAfterACrash(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	header, body := d.sign(t, `{"n":1}`)
	header[auth.HeaderSubject] = "p-1"
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, b)
	}
	list := func(r *running) int {
		page, err := r.node.store.ReadingsOf(t.Context(), fact.ReadingFilter{Unit: d.id}, ledger.PageRequest{Size: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Items)
	}
	north.await("the reading is listed", func() bool { return list(north) == 1 })
	p, err := north.node.readings.open()
	if err != nil {
		t.Fatal(err)
	}
	slots, err := p.EraseSubject(context.Background(), "p-1")
	if err != nil || len(slots) != 1 {
		t.Fatal(slots, err)
	}
	cfg := north.cfg
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	north = c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	north.await("what was left is forgotten", func() bool { return list(north) == 0 && len(north.node.vault.ErasedSubjects()) == 0 })
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	report, err := checkNode(t.Context(), &cfg, c.network.Client("hospital-north"))
	if err != nil || report.Erased != 1 || report.Shredded != 0 {
		t.Errorf("%+v %v", report, err)
	}
}

// TestANodeWithoutTheKeysOfItsSubjectsDoesNotStart: the file was lost. Were another
// subject to get the slot of one before, erasing it would take the other's requests.
func TestANodeWithoutTheKeysOfItsSubjectsDoesNotStart(t *testing.T) {
	c := newConsortium(t)
	north := c.start(t, "hospital-north")
	north.await("readings are taken", func() bool { return north.node.readings.pipeline.Load() != nil })
	if _, err := (resources{north.node.readings}).Submit(t.Context(), &fhir.Submission{Subject: "p-1", Body: []byte(`{"resourceType":"Patient"}`)}); err != nil {
		t.Fatal(err)
	}
	north.await("it is listed", func() bool { _, some, err := north.node.store.LastSubject(t.Context()); return some && err == nil })
	cfg := north.cfg
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(cfg.Data, "vault", "subjects.keys")
	if err := os.Rename(keys, keys+".away"); err != nil {
		t.Fatal(err)
	}
	north = c.launch(t, "hospital-north", cfg, func(string) {})
	north.mayFail = true
	north.awaitEnd()
	if err := north.stop(); err == nil || !strings.Contains(err.Error(), "subjects' keys") {
		t.Errorf("without its keys: %v", err)
	}
	if err := os.Rename(keys+".away", keys); err != nil {
		t.Fatal(err)
	}
	c.launch(t, "hospital-north", cfg, func(string) {}).ready()
}

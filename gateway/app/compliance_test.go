package app

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/defenseunicorns/go-oscal/src/pkg/validation"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const soundDI = "04012345678901"

// bill of which each part can be found in advisories.
const soundBill = `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"metadata":{"component":{"type":"firmware","name":"monitor","version":"2.0.0"}},
"components":[{"type":"library","name":"openssl","version":"3.0.9","purl":"pkg:generic/openssl@3.0.9"}]}`

// judged is what a node tells of a judgement.
type judged struct {
	Verdict, ResultDigest, Catalogue string
	Score                            int
	InUse                            bool
	ValidTo                          *time.Time
	Results                          []struct{ Control, Result, Reason string }
	Record                           *ledger.ControlAssessment
}

func (j *judged) result(control string) string {
	for _, r := range j.Results {
		if r.Control == control {
			return r.Result
		}
	}
	return ""
}

// sound registers a unit of a model about which everything is stated.
func (w *ward) sound(t *testing.T) device {
	t.Helper()
	w.maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/models", map[string]any{
		"di": soundDI, "name": "Bedside monitor", "modelNumber": "BM-2", "riskClass": "IIb", "basicUdiDi": "401234567MON1", "srn": "DE-MF-000012345",
		"supportEnd": time.Now().AddDate(5, 0, 0).Format(time.DateOnly),
	}, nil)
	status, b := w.maker.call("registrar", http.MethodPut, "/v1/models/"+soundDI+"/releases/2.0.0", []byte(soundBill), map[string]string{"Content-Type": "application/vnd.cyclonedx+json"})
	if status != http.StatusCreated {
		t.Fatalf("publishing a release: %d %s", status, b)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var unit struct{ ID string }
	w.maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units", map[string]any{
		"serial": "SN-SOUND", "di": soundDI, "lot": "L9", "release": "2.0.0", "owner": "hospital-north",
		"publicKey": hex.EncodeToString(public), "iDevId": ledger.BodyDigest([]byte("idevid")),
	}, &unit)
	for _, r := range []*running{w.north, w.authority} {
		r.await("the unit to be known", func() bool {
			_, err := r.node.store.Unit(t.Context(), unit.ID)
			return err == nil
		})
	}
	return device{unit.ID, private}
}

// adopt has the members accept the program's catalogue.
func (w *ward) adopt(t *testing.T) {
	t.Helper()
	var published struct{ ID string }
	w.authority.want(http.StatusCreated, "operator", http.MethodPost, "/v1/compliance/catalogue", nil, &published)
	w.authority.want(http.StatusConflict, "operator", http.MethodPost, "/v1/compliance/catalogue", nil, nil)
	var p struct{ ID string }
	w.authority.want(http.StatusCreated, "operator", http.MethodPost, "/v1/proposals", map[string]any{
		"kind": "accept_catalogue", "subject": map[string]any{"catalogue": published.ID}, "reason": "the first catalogue",
	}, &p)
	for _, r := range []*running{w.authority, w.north, w.south} {
		r.await("the proposal", func() bool {
			_, err := r.node.store.Proposal(t.Context(), p.ID)
			return err == nil
		})
		r.want(http.StatusCreated, "operator", http.MethodPost, "/v1/proposals/"+p.ID+"/votes", map[string]any{"approve": true}, nil)
	}
	w.authority.await("the votes", func() bool {
		got, err := w.authority.node.store.Proposal(t.Context(), p.ID)
		return err == nil && len(got.Approvals()) == 3
	})
	w.authority.want(http.StatusCreated, "operator", http.MethodPost, "/v1/proposals/"+p.ID+"/enactment", nil, nil)
	for _, r := range []*running{w.authority, w.north, w.maker} {
		r.await("the catalogue", func() bool {
			_, used, err := r.node.controls.InUse(t.Context())
			return err == nil && used != nil
		})
	}
}

// met has an organisation record evidence of controls.
func met(r *running, role string, subject map[string]any, controls ...string) {
	r.t.Helper()
	for _, c := range controls {
		body := map[string]any{"control": c, "claim": "met", "digest": ledger.BodyDigest([]byte(c))}
		for k, v := range subject {
			body[k] = v
		}
		r.want(http.StatusCreated, role, http.MethodPost, "/v1/compliance/evidence", body, nil)
	}
}

// assess judges and publishes at the authority's node.
func (w *ward) assess(unit string) judged {
	r := w.authority
	r.t.Helper()
	status, b := r.call("certifier", http.MethodPost, "/v1/units/"+unit+"/assessments", nil, nil)
	var j judged
	if err := json.Unmarshal(b, &j); err != nil || status != http.StatusCreated && status != http.StatusOK {
		r.t.Fatalf("assessing: %d %s", status, b)
	}
	return j
}

// certifyAt has an assessor sign what came of an assessment, or something else.
func (w *ward) certifyAt(t *testing.T, assessor *person, unit string, j judged, change func(map[string]any)) agreed {
	t.Helper()
	order := map[string]any{"catalogue": j.Catalogue, "score": j.Score, "verdict": j.Verdict, "resultDigest": j.ResultDigest}
	if j.ValidTo != nil {
		order["validTo"] = j.ValidTo
	}
	if change != nil {
		change(order)
	}
	var a agreed
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/units/"+unit+"/certification", order, &a)
	if err := assessor.answer(a.Persons[0].Link); err != nil {
		t.Fatal(err)
	}
	return endsAt(w.authority, "certifier", a.ID)
}

// TestCertificationByControls goes the way of a device from its registration over
// refusal, conditions and certification to a recall, a hold and a new assessment.
func TestCertificationByControls(t *testing.T) {
	if testing.Short() {
		t.Skip("five nodes")
	}
	w := openWard(t)
	d := w.sound(t)
	of := "/v1/units/" + d.id

	var j judged
	w.north.want(http.StatusOK, "auditor", http.MethodGet, of+"/assessment", nil, &j)
	if j.InUse || j.Verdict != ledger.VerdictNotCertifiable || len(j.Results) != len(compliance.BuiltIn().Controls) || j.result("ID-1") != "pass" {
		t.Errorf("before there is a catalogue it is %+v", j)
	}
	w.north.want(http.StatusConflict, "registrar", http.MethodPost, of+"/assessments", nil, nil)
	w.adopt(t)

	// Its owner's node judges by itself, and says so on the ledger.
	w.south.await("the owner's assessment", func() bool {
		page, err := w.south.node.store.ControlAssessments(t.Context(), d.id, ledger.PageRequest{})
		return err == nil && len(page.Items) > 0 && page.Items[0].Record.Assessor == "hospital-north" && page.Items[0].Record.Party == ledger.PartyOwner
	})
	w.south.want(http.StatusForbidden, "registrar", http.MethodPost, of+"/assessments", nil, nil)
	for _, role := range []string{"nurse", "auditor", "integrator"} {
		w.north.want(http.StatusForbidden, role, http.MethodPost, of+"/assessments", nil, nil)
	}

	// Refused, then on conditions, then certified.
	assessor := w.holder(t, w.authority, ledger.CredentialAssessor, "")
	model, unit := map[string]any{"di": soundDI}, map[string]any{"unit": d.id}
	if j = w.assess(d.id); j.Verdict != ledger.VerdictNotCertifiable || j.result("SB-1") != "pass" || j.Record == nil {
		t.Fatalf("nothing but the record is known, and it is %+v", j)
	}
	w.south.want(http.StatusForbidden, "registrar", http.MethodPost, "/v1/compliance/evidence", map[string]any{
		"unit": d.id, "control": "CE-1", "claim": "met", "digest": ledger.BodyDigest(nil),
	}, nil)
	met(w.authority, "certifier", unit, "ID-2", "DI-1", "SB-2")
	met(w.authority, "certifier", model, "CE-1")
	if j = w.assess(d.id); j.Verdict != ledger.VerdictRefused || j.ValidTo != nil {
		t.Fatalf("with little it is %s, %d", j.Verdict, j.Score)
	}
	if end := w.certifyAt(t, assessor, d.id, j, nil); end.State != "done" {
		t.Fatalf("a refusal ended as %+v %+v", end, end.Operation)
	}
	met(w.maker, "registrar", model, "SB-3", "SB-4", "UP-1", "UP-3", "AC-1", "AC-2", "CR-2", "NW-2", "PR-1", "DC-1")
	w.authority.await("the maker's evidence", func() bool {
		rows, err := w.authority.node.store.Evidence(t.Context(), d.id, soundDI, 100)
		return err == nil && len(rows) == 14
	})
	if j = w.assess(d.id); j.Verdict != ledger.VerdictConditional || j.ValidTo == nil || j.ValidTo.After(time.Now().Add(92*24*time.Hour)) {
		t.Fatalf("with more it is %s, %d until %v", j.Verdict, j.Score, j.ValidTo)
	}
	for name, change := range map[string]func(map[string]any){
		"another verdict":   func(o map[string]any) { o["verdict"], o["score"] = "certified", 9000 },
		"another score":     func(o map[string]any) { o["score"] = j.Score + 1 },
		"results of nobody": func(o map[string]any) { o["resultDigest"] = ledger.BodyDigest(nil) },
	} {
		if end := w.certifyAt(t, assessor, d.id, j, change); end.State != "failed" {
			t.Errorf("%s: ended as %+v", name, end)
		}
	}
	for _, other := range []string{"secant-controls/9", "controls-of-our-own/1", "IEC 81001-5-1"} {
		w.authority.want(http.StatusConflict, "certifier", http.MethodPost, of+"/certification", map[string]any{
			"catalogue": other, "score": j.Score, "verdict": j.Verdict, "resultDigest": j.ResultDigest, "validTo": j.ValidTo,
		}, nil)
	}
	if end := w.certifyAt(t, assessor, d.id, j, nil); end.State != "done" {
		t.Fatalf("on conditions it ended as %+v %+v", end, end.Operation)
	}
	w.conditions(t, d.id, j)
	w.north.await("the certification", func() bool { return w.unit(t, w.north, d.id).Certification == ledger.CertificationConditional })
	met(w.north, "registrar", unit, "AC-3", "AU-1", "CR-1", "NW-1", "DI-2")
	w.authority.await("the owner's evidence", func() bool {
		rows, err := w.authority.node.store.Evidence(t.Context(), d.id, soundDI, 100)
		return err == nil && len(rows) == 19
	})
	if j = w.assess(d.id); j.Verdict != ledger.VerdictCertified {
		t.Fatalf("with almost all it is %s, %d", j.Verdict, j.Score)
	}
	if end := w.certifyAt(t, assessor, d.id, j, nil); end.State != "done" {
		t.Fatalf("certified, it ended as %+v %+v", end, end.Operation)
	}
	w.recomputed(t, j)
	w.exceptions(t, assessor, d.id)

	// In service, recalled, held, mended, judged again.
	w.north.await("the certification", func() bool { return w.unit(t, w.north, d.id).Certification == ledger.CertificationFull })
	w.north.want(http.StatusCreated, "registrar", http.MethodPost, of+"/service", map[string]any{"ward": "ICU 2", "address": "10.20.0.7", "services": []any{}}, nil)
	headers, body := d.sign(t, `{"n":1}`)
	if status, b := w.north.call("", http.MethodPost, "/v1/readings", body, headers); status != http.StatusAccepted {
		t.Fatalf("readings: %d %s", status, b)
	}
	w.north.want(http.StatusOK, "auditor", http.MethodGet, of+"/assessment", nil, &j)
	if j.result("ID-2") != "pass" || j.result("DI-1") != "pass" || j.result("ID-3") != "unknown" {
		t.Errorf("after it signed a reading its own node says %+v", j.Results)
	}
	w.wordOfAModel(t, d.id)
	last, err := w.north.node.store.LastEvent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/recalls", map[string]any{
		"di": soundDI, "lot": "L9", "class": "II", "noticeDigest": ledger.BodyDigest(nil),
	}, nil)
	w.north.await("the hold", func() bool {
		u := w.unit(t, w.north, d.id)
		return u.OwnState() == ledger.StateHeld && slices.Equal(u.Holds, []string{ledger.HoldControl})
	})
	w.told(t, last, d.id)
	headers, body = d.sign(t, `{"n":2}`)
	if status, b := w.north.call("", http.MethodPost, "/v1/readings", body, headers); status != http.StatusAccepted {
		t.Errorf("a held device is stopped: %d %s", status, b)
	}
	w.authority.await("the hold", func() bool {
		u := w.unit(t, w.authority, d.id)
		return u.OwnState() == ledger.StateHeld
	})
	if j = w.assess(d.id); j.result("CE-2") != "fail" {
		t.Errorf("recalled it is %+v", j)
	}
	w.pages(t, d.id)
}

// conditions: a certificate of conformity says what the ledger says, whatever was
// asked for, and lasts no longer.
func (w *ward) conditions(t *testing.T, unit string, j judged) {
	t.Helper()
	if _, _, err := w.authority.node.controls.conform(t.Context(), "another-authority", map[string]any{"unit": unit}, 0); ledger.CodeOf(err) != ledger.CodeConflict {
		t.Errorf("of another authority's assessment: %v", err)
	}
	claims, life, err := w.authority.node.controls.conform(t.Context(), "authority", map[string]any{"unit": unit, "verdict": "certified", "score": 10000}, 0)
	if err != nil {
		t.Fatal(err)
	}
	open, _ := claims["conditions"].([]any)
	if claims["verdict"] != j.Verdict || claims["score"] != j.Score || claims["result_digest"] != j.ResultDigest || len(open) == 0 || life > time.Until(*j.ValidTo)+time.Minute {
		t.Errorf("the certificate would say %v for %s", claims, life)
	}
	w.authority.want(http.StatusCreated, "operator", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "DeviceCertification", "formats": []string{"dc+sd-jwt"}, "claims": map[string]any{"unit": unit},
	}, nil)
	w.authority.want(http.StatusUnprocessableEntity, "operator", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": "DeviceCertification", "formats": []string{"dc+sd-jwt"}, "claims": map[string]any{"unit": ledger.BodyDigest(nil)},
	}, nil)
}

// recomputed: another member's node has the document, and gets the same.
func (w *ward) recomputed(t *testing.T, j judged) {
	t.Helper()
	status, document := w.authority.call("auditor", http.MethodGet, "/v1/compliance/assessments/"+j.ResultDigest, nil, nil)
	if status != http.StatusOK || ledger.BodyDigest(document) != j.ResultDigest {
		t.Fatalf("the document: %d", status)
	}
	again, err := compliance.Recompute(compliance.BuiltIn(), document)
	if err != nil || again.Score != j.Score || again.Verdict != j.Verdict || again.InputDigest() != j.Record.InputDigest {
		t.Errorf("recomputed it is %+v (%v)", again, err)
	}
}

// exceptions are signed by a person, and end.
func (w *ward) exceptions(t *testing.T, assessor *person, unit string) {
	t.Helper()
	order := map[string]any{
		"unit": unit, "control": "ID-3", "effect": "tolerated", "reasonDigest": ledger.BodyDigest([]byte("why")), "until": time.Now().Add(48 * time.Hour),
	}
	w.north.want(http.StatusForbidden, "registrar", http.MethodPost, "/v1/compliance/exceptions", order, nil)
	var a agreed
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/compliance/exceptions", order, &a)
	if a.Needed != 1 || !strings.Contains(a.Says[0], "ID-3") {
		t.Errorf("the assessor is asked %+v", a)
	}
	if err := assessor.answer(a.Persons[0].Link); err != nil {
		t.Fatal(err)
	}
	if end := endsAt(w.authority, "certifier", a.ID); end.State != "done" {
		t.Fatalf("it ended as %+v %+v", end, end.Operation)
	}
	j := w.assess(unit)
	if j.Verdict != ledger.VerdictConditional || j.result("ID-3") != "tolerated" || j.ValidTo.After(time.Now().Add(48*time.Hour)) || len(j.Record.Exceptions) != 1 {
		t.Errorf("with an exception it is %s until %v: %+v", j.Verdict, j.ValidTo, j.Record)
	}
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/compliance/exceptions/end", map[string]any{
		"unit": unit, "control": "ID-3", "reasonDigest": order["reasonDigest"],
	}, nil)
	if j = w.assess(unit); j.Verdict != ledger.VerdictCertified || j.result("ID-3") != "unknown" {
		t.Errorf("without it, it is %s", j.Verdict)
	}
}

// told: the node's listeners hear which control failed, and that the ledger holds
// the device.
func (w *ward) told(t *testing.T, after, unit string) {
	t.Helper()
	var kinds []string
	w.north.await("the events", func() bool {
		events, err := w.north.node.store.Events(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		kinds = nil
		for _, e := range events {
			if slices.Contains(e.Subjects, unit) {
				kinds = append(kinds, e.Kind)
			}
			if e.Kind == "controls.failed" && !slices.Contains(e.Subjects, "CE-2") {
				t.Errorf("told of %v", e.Subjects)
			}
		}
		return slices.Contains(kinds, "controls.failed") && slices.Contains(kinds, string(ledger.EventUnitHeld))
	})
}

// pages: what auditors read, and their tools.
func (w *ward) pages(t *testing.T, unit string) {
	t.Helper()
	res := w.north.answer("auditor", http.MethodGet, "/v1/units/"+unit+"/report", nil, nil)
	defer res.Body.Close()
	var page bytes.Buffer
	if _, err := page.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'none'") ||
		!strings.Contains(page.String(), "Bedside monitor") || !strings.Contains(page.String(), "A recall is open") {
		t.Errorf("the report: %d %v", res.StatusCode, res.Header)
	}
	for _, path := range []string{"/v1/units/" + unit + "/assessment.oscal", "/v1/compliance/catalogue?format=oscal"} {
		status, b := w.north.call("auditor", http.MethodGet, path, nil, nil)
		v, err := validation.NewValidatorDesiredVersion(b, "1.1.3")
		if err == nil {
			err = v.Validate()
		}
		if status != http.StatusOK || err != nil {
			t.Errorf("%s: %d %v", path, status, err)
		}
	}
	w.north.want(http.StatusUnprocessableEntity, "auditor", http.MethodGet, "/v1/compliance/catalogue?format=xml", nil, nil)
	w.north.want(http.StatusForbidden, "patient", http.MethodGet, "/v1/units/"+unit+"/report", nil, nil)
	w.north.want(http.StatusNotFound, "auditor", http.MethodGet, "/v1/units/"+ledger.BodyDigest(nil)+"/report", nil, nil)
	w.north.want(http.StatusNotFound, "auditor", http.MethodGet, "/v1/compliance/assessments/"+ledger.BodyDigest(nil), nil, nil)
}

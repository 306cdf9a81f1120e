package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/risk"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// bundleOf waits for the proof of a record.
func (r *running) bundleOf(id string, index int) []byte {
	r.t.Helper()
	var bundle []byte
	r.await("a proof", func() bool {
		res := r.answer("auditor", http.MethodGet, fmt.Sprintf("/v1/readings/%s/records/%d/proof", id, index), nil, nil)
		defer res.Body.Close()
		switch {
		case res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "":
			return false
		case res.StatusCode != http.StatusOK:
			r.t.Fatalf("asking for a proof: %d", res.StatusCode)
		}
		var err error
		if bundle, err = io.ReadAll(res.Body); err != nil {
			r.t.Fatal(err)
		}
		return true
	})
	return bundle
}

// TestStory is the whole slice over the real contracts: a maker registers, a
// hospital commissions, a device sends, a reading is proven, a threat is shared
// and received, a score is published and recomputed.
func TestStory(t *testing.T) {
	c := newConsortium(t)
	maker, north, south := c.start(t, "medtech"), c.start(t, "hospital-north"), c.start(t, "hospital-south")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	atSouth := commission(t, maker, south, "SN-2")
	if d.id == atSouth.id {
		t.Fatal("two devices have one id")
	}

	// Readings, signed by the device.
	headers, body := d.sign(t, `{"bpm":61}`, `{"bpm":62}`, `{"bpm":63}`)
	status, b := north.call("", http.MethodPost, "/v1/readings", body, headers)
	if status != http.StatusAccepted {
		t.Fatalf("readings: %d %s", status, b)
	}
	var receipt struct {
		ID, VouchedBy string
		Count         int
		LogIndex      uint64
	}
	if err := json.Unmarshal(b, &receipt); err != nil || receipt.VouchedBy != "device" || receipt.Count != 3 {
		t.Fatalf("receipt: %s %v", b, err)
	}
	if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receipt.ID+"/records/1", nil, nil); status != 200 || string(b) != `{"bpm":62}` {
		t.Errorf("the record: %d %s", status, b)
	}
	bundle := north.bundleOf(receipt.ID, 1)
	verdict, err := c.verifier(t).VerifyJSON(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if verdict.VouchedBy != proof.VouchedByDevice || verdict.Unit != d.id || len(verdict.Witnesses) < 3 {
		t.Errorf("verdict: %+v", verdict)
	}
	altered := strings.Replace(string(bundle), "62}", "99}", 1)
	if _, err := c.verifier(t).VerifyJSON([]byte(altered)); err == nil {
		t.Error("an altered reading was not caught")
	}
	var anchored struct {
		Anchor *struct{ Sequence uint64 }
	}
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/readings/"+receipt.ID, nil, &anchored)
	if anchored.Anchor == nil || anchored.Anchor.Sequence != verdict.Sequence {
		t.Errorf("the receipt does not name its anchor: %+v", anchored)
	}

	// A threat, shared by north, seen by south with its own device.
	status, b = north.call("analyst", http.MethodPost, "/v1/threats?marking=green", []byte(report), map[string]string{"Content-Type": ledger.MediaTypeSTIX})
	if status != http.StatusCreated {
		t.Fatalf("sharing: %d %s", status, b)
	}
	digest := ledger.BodyDigest([]byte(report))
	type threat struct {
		Digest, Sharer, Title string
		Late, Held            bool
		Matches               []struct {
			Unit    string
			Reasons []string
		}
	}
	var seen threat
	south.await("the report to arrive and match", func() bool {
		status, b := south.call("analyst", http.MethodGet, "/v1/threats/"+digest, nil, nil)
		return status == http.StatusOK && json.Unmarshal(b, &seen) == nil && seen.Held && len(seen.Matches) > 0
	})
	if seen.Title != "OpenSSL under attack" || seen.Sharer != "hospital-north" || seen.Late || seen.Matches[0].Unit != atSouth.id {
		t.Errorf("south sees %+v", seen)
	}
	if status, b := south.call("analyst", http.MethodGet, "/v1/threats/"+digest+"/body", nil, nil); status != 200 || string(b) != report {
		t.Errorf("the body: %d %s", status, b)
	}
	var list struct{ Items []threat }
	south.want(http.StatusOK, "analyst", http.MethodGet, "/v1/threats?sharer=hospital-north&size=1", nil, &list)
	if len(list.Items) != 1 || list.Items[0].Digest != digest {
		t.Errorf("south lists %+v", list)
	}
	status, _ = north.call("analyst", http.MethodPost, "/v1/threats?marking=green", []byte(report), map[string]string{"Content-Type": ledger.MediaTypeSTIX})
	if status != http.StatusConflict {
		t.Errorf("sharing it twice: %d", status)
	}

	// A score, published and recomputed by another.
	var score struct {
		Value       int
		InputDigest string
		Reasons     []struct{ Text string }
	}
	north.await("north to have matched its own report", func() bool {
		_, b := north.call("analyst", http.MethodGet, "/v1/threats/"+digest, nil, nil)
		return json.Unmarshal(b, &seen) == nil && len(seen.Matches) > 0
	})
	north.want(http.StatusCreated, "risk-manager", http.MethodPost, "/v1/risk/scores", map[string]string{"subject": d.id}, &score)
	status, inputs := north.call("auditor", http.MethodGet, "/v1/risk/inputs/"+score.InputDigest, nil, nil)
	again, err := risk.Recompute(inputs)
	if status != http.StatusOK || err != nil || again.Value != score.Value || again.Digest != score.InputDigest || len(score.Reasons) == 0 {
		t.Errorf("score %+v, recomputed %+v, %v", score, again, err)
	}
	north.want(http.StatusOK, "risk-manager", http.MethodPost, "/v1/risk/scores", map[string]string{"subject": d.id}, nil)
	south.want(http.StatusForbidden, "risk-manager", http.MethodPost, "/v1/risk/scores", map[string]string{"subject": d.id}, nil)
	var scores struct{ Items []struct{ Value int } }
	south.await("south to see the score", func() bool {
		south.want(http.StatusOK, "auditor", http.MethodGet, "/v1/risk/scores?subject="+d.id, nil, &scores)
		return len(scores.Items) == 1
	})
	if scores.Items[0].Value != score.Value {
		t.Errorf("south reads %+v", scores)
	}

	// What the consortium sees of itself.
	var members struct {
		Items []struct{ ID, Endpoint string }
	}
	south.want(http.StatusOK, "operator", http.MethodGet, "/v1/organisations", nil, &members)
	if len(members.Items) != 3 {
		t.Errorf("members: %+v", members)
	}
	var own struct {
		Stream         string
		Size, Anchored uint64
	}
	north.want(http.StatusOK, "operator", http.MethodGet, "/v1/log", nil, &own)
	if own.Stream == "" || own.Size != 1 || own.Anchored != 1 {
		t.Errorf("log: %+v", own)
	}
	if status, b := north.call("operator", http.MethodGet, "/metrics", nil, nil); status != 200 || !strings.Contains(string(b), "secant_ingest_readings_total 3") {
		t.Errorf("metrics: %d %s", status, b)
	}
	for _, r := range []*running{maker, north, south} {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
		if log := r.log.String(); strings.Contains(log, "bpm") || strings.Contains(log, "SN-1") || strings.Contains(log, "eyJ") || strings.Contains(log, "ICU") {
			t.Errorf("the log of %s holds what it must not", r.cfg.Organisation)
		}
	}
}

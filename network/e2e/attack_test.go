package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// refused wants err to carry a problem with the code, wherever a peer put it.
func refused(tb testing.TB, err error, code ledger.Code) {
	tb.Helper()
	if err == nil {
		tb.Fatalf("accepted; want %s", code)
	}
	if !strings.Contains(details(err), "["+string(code)+"]") {
		tb.Fatalf("got %v; want %s", details(err), code)
	}
}

func TestAlteredReadingsAreCaught(t *testing.T) {
	n := live(t)
	d := n.newDevice(t, "hospital-south")
	south := n.node(t, "hospital-south", "auditor")
	id := d.send(south, readings(3)).ID
	bundle := south.bundle(id, 1)
	if out, err := n.verify(t, bundle); err != nil || !strings.Contains(out, "unchanged since") {
		t.Fatalf("the untouched bundle: %v\n%s", err, out)
	}

	var fields map[string]json.RawMessage
	if err := json.Unmarshal(bundle, &fields); err != nil {
		t.Fatal(err)
	}
	other := n.newDevice(t, "hospital-south")
	otherID := other.send(south, readings(1)).ID
	var foreign map[string]json.RawMessage
	if err := json.Unmarshal(south.bundle(otherID, 0), &foreign); err != nil {
		t.Fatal(err)
	}
	for field := range fields {
		if bytes.Equal(fields[field], foreign[field]) ||
			field == "anchor" && bytes.Equal(fields["checkpoint"], foreign["checkpoint"]) {
			continue // the same in both, or says the same: nothing to move
		}
		t.Run("with "+field+" of another device's reading", func(t *testing.T) {
			changed := map[string]json.RawMessage{}
			for k, v := range fields {
				changed[k] = v
			}
			changed[field] = foreign[field]
			b, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := n.verify(t, b); err == nil {
				t.Fatalf("accepted: %s", out)
			}
		})
	}
}

func TestSecondStreamIsRefused(t *testing.T) {
	n := live(t)
	_, verifier := newLogKey(t, "secant/dev/second/hospital-east")
	err := rawSubmit(t.Context(), n.contract(t, "hospital-east", "anchorer"), ledger.AnchorOpen, ledger.OpenStream{Verifier: verifier})
	refused(t, err, ledger.CodeAlreadyExists)
}

func TestForkedLogIsRefused(t *testing.T) {
	n := live(t)
	d := n.newDevice(t, "hospital-east")
	east := n.node(t, "hospital-east", "auditor")
	east.bundle(d.send(east, readings(1)).ID, 0) // there is at least one anchor
	c := n.contract(t, "hospital-east", "anchorer")
	last := n.lastAnchor(t, c, "hospital-east")

	// A tree of the right signer, larger than the last, that does not contain it.
	signer := n.logKey(t, "hospital-east")
	forged := signCheckpoint(t, signer, last.Size+1, bytes.Repeat([]byte{7}, 32))
	for name, proof := range map[string][]string{
		"without a proof":    {},
		"with a made-up one": {strings.Repeat("07", 32), strings.Repeat("08", 32)},
	} {
		t.Run(name, func(t *testing.T) {
			err := rawSubmit(t.Context(), c, ledger.AnchorCommit, ledger.CommitAnchor{
				Stream: last.Stream, Sequence: last.Sequence + 1, Checkpoint: forged, Proof: proof,
			})
			refused(t, err, ledger.CodeInvalid)
		})
	}
	t.Run("by another organisation", func(t *testing.T) {
		err := rawSubmit(t.Context(), n.contract(t, "hospital-south", "anchorer"), ledger.AnchorCommit, ledger.CommitAnchor{
			Stream: last.Stream, Sequence: last.Sequence + 1, Checkpoint: forged, Proof: []string{},
		})
		refused(t, err, ledger.CodeDenied)
	})
}

// TestClaimedTimeMustBeTheEndorsers has a client claim another time than now: an
// hour ago the peers themselves refuse, three minutes ago the chaincode does.
func TestClaimedTimeMustBeTheEndorsers(t *testing.T) {
	n := live(t)
	for _, tt := range []struct {
		offset time.Duration
		want   string
	}{{-time.Hour, "incorrect timestamp"}, {-3 * time.Minute, "[denied] the claimed time"}, {3 * time.Minute, "[denied] the claimed time"}} {
		err := n.endorseAt(t, "hospital-east", "anchorer", tt.offset, ledger.AnchorCommit, ledger.CommitAnchor{
			Stream: strings.Repeat("0", 64), Checkpoint: "any", Proof: []string{},
		})
		if err == nil || !strings.Contains(details(err), tt.want) {
			t.Errorf("claiming %v from now: %v, want %q", tt.offset, err, tt.want)
		}
	}
}

// TestOtherFunctionIsNoSignedRead puts what a majority of peers really signed, but
// for another function, where the signed read of the anchor belongs.
func TestOtherFunctionIsNoSignedRead(t *testing.T) {
	n := live(t)
	d := n.newDevice(t, "hospital-south")
	south := n.node(t, "hospital-south", "auditor")
	bundle := south.bundle(d.send(south, readings(1)).ID, 0)
	c := n.contract(t, "hospital-south", "anchorer")
	anchor := n.lastAnchor(t, c, "hospital-south")
	arg, err := json.Marshal(ledger.GetStream{ID: anchor.Stream})
	if err != nil {
		t.Fatal(err)
	}
	proposal, err := c.NewProposal(ledger.AnchorGetStream, client.WithArguments(string(arg)))
	if err != nil {
		t.Fatal(err)
	}
	endorsed, err := proposal.Endorse()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := proof.ParseBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	forged.Anchor = signedRead(t, endorsed)
	b, err := forged.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := n.verify(t, b); err == nil || !strings.Contains(out, "function") {
		t.Fatalf("accepted, or refused for another reason: %s", out)
	}
}

func TestUnauthorisedAndMalformedRequestsChangeNothing(t *testing.T) {
	n := live(t)
	north := n.node(t, "hospital-north", "")
	analyst := n.node(t, "hospital-north", "analyst")
	d := n.newDevice(t, "hospital-north")
	headers, body := d.signed(t, readings(2))
	const secret = "SUBMITTED-VALUE"
	tests := []struct {
		name, method, path, contentType string
		caller                          node
		body                            string
		headers                         []string
		want                            int
	}{
		{"nobody", http.MethodGet, "/v1/threats", "", north, "", nil, 401},
		{"wrong role", http.MethodPost, "/v1/models", "application/json", analyst, `{"di":"` + secret + `"}`, nil, 403},
		{
			"hospital registers a model", http.MethodPost, "/v1/models", "application/json", n.node(t, "hospital-north", "registrar"),
			`{"di":"` + secret + `","name":"n","modelNumber":"m","riskClass":"I"}`, nil, 403,
		},
		{
			"unknown field", http.MethodPost, "/v1/models", "application/json", n.node(t, "medtech", "registrar"),
			`{"di":"x","name":"n","modelNumber":"m","riskClass":"I","more":"` + secret + `"}`, nil, 422,
		},
		{
			"several faults", http.MethodPost, "/v1/models", "application/json", n.node(t, "medtech", "registrar"),
			`{"di":"` + secret + ` ","name":"","riskClass":"` + secret + `"}`, nil, 422,
		},
		{"broken JSON", http.MethodPost, "/v1/models", "application/json", n.node(t, "medtech", "registrar"), `{"di":"` + secret, nil, 400},
		{"wrong signature", http.MethodPost, "/v1/readings", "application/x-ndjson", north, string(body) + `{"more":1}` + "\n", headers, 403},
		{"readings by nobody", http.MethodPost, "/v1/readings", "application/x-ndjson", north, string(body), nil, 401},
		{
			"deeply nested", http.MethodPost, "/v1/threats?marking=green", "application/stix+json;version=2.1", analyst,
			strings.Repeat(`[`, 100_000), nil, 413,
		},
		{
			"oversized", http.MethodPost, "/v1/threats?marking=green", "application/stix+json;version=2.1", analyst,
			strings.Repeat(" ", 9<<20), nil, 413,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.caller.tb = t
			status, b := tt.caller.do(tt.method, tt.path, tt.contentType, []byte(tt.body), tt.headers...)
			var p struct {
				Title  string `json:"title"`
				Status int    `json:"status"`
			}
			if err := json.Unmarshal(b, &p); err != nil || p.Status != status || p.Title == "" {
				t.Errorf("not a problem document: %s", b)
			}
			if status != tt.want {
				t.Errorf("status %d, want %d: %s", status, tt.want, b)
			}
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("repeats what was submitted: %s", b)
			}
		})
	}
}

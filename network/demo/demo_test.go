package demo

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/risk"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestSignaturesAreThoseOfTheFormat holds the demo's own device against the
// platform's code: two makers of the same documented bytes.
func TestSignaturesAreThoseOfTheFormat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 700), 1, 70).Draw(t, "records")
		d := &device{Unit: strings.Repeat("5a", 32), Key: rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "key")}
		b := &batch{mediaType: "application/json", records: records}
		seed := proof.Seed(d.seed(b))
		want := proof.Root(proof.LeafHashes(nil, &seed, records))
		if got := treeRoot(seed[:], records); !bytes.Equal(got, want[:]) {
			t.Fatalf("root %x, want %x", got, want)
		}
	})
}

// TestSentReadingsAreWhatTheNodeChecks plays the node that receives a batch.
func TestSentReadingsAreWhatTheNodeChecks(t *testing.T) {
	t.Parallel()
	d := &device{Serial: "S", Unit: strings.Repeat("5a", 32), Key: bytes.Repeat([]byte{3}, 32)}
	b := vitalSigns(time.Unix(0, 0), 5)
	answer := func(root string) string {
		return fmt.Sprintf(`{"id":"1","unit":%q,"count":5,"root":%q,"vouchedBy":"device"}`, d.Unit, root)
	}
	lie := false
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var unit proof.Hash
		var sig proof.Signature
		var seed proof.Seed
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		_ = unit.UnmarshalText([]byte(r.Header.Get("Secant-Device")))
		_ = sig.UnmarshalText([]byte(r.Header.Get("Secant-Signature")))
		if given, err := base64.RawURLEncoding.DecodeString(r.Header.Get("Secant-Seed")); err == nil && len(given) == len(seed) {
			seed = proof.Seed(given)
		}
		records := bytes.Split(bytes.TrimSuffix(body.Bytes(), []byte("\n")), []byte("\n"))
		root := proof.Root(proof.LeafHashes(nil, &seed, records))
		public, _ := d.private().Public().(ed25519.PublicKey)
		if !ed25519.Verify(public, proof.SigningMessage(unit, len(records), root), sig[:]) || r.Header.Get("Authorization") != "" ||
			r.Header.Get("Content-Type") != "application/x-ndjson" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		if lie {
			root[0] ^= 1
		}
		rw.WriteHeader(http.StatusAccepted)
		_, _ = rw.Write([]byte(answer(root.String())))
	}))
	t.Cleanup(s.Close)
	c := &caller{client: s.Client(), org: north, base: s.URL, tokenFile: "absent"}
	if _, err := d.send(t.Context(), c, &b); err != nil {
		t.Fatal(err)
	}
	lie = true
	if _, err := d.send(t.Context(), c, &b); err == nil {
		t.Error("a receipt for something else was taken")
	}
}

// TestScoresAreRecomputedFromTheDescription holds the demo's own computation
// against the platform's.
func TestScoresAreRecomputedFromTheDescription(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := risk.Inputs{
			Unit:          strings.Repeat("ab", 32),
			State:         rapid.SampledFrom([]string{ledger.StateInService, ledger.StateRegistered}).Draw(t, "state"),
			Certification: rapid.SampledFrom([]string{ledger.CertificationNone, "certified"}).Draw(t, "certification"),
			Services:      rapid.IntRange(0, 30).Draw(t, "services"), Components: rapid.IntRange(0, 2).Draw(t, "components"),
		}
		for i := range rapid.IntRange(0, 8).Draw(t, "findings") {
			in.Findings = append(in.Findings, risk.Finding{
				Threat:   strings.Repeat(fmt.Sprintf("%02x", i), 32),
				Severity: rapid.IntRange(0, 10_000).Draw(t, "severity"), Confidence: rapid.IntRange(0, 10_000).Draw(t, "confidence"),
			})
		}
		want, err := risk.Compute(in)
		if err != nil {
			t.Fatal(err)
		}
		value, digest, err := recompute(want.Inputs)
		if err != nil || value != want.Value || digest != want.Digest {
			t.Fatalf("got %d %s, %v; want %d %s", value, digest, err, want.Value, want.Digest)
		}
	})
	if _, _, err := recompute([]byte(`{"model":"another"}`)); err == nil {
		t.Error("another model was computed")
	}
}

// TestSamplesWork holds the samples against what reads them in the nodes.
func TestSamplesWork(t *testing.T) {
	t.Parallel()
	for _, r := range releases {
		if parts, err := cti.Components(r.bill); err != nil || len(parts) < 4 {
			t.Errorf("bill of %s %s: %d components, %v", r.model.ModelNumber, r.version, len(parts), err)
		}
	}
	if kind, profile, err := readMessage(sampleMessage); err != nil || !strings.HasPrefix(kind, "ORU^R01") || !strings.Contains(profile, "PCD_001") {
		t.Errorf("the HL7 sample: %s, %s, %v", kind, profile, err)
	}
	parts, err := cti.Components(billPump34)
	if err != nil {
		t.Fatal(err)
	}
	own := ownAlert(time.Unix(1_800_000_000, 0))
	if len(fitting([]alert{own}, []service{{"tcp", 22}})) != 1 || !bytes.Contains(own.event, []byte("2027-01-15T08:00:00")) {
		t.Errorf("the own alert: %+v", own)
	}
	for name, event := range map[string][]byte{"run": own.event, "seed": seedAlert} {
		a, err := cti.ParseEVE(event)
		if err != nil {
			t.Fatal(err)
		}
		report, err := cti.FromEVE(a, cti.Sharer{ID: north, Name: "Hospital North"}, "green")
		if err != nil {
			t.Fatal(err)
		}
		hits := cti.Match(report, []cti.Device{
			{Unit: "pump", Services: []cti.Service{{Protocol: "tcp", Port: 22}, {Protocol: "tcp", Port: 80}}, Components: parts},
			{Unit: "monitor", Services: []cti.Service{{Protocol: "https", Port: 443}}},
		})
		if len(hits) != 1 || hits[0].Unit != "pump" {
			t.Errorf("%s: %+v", name, hits)
		}
		t.Log(name, hits)
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][3]string{
		`{"v":97,"t":"x"}`: {`{"v":90,"t":"x"}`, "97", "90"},
		"|128\r":           {"|121\r", "128", "121"},
		"no digit":         {"no digit!", "its end", "an exclamation mark"},
	} {
		altered, was, is := change([]byte(in))
		if string(altered) != want[0] || was != want[1] || is != want[2] {
			t.Errorf("%q: got %q, %q, %q", in, altered, was, is)
		}
	}
}

func TestForgeTouchesNothingElse(t *testing.T) {
	t.Parallel()
	for _, content := range []string{`"text":"a1"`, `"base64":"/wE="`} {
		bundle := []byte(`{"record":{` + content + `,"digest":"00","index":3},"big":18446744073709551615}`)
		for _, correct := range []bool{false, true} {
			out, err := forge(bundle, []byte("a2"), correct)
			if err != nil {
				t.Fatal(err)
			}
			got, err := recordOf(out)
			if err != nil || string(got) != "a2" {
				t.Errorf("record %q, %v", got, err)
			}
			if !bytes.Contains(out, []byte(`"big":18446744073709551615`)) || !bytes.Contains(out, []byte(`"index":3`)) {
				t.Errorf("something else was changed: %s", out)
			}
			if bytes.Contains(out, []byte(`"digest":"00"`)) == correct {
				t.Errorf("digest corrected: %v, in %s", correct, out)
			}
		}
	}
}

func TestCallsAreTriedAgainOnlyWhenTheyMayYetSucceed(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	calls := 0
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		calls++
		status, code := http.StatusServiceUnavailable, "busy"
		switch {
		case r.Header.Get("Authorization") != "Bearer abc":
			status, code = http.StatusUnauthorized, "unauthenticated"
		case r.URL.Path == "/no":
			status, code = http.StatusUnprocessableEntity, "invalid"
		case calls == 3:
			_, _ = rw.Write([]byte(`{"x":1}`))
			return
		}
		rw.WriteHeader(status)
		_, _ = fmt.Fprintf(rw, `{"status":%d,"code":%q,"detail":"why","errors":[{"location":"body.a","detail":"must be"}]}`, status, code)
	}))
	t.Cleanup(s.Close)
	c := &caller{client: s.Client(), org: north, base: s.URL, tokenFile: token}
	var out struct{ X int }
	if err := c.get(t.Context(), "/", &out); err != nil || out.X != 1 || calls != 3 {
		t.Errorf("after %d calls: %v, %v", calls, out, err)
	}
	calls = 0
	err := c.get(t.Context(), "/no", &out)
	if !refused(err, ledger.CodeInvalid) || calls != 1 || !strings.Contains(err.Error(), "body.a must be") {
		t.Errorf("after %d calls: %v", calls, err)
	}
	if _, err := (&caller{client: s.Client(), base: s.URL, tokenFile: "absent"}).once(t.Context(), request{method: "GET"}); err == nil {
		t.Error("called without a token")
	}
}

func TestCommandsThatTakeLongAreFollowed(t *testing.T) {
	t.Parallel()
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			rw.Header().Set("Location", "/v1/operations"+r.URL.Path)
			rw.WriteHeader(http.StatusAccepted)
		case strings.HasSuffix(r.URL.Path, "/fails"):
			_, _ = rw.Write([]byte(`{"state":"failed","problem":{"code":"already_exists","detail":"it is there"}}`))
		default:
			asked++
			_, _ = fmt.Fprintf(rw, `{"state":%q}`, []string{"stored", "endorsed", "done"}[min(asked-1, 2)])
		}
	}))
	t.Cleanup(s.Close)
	c := &caller{client: s.Client(), base: s.URL}
	if err := c.command(t.Context(), "/works", nil); err != nil || asked != 3 {
		t.Errorf("after %d looks: %v", asked, err)
	}
	if err := c.command(t.Context(), "/fails", nil); !refused(err, ledger.CodeAlreadyExists) {
		t.Errorf("got %v", err)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := await(ctx, "nothing", func(context.Context) (bool, error) { return false, nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestOpenWantsAConsortium(t *testing.T) {
	t.Parallel()
	if err := Seed(t.Context(), Target{Dir: t.TempDir()}, &bytes.Buffer{}); err == nil {
		t.Error("an empty directory was taken for a consortium")
	}
	err := Run(t.Context(), Target{Dir: t.TempDir()}, "", &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "secant up") {
		t.Errorf("no word of what to do: %v", err)
	}
}

func TestDevicesKeepTheirKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, err := w.makeDevice("S-1", north)
	if err != nil {
		t.Fatal(err)
	}
	d.Unit = "u"
	if err := w.keep(d); err != nil {
		t.Fatal(err)
	}
	again, err := w.makeDevice("S-1", north)
	if err != nil || again.publicKey() != d.publicKey() || again.Unit != "u" {
		t.Errorf("got %+v, %v", again, err)
	}
	info, err := os.Stat(w.deviceFile("S-1"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	if err := os.WriteFile(w.deviceFile("S-1"), []byte(`{"serial":"S-2"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.makeDevice("S-1", north); err == nil {
		t.Error("a damaged device was taken")
	}
}

package app

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
	"github.com/secant-platform/secant/gateway/config"
)

// tokenFile writes a token of a role into a file.
func (r *running) tokenFile(role string) string {
	r.t.Helper()
	token, err := Token(r.cfg, role, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// client calls the node in a role.
func (r *running) client(role string, opts ...client.Option) *client.Client {
	r.t.Helper()
	if role != "" {
		opts = append(opts, client.WithTokenFile(r.tokenFile(role)))
	}
	c, err := client.New(r.url, opts...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// TestTheClientsExamplesRun runs the examples of gateway/client against real nodes, in
// the package where its readers find them.
func TestTheClientsExamplesRun(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles another package's tests, which -short leaves out")
	}
	t.Parallel()
	c := newConsortium(t)
	maker, north := c.start(t, "medtech"), c.start(t, "hospital-north")
	run := exec.CommandContext(t.Context(), "go", "test", "../client", "-run", "^TestExamplesRun$", "-count=1", "-v")
	run.Env = append(run.Environ(),
		"SECANT_EXAMPLE_MAKER="+maker.url, "SECANT_EXAMPLE_MAKER_TOKEN="+maker.tokenFile("registrar"),
		"SECANT_EXAMPLE_HOSPITAL="+north.url, "SECANT_EXAMPLE_REGISTRAR_TOKEN="+north.tokenFile("registrar"),
		"SECANT_EXAMPLE_AUDITOR_TOKEN="+north.tokenFile("auditor"), "SECANT_EXAMPLE_TRUST="+c.trust())
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestExamplesRun") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAProgramIntegrates: a program signs in by its key, hands in readings of each
// kind, and is told what is wrong.
func TestAProgramIntegrates(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "2026"}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.config("hospital-north")
	cfg.SignIn.Services = []config.Service{{ID: "lab", Keys: set, Roles: []string{"integrator"}}}
	north, maker := c.launch(t, "hospital-north", cfg, func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	ctx := t.Context()
	program := north.client("", client.WithService(client.Service{ID: "lab", KeyID: "2026", Key: key}))

	var unit proof.Hash
	if err := unit.UnmarshalText([]byte(d.id)); err != nil {
		t.Fatal(err)
	}
	// By the node's word, from the device, and many at once.
	receipt, err := program.Submit(ctx, client.Readings{Unit: unit, Records: [][]byte{[]byte(`{"bpm":60}`)}})
	if err != nil || receipt.VouchedBy != proof.VouchedByNode {
		t.Fatalf("%+v %v", receipt, err)
	}
	if b, media, err := program.Record(ctx, receipt.ID, 0); err != nil || string(b) != `{"bpm":60}` || media != client.MediaJSON {
		t.Errorf("%s %s %v", b, media, err)
	}
	signed := client.Readings{Unit: unit, Key: d.key, Seed: proof.Seed{1}, Records: [][]byte{[]byte(`{"wave":"` + strings.Repeat("x", 5000) + `"}`)}}
	first, err := north.client("").Submit(ctx, signed)
	if err != nil {
		t.Fatal(err)
	}
	again, err := north.client("").Submit(ctx, signed)
	if err != nil || again.ID != first.ID || first.VouchedBy != proof.VouchedByDevice {
		t.Errorf("the same again: %+v %v, was %+v", again, err, first)
	}
	stream := func(yield func([]byte) bool) {
		for i := range 4500 {
			if !yield(fmt.Appendf(nil, `{"n":%d}`, i)) {
				return
			}
		}
	}
	var counts []int
	for r, err := range north.client("").SubmitStream(ctx, client.Readings{Unit: unit, Key: d.key}, stream) {
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, r.Count)
		if record, _, err := program.Record(ctx, r.ID, 0); err != nil || string(record) != fmt.Sprintf(`{"n":%d}`, 1000*(len(counts)-1)) {
			t.Errorf("request %d begins with %s: %v", len(counts), record, err)
		}
	}
	if !slices.Equal(counts, []int{1000, 1000, 1000, 1000, 500}) {
		t.Errorf("receipts for %v", counts)
	}
	bundle, err := program.WaitProof(ctx, first.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := os.ReadFile(c.trust())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := client.Verify(trust, bundle); err != nil || v.Request != first.ID.String() || v.Unit != d.id {
		t.Errorf("%v %v", v, err)
	}
	if _, err := client.Verify(trust, []byte(strings.Replace(string(bundle), "xxx", "xxy", 1))); err == nil {
		t.Error("an altered bundle holds")
	}
	if r, err := program.Receipt(ctx, first.ID); err != nil || r.Anchor == nil {
		t.Errorf("%+v %v", r, err)
	}

	// What is refused is told, as what it is.
	_, err = program.Model(ctx, "none")
	problem, ok := errors.AsType[*ledger.Problem](err)
	if !ok || problem.Code != ledger.CodeNotFound || client.Unknown(err) {
		t.Errorf("no such model: %v", err)
	}
	_, err = program.RegisterModel(ctx, client.NewModel{DI: "X"})
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusForbidden || ledger.CodeOf(err) != ledger.CodeDenied || e.Request == "" {
		t.Errorf("without the right: %v", err)
	}
	_, err = maker.client("registrar").RegisterModel(ctx, client.NewModel{DI: "X"})
	if e, ok := errors.AsType[*client.Error](err); !ok || ledger.CodeOf(err) != ledger.CodeInvalid || len(e.Faults) < 2 {
		t.Errorf("a model with nothing: %v", err)
	}
	for _, err := range maker.client("").Models(ctx) {
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != "unauthenticated" {
			t.Errorf("without a token: %v", err)
		}
	}
	if _, err := north.client("").Submit(ctx, client.Readings{Unit: unit, Key: ed25519.NewKeyFromSeed(make([]byte, 32)), Records: [][]byte{[]byte("{}")}}); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another's key: %v", err)
	}
}

// TestAListenerGoesOnWhereItWas: what happens while a node is down is not missed.
func TestAListenerGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	c := newConsortium(t)
	maker := c.start(t, "medtech")
	registrar, auditor := maker.client("registrar"), maker.client("auditor")
	register := func(di string) {
		t.Helper()
		if _, err := registrar.RegisterModel(t.Context(), client.NewModel{DI: di, Name: "M", ModelNumber: "1", RiskClass: "I"}); err != nil {
			t.Fatal(err)
		}
	}
	register("A")
	var before []fact.Event
	for e, err := range auditor.Events(t.Context(), client.Since{Oldest: true, Now: true}) {
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, e)
	}
	register("B")
	register("C")
	var got []string
	for e, err := range auditor.Events(t.Context(), client.Since{After: before[len(before)-1].ID}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == "model.registered" {
			if got = append(got, e.Key[1]); len(got) == 2 {
				break
			}
		}
	}
	if !slices.Equal(got, []string{"B", "C"}) {
		t.Errorf("%v", got)
	}
	for _, err := range auditor.Events(t.Context(), client.Since{After: "MARKED"}) {
		if ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Error(err)
		}
	}
}

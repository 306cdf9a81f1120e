package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/client/clienttest"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
)

var update = flag.Bool("update", false, "derive the forms anew from the chaincode's metadata")

// schema is the part of a JSON schema that the chaincode's metadata uses.
type schema struct {
	Ref        string `json:"$ref"`
	Type       string
	Format     string
	Items      *schema
	Properties map[string]schema
	Required   []string
}

// TestFormsAreThoseOfTheChaincode derives the forms from the metadata.
func TestFormsAreThoseOfTheChaincode(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join("..", "..", "chaincode", "testdata", "metadata.golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var metadata struct {
		Contracts map[string]struct {
			Transactions []struct {
				Name       string
				Parameters []struct{ Schema schema }
			}
		}
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(b, &metadata); err != nil {
		t.Fatal(err)
	}
	var text func(s schema) string
	text = func(s schema) string {
		if s.Ref != "" {
			s = metadata.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
		}
		switch {
		case s.Items != nil:
			return "[" + text(*s.Items) + "]"
		case s.Type == "" && len(s.Properties) > 0 || s.Type == "object":
			names := slices.Clone(s.Required)
			var optional []string
			for name := range s.Properties {
				if !slices.Contains(names, name) {
					optional = append(optional, name)
				}
			}
			slices.Sort(optional)
			var parts []string
			for _, name := range append(names, optional...) {
				part := name
				if slices.Contains(optional, name) {
					part += "?"
				}
				if inner := text(s.Properties[name]); inner != "text" {
					part += ": " + inner
				}
				parts = append(parts, part)
			}
			return "{" + strings.Join(parts, ", ") + "}"
		case s.Format == "date-time":
			return "RFC 3339 time"
		case s.Type == "string":
			return "text"
		case s.Type == "boolean":
			return "true|false"
		}
		return "number"
	}
	forms := map[string]string{}
	for contract, c := range metadata.Contracts {
		for _, tx := range c.Transactions {
			if name := contract + ":" + tx.Name; len(tx.Parameters) == 1 {
				forms[name] = text(tx.Parameters[0].Schema)
			}
		}
	}
	var want strings.Builder
	for _, name := range ledger.Names {
		fmt.Fprintf(&want, "%s %s\n", name, forms[name])
		if forms[name] == "" {
			t.Errorf("%s is not in the metadata: write that anew first (go test ./chaincode -update)", name)
		}
	}
	if *update {
		if err := os.WriteFile("forms.golden.txt", []byte(want.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), formsText); diff != "" {
		t.Errorf("-chaincode +forms.golden.txt (-update rewrites it):\n%s", diff)
	}
}

// desk is the command on a ledger in memory.
type desk struct {
	t       *testing.T
	network *clienttest.Network
	dir     string
	inject  clienttest.Hook
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, network: clienttest.New(t), dir: t.TempDir()}
	if err := d.network.Ledger.Seed(); err != nil {
		t.Fatal(err)
	}
	for _, org := range []string{"hospital-north", "medtech"} {
		cfg := config.Default()
		cfg.Development, cfg.Organisation, cfg.Kind, cfg.Trust = true, org, "hospital", "trust.json"
		cfg.Ledger.Peers = []config.Peer{{Name: "p", Organisation: org, Address: "127.0.0.1:1", TLSRoot: "ca.pem"}}
		cfg.Ledger.Identities = map[string]config.Identity{}
		for _, role := range ledger.Roles {
			cfg.Ledger.Identities[string(role)] = config.Identity{Certificate: "cert.pem", Key: "key.pem"}
		}
		if org == "hospital-north" {
			delete(cfg.Ledger.Identities, string(ledger.RoleCertifier))
		}
		b, err := cfg.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(d.dir, "nodes", org), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.dir, "nodes", org, "node.json"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// run calls the command with this on its standard input.
func (d *desk) run(in string, args ...string) (out, note string, err error) {
	d.t.Helper()
	c := Command(&d.dir, func(_ context.Context, cfg config.Config) (Ledger, error) {
		l := d.network.Client(cfg.Organisation)
		l.Inject(d.inject)
		return l, nil
	})
	c.SilenceErrors, c.SilenceUsage = true, true
	var o, e bytes.Buffer
	c.SetIn(strings.NewReader(in))
	c.SetOut(&o)
	c.SetErr(&e)
	c.SetArgs(append([]string{}, args...)) // nil would mean the test program's own
	err = c.ExecuteContext(d.t.Context())
	return o.String(), e.String(), err
}

func TestAloneItListsEveryTransaction(t *testing.T) {
	t.Parallel()
	out, _, err := (&desk{t: t}).run("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range ledger.Names {
		if !strings.Contains(out, "\n  "+name+" ") {
			t.Errorf("%s is not listed", name)
		}
	}
}

func TestATransactionIsCalledToItsEnd(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const model = `{"di":"D9","name":"Pump","modelNumber":"P-9","riskClass":"IIb"}`
	out, note, err := d.run("", ledger.DeviceRegisterModel, model, "--as", "medtech:registrar")
	var made ledger.Model
	if err != nil || json.Unmarshal([]byte(out), &made) != nil || made.DI != "D9" || made.Manufacturer != "medtech" || !strings.HasPrefix(note, "committed in block ") {
		t.Fatalf("%s %s %v", out, note, err)
	}
	tx := note[strings.LastIndex(note, " ")+1 : len(note)-1]
	if out, _, err := d.run("", "--outcome", tx, "--as", "hospital-north"); err != nil || !strings.HasPrefix(out, "valid, in block ") {
		t.Errorf("%s %v", out, err)
	}
	if out, _, err := d.run("", "--outcome", strings.Repeat("0", 64), "--as", "medtech"); err != nil || !strings.HasPrefix(out, "not in a block") {
		t.Errorf("%s %v", out, err)
	}
	out, note, err = d.run(`{"di":"D9"}`, ledger.DeviceGetModel, "-", "--as", "hospital-north")
	if err != nil || note != "" || !strings.Contains(out, `"name": "Pump"`) {
		t.Errorf("%s %s %v", out, note, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"a name misspelt":         {[]string{"device:getModel"}, []string{"Is it device:GetModel?"}},
		"only the contract":       {[]string{"threat:Mend"}, []string{"Is it", ledger.ThreatShare}},
		"nobody calls":            {[]string{ledger.DeviceGetModel}, []string{"--as ORGANISATION:ROLE", "its organisations are hospital-north, medtech"}},
		"an organisation unknown": {[]string{ledger.DeviceGetModel, "--as", "elsewhere"}, []string{"no node of that organisation", "hospital-north, medtech"}},
		"no role":                 {[]string{ledger.ThreatShare, "--as", "medtech"}, []string{"--as medtech:ROLE; this node has registrar, anchorer"}},
		"a role it lacks":         {[]string{ledger.ThreatShare, "--as", "hospital-north:certifier"}, []string{"--as hospital-north:ROLE"}},
		"a role that may not":     {[]string{ledger.DeviceRegisterModel, `{"di":"D8","name":"P","modelNumber":"P","riskClass":"I"}`, "--as", "medtech:sharer"}, []string{"this needs the role registrar"}},
		"no object":               {[]string{ledger.DeviceGetModel, `[]`, "--as", "medtech"}, []string{"not a JSON object", "is {di}"}},
		"no JSON":                 {[]string{ledger.DeviceGetModel, `{di}`, "--as", "medtech"}, []string{"not JSON", "is {di}"}},
		"a field too many":        {[]string{ledger.DeviceGetModel, `{"di":"D1","colour":"red"}`, "--as", "medtech"}, []string{"is {di}"}},
		"a field that is wrong":   {[]string{ledger.DeviceRegisterModel, `{"di":"","name":"P","modelNumber":"P","riskClass":"IV"}`, "--as", "medtech:registrar"}, []string{"\n  di must", "\n  riskClass must"}},
		"what is not there":       {[]string{ledger.DeviceGetModel, `{"di":"D7"}`, "--as", "medtech"}, []string{"the model does not exist"}},
		"no network":              {[]string{ledger.DeviceGetModel, "--as", "x", "--config", "/nowhere/node.json"}, []string{"reading the configuration"}},
		"too much":                {[]string{ledger.DeviceGetModel, "--outcome", "00"}, []string{"leave the name away"}},
	} {
		_, _, err := d.run("", c.args...)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", name, err, want)
			}
		}
	}
}

func TestWhenOwnPeersAreDown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.inject = func(step clienttest.Step, _ string) clienttest.Fault {
		switch step {
		case clienttest.StepEvaluate:
			return clienttest.Fault{Err: ledger.Problemf(ledger.CodeUnavailable, "down")}
		case clienttest.StepSubmit:
			return clienttest.Fault{Err: errors.New("the connection broke")}
		}
		return clienttest.Fault{}
	}
	out, note, err := d.run("", ledger.IdentityList, "{}", "--as", "hospital-north")
	if err != nil || !strings.Contains(out, `"medtech"`) || !strings.Contains(note, "agree on this") {
		t.Errorf("%s %s %v", out, note, err)
	}
	_, _, err = d.run("", ledger.DeviceRegisterModel, `{"di":"D9","name":"P","modelNumber":"P","riskClass":"I"}`, "--as", "medtech:registrar", "--within", "300ms")
	if err == nil || !strings.Contains(err.Error(), "secant ledger --outcome ") {
		t.Error(err)
	}
}

// TestTransientsGoToTheEndorsersAlone: what the file holds is passed on byte for
// byte, each value as JSON of its own.
func TestTransientsGoToTheEndorsersAlone(t *testing.T) {
	t.Parallel()
	got, err := readTransient([]byte(`{"statements": [{"a" : 1}], "n": 1}`))
	if err != nil || string(got["statements"]) != `[{"a" : 1}]` || string(got["n"]) != "1" {
		t.Errorf("%q %v", map[string][]byte(got), err)
	}
	for _, text := range []string{"", "[]", "null", `{"a":1,"a":2}`, strings.Repeat("[", 100)} {
		if _, err := readTransient([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	d := newDesk(t)
	var seen client.Transient
	spy := Command(&d.dir, func(_ context.Context, cfg config.Config) (Ledger, error) {
		return &watched{d.network.Client(cfg.Organisation), &seen}, nil
	})
	spy.SetOut(&bytes.Buffer{})
	spy.SetErr(&bytes.Buffer{})
	file := filepath.Join(d.dir, "transient.json")
	if err := os.WriteFile(file, []byte(`{"statements":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	spy.SetArgs([]string{ledger.DeviceRegisterModel, `{"di":"D9","name":"P","modelNumber":"P","riskClass":"I"}`, "--as", "medtech:registrar", "--transient", file})
	if err := spy.ExecuteContext(t.Context()); err != nil || string(seen["statements"]) != "[]" {
		t.Errorf("%v, %v", seen, err)
	}
}

// TestARequestIsSentByteForByte: a person signed the digest of the file.
func TestARequestIsSentByteForByte(t *testing.T) {
	t.Parallel()
	text := []byte("{\"id\": \"x\",\n \"evidence\": \"a&b <c> \u2028\"}\n")
	request, err := readRequest(ledger.DeviceRelease, text)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := client.EncodeRequest(request)
	if err != nil || ledger.BodyDigest(sent) != ledger.BodyDigest(text) {
		t.Errorf("%q: %v", sent, err)
	}
}

// watched keeps what the endorsers are shown.
type watched struct {
	*clienttest.Client
	seen *client.Transient
}

func (w *watched) Prepare(ctx context.Context, role ledger.Role, name string, req any, transient ...client.Transient) (*client.Prepared, error) {
	for _, t := range transient {
		if t != nil {
			*w.seen = t
		}
	}
	return w.Client.Prepare(ctx, role, name, req, transient...)
}

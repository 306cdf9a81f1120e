package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// device is a monitor that signs what it measures.
type device struct {
	id  string
	key ed25519.PrivateKey
}

// receipt is the node's answer to readings.
type receipt struct {
	ID        string `json:"id"`
	Count     int    `json:"count"`
	VouchedBy string `json:"vouchedBy"`
}

// newDevice has medtech make a unit that signs, and its owner put it into service.
func (n *network) newDevice(tb testing.TB, owner string) device {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	di, serial := n.model(tb), "SN-"+rand.Text()
	mark("a device's serial number", serial)
	mark("a device's private key", private.Seed())
	var unit ledger.Unit
	n.node(tb, "medtech", "registrar").call(http.MethodPost, "/v1/units", map[string]any{
		"serial": serial, "di": di, "lot": "L1", "release": "1.0.0", "owner": owner,
		"publicKey": hex.EncodeToString(public),
	}, &unit)
	n.awaitUnit(tb, owner, unit.ID)
	n.node(tb, owner, "registrar").call(http.MethodPost, "/v1/units/"+unit.ID+"/service", map[string]any{
		"ward": "intensive care", "address": "10.20.0.7",
		"services": []map[string]any{{"protocol": "tcp", "port": 2575}},
	}, nil)
	return device{unit.ID, private}
}

// model registers a model and a release of its own and returns its UDI-DI.
func (n *network) model(tb testing.TB) string {
	tb.Helper()
	maker := n.node(tb, "medtech", "registrar")
	di := "E2E-" + rand.Text()
	maker.call(http.MethodPost, "/v1/models", map[string]any{
		"di": di, "name": "Bedside monitor", "modelNumber": "BM-1", "riskClass": "IIb",
	}, nil)
	bom := `{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,"components":[{"type":"library","name":"openssl","version":"3.0.1"}]}`
	status, b := maker.do(http.MethodPut, "/v1/models/"+di+"/releases/1.0.0", "application/vnd.cyclonedx+json", []byte(bom))
	if status/100 != 2 {
		tb.Fatalf("publishing a release: %d\n%s", status, b)
	}
	return di
}

// awaitUnit waits until the organisation's node has learnt of a unit.
func (n *network) awaitUnit(tb testing.TB, org, id string) {
	tb.Helper()
	c := n.node(tb, org, "auditor")
	await(tb, org+" to learn of the unit", func() bool {
		status, _, err := c.try(http.MethodGet, "/v1/units/"+id, "", nil)
		return err == nil && status == http.StatusOK
	})
}

// signed returns the headers and the body of a request that carries records.
func (d device) signed(tb testing.TB, records [][]byte) (headers []string, body []byte) {
	tb.Helper()
	var seed proof.Seed
	_, _ = rand.Read(seed[:])
	var unit proof.Hash
	if err := unit.UnmarshalText([]byte(d.id)); err != nil {
		tb.Fatal(err)
	}
	root := proof.Root(proof.LeafHashes(nil, &seed, records))
	signature := ed25519.Sign(d.key, proof.SigningMessage(unit, len(records), root))
	return []string{
		"Secant-Device", d.id,
		"Secant-Seed", base64.RawURLEncoding.EncodeToString(seed[:]),
		"Secant-Signature", base64.RawURLEncoding.EncodeToString(signature),
	}, append(bytes.Join(records, []byte("\n")), '\n')
}

// readings makes count records that differ from all others.
func readings(count int) [][]byte {
	out := make([][]byte, count)
	run := rand.Text()
	for i := range out {
		out[i] = fmt.Appendf(nil, `{"code":"MDC_ECG_CARD_BEAT_RATE","value":%d,"unit":"MDC_DIM_BEAT_PER_MIN","time":"%s","run":"%s","n":%d}`,
			60+i%40, time.Now().UTC().Format(time.RFC3339Nano), run, i)
	}
	return out
}

// send submits records and returns the receipt. A device needs no token.
func (d device) send(c node, records [][]byte) receipt {
	c.tb.Helper()
	c.token = ""
	headers, body := d.signed(c.tb, records)
	status, b := c.do(http.MethodPost, "/v1/readings", "application/x-ndjson", body, headers...)
	if status != http.StatusAccepted {
		c.tb.Fatalf("sending readings: %d\n%s", status, b)
	}
	return decodeReceipt(c.tb, b)
}

func decodeReceipt(tb testing.TB, b []byte) receipt {
	tb.Helper()
	var r receipt
	if err := json.Unmarshal(b, &r); err != nil || r.ID == "" {
		tb.Fatalf("no receipt in %s: %v", b, err)
	}
	return r
}

// bundle waits for the proof of one record.
func (c node) bundle(id string, index int) []byte {
	c.tb.Helper()
	var out []byte
	await(c.tb, "a proof", func() bool {
		status, b, err := c.try(http.MethodGet, fmt.Sprintf("/v1/readings/%s/records/%d/proof", id, index), "", nil)
		if err == nil && status == http.StatusOK {
			out = b
		}
		return out != nil
	})
	return out
}

// verify runs `secant verify` on a bundle.
func (n *network) verify(tb testing.TB, bundle []byte) (string, error) {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "bundle.json")
	if err := os.WriteFile(file, bundle, 0o600); err != nil {
		tb.Fatal(err)
	}
	return n.run(tb.Context(), "verify", file)
}

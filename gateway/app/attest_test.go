package app

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/identity/eat"
)

// firmware is what a unit of release 1.1.0 measures.
var firmware = []ledger.Measurement{
	{Name: "boot", Alg: ledger.HashSHA256, Digest: ledger.BodyDigest([]byte("boot"))},
	{Name: "firmware.bin", Alg: ledger.HashSHA256, Digest: ledger.BodyDigest([]byte("firmware"))},
}

// measured publishes a release that says what its units measure.
func measured(maker *running, version string, parts []ledger.Measurement) {
	maker.t.Helper()
	texts := make([]string, len(parts))
	for i, m := range parts {
		texts[i] = m.Alg + ":" + m.Digest + ":" + m.Name
	}
	path := "/v1/models/DI-1/releases/" + version + "?measurement=" + strings.Join(texts, ",")
	text := strings.Replace(bill, `"version":1,`, `"version":1,"serialNumber":"urn:uuid:00000000-0000-4000-8000-0000000`+hex.EncodeToString([]byte(version))[:5]+`",`, 1)
	status, b := maker.call("registrar", http.MethodPut, path, []byte(text), map[string]string{"Content-Type": "application/vnd.cyclonedx+json"})
	if status != http.StatusCreated {
		maker.t.Fatalf("publishing a release: %d %s", status, b)
	}
}

// register has medtech make a device that runs a release, and waits until its owner knows it.
func register(tb testing.TB, maker, owner *running, serial, version string) device {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	var unit struct{ ID string }
	maker.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units", map[string]any{
		"serial": serial, "di": "DI-1", "lot": "L1", "release": version, "owner": owner.cfg.Organisation, "publicKey": hex.EncodeToString(public),
	}, &unit)
	owner.await("the owner to learn of the unit", func() bool {
		_, err := owner.node.store.Unit(tb.Context(), unit.ID)
		return err == nil
	})
	return device{unit.ID, private}
}

func (d device) unit(tb testing.TB) (id [32]byte) {
	tb.Helper()
	b, err := hex.DecodeString(d.id)
	if err != nil {
		tb.Fatal(err)
	}
	copy(id[:], b)
	return id
}

// challenge asks for one.
func (d device) challenge(r *running) []byte {
	r.t.Helper()
	var c struct{ Nonce string }
	r.want(http.StatusOK, "", http.MethodPost, "/v1/units/"+d.id+"/attestation/challenge", nil, &c)
	nonce, err := base64.RawURLEncoding.DecodeString(c.Nonce)
	if err != nil {
		r.t.Fatal(err)
	}
	return nonce
}

// claims is what a unit says that runs a release as it was published.
func (d device) claims(r *running, version string, parts []ledger.Measurement) *eat.Claims {
	r.t.Helper()
	return &eat.Claims{
		Nonce: d.challenge(r), Unit: d.unit(r.t), OEM: eat.OEMID("medtech"), Software: "monitor", Version: version,
		Debug: eat.DebugDisabledPermanently, Measured: slices.Clone(parts), Issued: time.Now(),
	}
}

func (d device) token(tb testing.TB, c *eat.Claims) []byte {
	tb.Helper()
	b, err := eat.Sign(d.key, c)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// hand hands a token in.
func (d device) hand(r *running, token []byte) (int, rest.Attestation, []byte) {
	r.t.Helper()
	status, b := r.call("", http.MethodPost, "/v1/units/"+d.id+"/attestation", token, map[string]string{"Content-Type": eat.MediaType})
	var a rest.Attestation
	if status == http.StatusCreated {
		if err := json.Unmarshal(b, &a); err != nil {
			r.t.Fatal(err)
		}
	}
	return status, a, b
}

// TestADeviceAttestsWhatItRuns goes the way of a device from the first attestation to
// one that speaks against it, the hold, and the release that it turns out to run.
func TestADeviceAttestsWhatItRuns(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	measured(maker, "1.1.0", firmware)
	measured(maker, "1.2.0", firmware[:1])
	d := register(t, maker, north, "SN-1", "1.1.0")
	of := "/v1/units/" + d.id
	north.want(http.StatusNotFound, "auditor", http.MethodGet, of+"/attestation", nil, nil)

	// Before it is put into service.
	token := d.token(t, d.claims(north, "1.1.0", firmware))
	status, a, b := d.hand(north, token)
	if status != http.StatusCreated || a.Status != "affirming" || a.Release != "1.1.0" || a.Version != "1.1.0" || !a.Expires.After(time.Now().Add(23*time.Hour)) {
		t.Fatalf("%d %s", status, b)
	}
	var unit rest.Unit
	north.want(http.StatusOK, "nurse", http.MethodGet, of, nil, &unit)
	if unit.Attests == nil || unit.Attests.Digest != ledger.BodyDigest(token) {
		t.Errorf("on the unit stands %+v", unit.Attests)
	}
	var j judged
	north.want(http.StatusOK, "auditor", http.MethodGet, of+"/assessment", nil, &j)
	if j.result("UP-3") != "pass" {
		t.Errorf("the control about it is %s: %+v", j.result("UP-3"), j.Results)
	}

	// The token is kept as it came, and provable.
	var record struct{ Type, Token string }
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/readings/"+a.Receipt+"/records/0", nil, &record)
	if kept, err := base64.StdEncoding.DecodeString(record.Token); err != nil || !bytes.Equal(kept, token) || record.Type != eat.MediaType {
		t.Errorf("kept is %+v", record)
	}
	north.await("its proof", func() bool {
		status, _ := north.call("auditor", http.MethodGet, "/v1/readings/"+a.Receipt+"/records/0/proof", nil, nil)
		return status == http.StatusOK
	})

	// In service, it says that it runs another version.
	north.want(http.StatusCreated, "registrar", http.MethodPost, of+"/service", map[string]any{"ward": "ICU 2", "address": "10.20.0.7", "services": []any{}}, nil)
	last, err := north.node.store.LastEvent(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if status, a, b = d.hand(north, d.token(t, d.claims(north, "1.2.0", firmware[:1]))); status != http.StatusCreated || a.Status != "contraindicated" || a.Version != "1.2.0" {
		t.Fatalf("%d %s", status, b)
	}
	heldFor := func() []string {
		row, err := north.node.store.Unit(t.Context(), d.id)
		if err != nil {
			t.Fatal(err)
		}
		if row.Record.OwnState() != ledger.StateHeld {
			return nil
		}
		return row.Record.Holds
	}
	north.await("the hold", func() bool { return slices.Equal(heldFor(), []string{ledger.HoldAttestation}) })
	events, err := north.node.store.Events(t.Context(), last, 100)
	if err != nil || !slices.ContainsFunc(events, func(e fact.Event) bool {
		return e.Kind == fact.EventUnitAttested && slices.Equal(e.Subjects, []string{d.id, "contraindicated"})
	}) {
		t.Errorf("nobody is told: %v %+v", err, events)
	}
	north.want(http.StatusOK, "auditor", http.MethodGet, of+"/assessment", nil, &j)
	if j.result("UP-3") != "fail" || j.result("UP-1") != "fail" {
		t.Errorf("the controls are %s and %s", j.result("UP-3"), j.result("UP-1"))
	}
	// What says less does not take it back.
	if status, a, b = d.hand(north, d.token(t, d.claims(north, "1.1.0", nil))); status != http.StatusCreated || a.Status != "unknown" {
		t.Errorf("%d %s", status, b)
	}
	north.want(http.StatusOK, "auditor", http.MethodGet, of+"/attestation", nil, &a)
	if a.Status != "contraindicated" {
		t.Errorf("after an attestation of nothing it stands as %s", a.Status)
	}
	headers, body := d.sign(t, `{"n":1}`)
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, headers); status != http.StatusAccepted {
		t.Errorf("a held device is stopped: %d %s", status, b)
	}

	// Its owner enters what runs, and the device shows it.
	row, err := north.node.store.Unit(t.Context(), d.id)
	if err != nil {
		t.Fatal(err)
	}
	update := ledger.UpdateUnit{ID: d.id, Revision: row.Record.Revision, Release: "1.2.0"}
	if err := c.network.Ledger.Submit(c.network.Ledger.Client("hospital-north", ledger.RoleCustodian), ledger.DeviceUpdateRelease, update, nil); err != nil {
		t.Fatal(err)
	}
	north.await("the release", func() bool {
		row, err := north.node.store.Unit(t.Context(), d.id)
		return err == nil && row.Record.Release == "1.2.0"
	})
	north.want(http.StatusNotFound, "auditor", http.MethodGet, of+"/attestation", nil, nil)
	if status, a, b = d.hand(north, d.token(t, d.claims(north, "1.2.0", firmware[:1]))); status != http.StatusCreated || a.Status != "affirming" {
		t.Fatalf("%d %s", status, b)
	}
	log := north.log.String()
	for _, secret := range []string{hex.EncodeToString(token[:20]), base64.StdEncoding.EncodeToString(token)[:40]} {
		if strings.Contains(log, secret) {
			t.Error("the log has a token")
		}
	}
}

// TestWhoCannotAttest attacks the way in, each time with what is otherwise good.
func TestWhoCannotAttest(t *testing.T) {
	c := newConsortium(t)
	north, south, maker := c.start(t, "hospital-north"), c.start(t, "hospital-south"), c.start(t, "medtech")
	model(maker)
	measured(maker, "1.1.0", firmware)
	d, other := register(t, maker, north, "SN-1", "1.1.0"), register(t, maker, north, "SN-2", "1.1.0")
	old, gone := register(t, maker, north, "SN-3", "1.0.0"), register(t, maker, north, "SN-4", "1.1.0")
	elsewhere := register(t, maker, south, "SN-6", "1.1.0")
	retire := ledger.RetireUnit{ID: gone.id, Revision: 1, WipeDigest: ledger.BodyDigest(nil)}
	if err := c.network.Ledger.Submit(c.network.Ledger.Client("hospital-north", ledger.RoleCustodian), ledger.DeviceRetire, retire, nil); err != nil {
		t.Fatal(err)
	}
	north.await("the end of a device", func() bool {
		row, err := north.node.store.Unit(t.Context(), gone.id)
		return err == nil && row.Record.State == ledger.StateRetired
	})

	first := d.token(t, d.claims(north, "1.1.0", firmware))
	if status, a, b := d.hand(north, first); status != http.StatusCreated || a.Status != "affirming" {
		t.Fatalf("%d %s", status, b)
	}
	if status, a, b := old.hand(north, old.token(t, old.claims(north, "1.0.0", firmware))); status != http.StatusCreated || a.Status != "unknown" {
		t.Errorf("of a release without measurements: %d %s", status, b)
	}
	again := d.claims(north, "1.1.0", firmware)
	again.Nonce = nonceOf(t, first)
	stolen := d.claims(north, "1.1.0", firmware)
	stolen.Nonce = other.challenge(north)
	southern := d.claims(north, "1.1.0", firmware)
	southern.Nonce = d.challenge(south)
	foreign := other.claims(north, "1.1.0", firmware)
	foreign.Nonce = d.challenge(north)
	unknown := device{strings.Repeat("ab", 32), d.key}
	for name, c := range map[string]struct {
		at    *running
		of    device
		token []byte
		want  int
	}{
		"a token again":                   {north, d, first, http.StatusConflict},
		"another token for its challenge": {north, d, d.token(t, again), http.StatusConflict},
		"another device's challenge":      {north, d, d.token(t, stolen), http.StatusForbidden},
		"another node's challenge":        {north, d, d.token(t, southern), http.StatusForbidden},
		"another device's token":          {north, d, other.token(t, foreign), http.StatusForbidden},
		"another device's key":            {north, d, other.token(t, d.claims(north, "1.1.0", firmware)), http.StatusForbidden},
		"a retired device":                {north, gone, gone.token(t, gone.claims(north, "1.1.0", firmware)), http.StatusForbidden},
		"another hospital's device":       {north, elsewhere, elsewhere.token(t, elsewhere.claims(north, "1.1.0", firmware)), http.StatusForbidden},
		"a device that is not known":      {north, unknown, unknown.token(t, unknown.claims(north, "1.1.0", firmware)), http.StatusForbidden},
		"no token":                        {north, d, []byte("token"), http.StatusUnprocessableEntity},
		"nothing":                         {north, d, nil, http.StatusUnprocessableEntity},
		"a huge one":                      {north, d, bytes.Repeat([]byte{0x84}, eat.MaxBytes+1), http.StatusRequestEntityTooLarge},
		"a deep one":                      {north, d, bytes.Repeat([]byte{0x81}, 10_000), http.StatusUnprocessableEntity},
	} {
		if status, _, b := c.of.hand(c.at, c.token); status != c.want {
			t.Errorf("%s: %d %s", name, status, b)
		}
	}
	if status, _ := north.call("", http.MethodPost, "/v1/units/"+d.id+"/attestation", first, map[string]string{"Content-Type": "application/cbor"}); status != http.StatusUnsupportedMediaType {
		t.Errorf("under another media type: %d", status)
	}
	// Of two that come at once with one challenge, one counts.
	claims := d.claims(north, "1.1.0", firmware)
	tokens := [][]byte{d.token(t, claims), nil}
	claims.Software = "another"
	tokens[1] = d.token(t, claims)
	got := make(chan int)
	for _, token := range tokens {
		go func() {
			status, _, _ := d.hand(north, token)
			got <- status
		}()
	}
	if both := []int{<-got, <-got}; !slices.Contains(both, http.StatusCreated) || !slices.Contains(both, http.StatusConflict) {
		t.Errorf("two at once: %v", both)
	}
	// A challenge is still spent after a restart.
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	north = c.start(t, "hospital-north")
	if status, _, b := d.hand(north, first); status != http.StatusConflict {
		t.Errorf("after a restart: %d %s", status, b)
	}
	for _, path := range []string{"?measurement=x", "?measurement=md5:00:a", "?measurement=sha-256:00:a", "?measurement=sha-256:" + ledger.BodyDigest(nil) + ":" + strings.Repeat("n", 65)} {
		if status, b := maker.call("registrar", http.MethodPut, "/v1/models/DI-1/releases/9"+path, []byte(bill), map[string]string{"Content-Type": "application/vnd.cyclonedx+json"}); status != http.StatusUnprocessableEntity || !bytes.Contains(b, []byte("query.measurement")) {
			t.Errorf("%s: %d %s", path, status, b)
		}
	}
}

// nonceOf reads the challenge of a token.
func nonceOf(t *testing.T, token []byte) []byte {
	t.Helper()
	read, err := eat.Read(token)
	if err != nil {
		t.Fatal(err)
	}
	return read.Nonce()
}

// TestADeviceThatAttestsWithoutEndIsSlowedDown: each change of what it says is an event
// and an assessment on the ledger.
func TestADeviceThatAttestsWithoutEndIsSlowedDown(t *testing.T) {
	c := newConsortium(t)
	north, maker := c.start(t, "hospital-north"), c.start(t, "medtech")
	model(maker)
	measured(maker, "1.1.0", firmware)
	d, other := register(t, maker, north, "SN-1", "1.1.0"), register(t, maker, north, "SN-2", "1.1.0")
	versions := []string{"1.1.0", "9"}
	for i := range 12 {
		if status, _, b := d.hand(north, d.token(t, d.claims(north, versions[i%2], firmware))); status != http.StatusCreated {
			t.Fatalf("attestation %d: %d %s", i, status, b)
		}
	}
	token := d.token(t, d.claims(north, "1.1.0", firmware))
	if status, _, b := d.hand(north, token); status != http.StatusTooManyRequests || !bytes.Contains(b, []byte(`"rate"`)) {
		t.Errorf("one more: %d %s", status, b)
	}
	if status, _, b := other.hand(north, other.token(t, other.claims(north, "1.1.0", firmware))); status != http.StatusCreated {
		t.Errorf("another device: %d %s", status, b)
	}
}

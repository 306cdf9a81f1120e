package app

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/identity/peertest"
)

// withMonitors is a node's configuration with a listener for HL7 messages over TLS,
// for one source, and one without TLS for another.
func (c *consortium) withMonitors(org, certificate, key, source string) config.Config {
	cfg := c.config(org)
	cfg.MLLP = []config.Listener{
		{Certificate: certificate, Key: config.KeyFile(key), Sources: []config.Source{{Name: "icu", Certificates: []string{source}}}},
		{Sources: []config.Source{{
			Name: "bench", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Missing: []float64{-100}, TimeZone: "Europe/Vienna",
		}}},
	}
	return cfg
}

// name gives a device the name by which a source calls it.
func (r *running) name(unit, source, name string) {
	r.t.Helper()
	r.names(unit, []map[string]string{{"source": source, "name": name}})
}

// names gives a device the names by which several sources call it.
func (r *running) names(unit string, names []map[string]string) {
	r.t.Helper()
	r.want(http.StatusOK, "registrar", http.MethodPost, "/v1/units/"+unit+"/service", map[string]any{
		"ward": "ICU 2", "address": "10.20.0.7", "services": []any{}, "names": names,
	}, nil)
}

const monitored = "MSH|^~\\&|MONITOR^0022^EUI-64|ICU|||20261130140000||ORU^R01^ORU_R01|42|P|2.6\r" +
	"OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|72|{beat}/min|||||F\r" +
	"OBX|2|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.2.1.1|-100|%|||||F\r"

// tell sends a message over an open connection and returns the answer's MSA.
func tell(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("\x0b" + text + "\x1c\r")); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\x1c')
	if err != nil {
		t.Fatal(err)
	}
	_, msa, _ := strings.Cut(answer, "\rMSA|")
	msa, _, _ = strings.Cut(msa, "\r")
	return msa
}

// TestAMonitorsMessageIsProven: an HL7 message over MLLP is durable when it is
// acknowledged, byte for byte, once, and proven like every other reading; also when
// the node was started anew between a message and its repetition.
func TestAMonitorsMessageIsProven(t *testing.T) {
	c := newConsortium(t)
	_, certificate, key := certify(t)
	_, source, sourceKey := certify(t)
	_, stranger, strangerKey := certify(t)
	cfg := c.withMonitors("hospital-north", certificate, key, source)
	north, maker := c.launch(t, "hospital-north", cfg, func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d, other := commission(t, maker, north, "SN-1"), commission(t, maker, north, "SN-2")
	north.name(d.id, "bench", "0022")
	if status, b := north.call("registrar", http.MethodPost, "/v1/units/"+other.id+"/service",
		[]byte(`{"ward":"ICU 2","address":"10.20.0.7","services":[],"names":[{"source":"bench","name":"0022"}]}`),
		map[string]string{"Content-Type": "application/json"}); status != http.StatusConflict {
		t.Errorf("another device by the same name: %d %s", status, b)
	}

	dial := func(address string) net.Conn {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	conn := dial(north.cfg.MLLP[1].Listen)
	first := tell(t, conn, monitored)
	id, ok := strings.CutPrefix(first, "AA|42|")
	if !ok {
		t.Fatal(first)
	}
	if again := tell(t, conn, monitored); again != first {
		t.Errorf("the same message again: %s", again)
	}
	if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+id+"/records/0", nil, nil); status != http.StatusOK || string(b) != monitored {
		t.Errorf("the message that is kept: %d %q", status, b)
	}
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(id, 0)); err != nil || v.VouchedBy != "node" || v.Unit != d.id {
		t.Errorf("%+v %v", v, err)
	}
	var said struct {
		Sent         time.Time
		Deviation    int64
		Observations []hl7.Observation
	}
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/readings/"+id+"/records/0/observations", nil, &said)
	if len(said.Observations) != 2 || said.Observations[0].Value.Number != "72" || said.Observations[1].Absent != hl7.AbsentUnknown ||
		!said.Sent.Equal(time.Date(2026, 11, 30, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("what the message says: %+v", said)
	}
	// A clock that is years off is marked, and orders nothing.
	if msa := tell(t, conn, strings.Replace(monitored, "20261130140000", "20090101000000", 1)); !strings.HasPrefix(msa, "AA|42") {
		t.Errorf("a monitor whose clock is off: %s", msa)
	}
	north.await("the clock to be marked", func() bool {
		var p fact.ReadingPage
		north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+d.id+"/readings", nil, &p)
		return len(p.Items) == 2 && p.Items[0].Clock != nil && p.Items[0].Clock.DeviationSeconds > 17*365*86400-86400*30 && p.Items[1].ID == id
	})
	if msa := tell(t, conn, strings.Replace(monitored, "0022", "0011", 1)); !strings.HasPrefix(msa, "AE|42") {
		t.Errorf("a device of another source: %s", msa)
	}

	// Who shows no certificate, or a stranger's, is not heard.
	for name, own := range map[string][]tls.Certificate{"none": nil, "a stranger's": {pair(t, stranger, strangerKey)}} {
		secure := tls.Client(dial(north.cfg.MLLP[0].Listen), &tls.Config{InsecureSkipVerify: true, Certificates: own})
		if _, err := secure.Write([]byte("\x0b" + monitored + "\x1c\r")); err == nil {
			if n, err := secure.Read(make([]byte, 1)); err == nil {
				t.Errorf("with a certificate of %s: %d bytes of an answer", name, n)
			}
		}
	}
	secure := tls.Client(dial(north.cfg.MLLP[0].Listen), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair(t, source, sourceKey)}})
	if msa := tell(t, secure, monitored); !strings.HasPrefix(msa, "AE|42") {
		t.Errorf("a name that is good at another source: %s", msa)
	}

	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	north = c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	if again := tell(t, dial(north.cfg.MLLP[1].Listen), monitored); again != first {
		t.Errorf("the same message after a new start: %s", again)
	}
}

func pair(t *testing.T, certificate, key string) tls.Certificate {
	t.Helper()
	p, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAnotherImplementationSendsMessages has node-hl7-client send over TLS with a
// certificate of its own.
func TestAnotherImplementationSendsMessages(t *testing.T) {
	peer := peertest.Install(t, "monitor", "monitor")
	dir := t.TempDir()
	c := newConsortium(t)
	root, certificate, key := certify(t)
	_, source, sourceKey := certify(t)
	north := c.launch(t, "hospital-north", c.withMonitors("hospital-north", certificate, key, source), func(string) {}).ready()
	maker := c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	north.name(d.id, "icu", "GATEWAY")
	for name, path := range map[string]string{"root.pem": root, "certificate.pem": source, "key.pem": sourceKey} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, port, err := net.SplitHostPort(north.cfg.MLLP[0].Listen)
	if err != nil {
		t.Fatal(err)
	}
	answers := peertest.Run[[][3]string](t, peer, port, dir, "3")
	if len(answers) != 3 {
		t.Fatalf("%d answers", len(answers))
	}
	for _, a := range answers {
		status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+a[2]+"/records/0", nil, nil)
		if a[0] != "AA" || status != http.StatusOK || !strings.Contains(string(b), "|"+a[1]+"|P|") {
			t.Errorf("%v: %d %s", a, status, b)
		}
	}
}

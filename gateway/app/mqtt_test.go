package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/identity/peertest"
)

// withDevices is a node's configuration with an MQTT broker over TLS, for one source,
// and one without TLS for another.
func (c *consortium) withDevices(org, certificate, key, source string) config.Config {
	cfg := c.config(org)
	cfg.MQTT = []config.Listener{
		{Certificate: certificate, Key: config.KeyFile(key), Sources: []config.Source{{Name: "icu", Certificates: []string{source}}}},
		{Sources: []config.Source{{Name: "bench", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}},
	}
	return cfg
}

// publisher is a device that speaks MQTT 5, by another implementation than the node's.
type publisher struct {
	t      testing.TB
	client *paho.Client
	conn   net.Conn

	mu   sync.Mutex
	news []*paho.Publish // what it got as a subscriber
}

// attach connects to a broker; edit may change the CONNECT.
func attach(tb testing.TB, address string, secure *tls.Config, edit func(*paho.Connect)) *publisher {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	if secure != nil {
		conn = tls.Client(conn, secure)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	p := &publisher{t: tb, conn: conn}
	p.client = paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(r paho.PublishReceived) (bool, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.news = append(p.news, r.Packet)
			return true, nil
		}},
	})
	c := &paho.Connect{ClientID: "pump", KeepAlive: 30, CleanStart: true, Properties: &paho.ConnectProperties{RequestProblemInfo: true}}
	if edit != nil {
		edit(c)
	}
	ack, err := p.client.Connect(tb.Context(), c)
	if err != nil && ack == nil {
		tb.Fatal(err)
	}
	return p
}

// publish publishes at QoS 1 and returns the reason code, what it says, and the receipt.
func (p *publisher) publish(topic, contentType, body string, user ...string) (code byte, reason, receipt string) {
	p.t.Helper()
	m := &paho.Publish{QoS: 1, Topic: topic, Payload: []byte(body), Properties: &paho.PublishProperties{ContentType: contentType}}
	for i := 0; i < len(user); i += 2 {
		m.Properties.User.Add(user[i], user[i+1])
	}
	return p.send(m)
}

func (p *publisher) send(m *paho.Publish) (code byte, reason, receipt string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	ack, err := p.client.Publish(ctx, m)
	if ack == nil {
		p.t.Fatalf("publishing to %s: %v", m.Topic, err)
	}
	if ack.Properties != nil {
		reason, receipt = ack.Properties.ReasonString, ack.Properties.User.Get("receipt")
	}
	return ack.ReasonCode, reason, receipt
}

// await waits for a message on a topic.
func (p *publisher) await(topic string) *paho.Publish {
	p.t.Helper()
	for end := time.Now().Add(waiting); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		for i, m := range p.news {
			if m.Topic == topic {
				p.news = append(p.news[:i], p.news[i+1:]...)
				p.mu.Unlock()
				return m
			}
		}
		p.mu.Unlock()
	}
	p.t.Fatalf("nothing came on %s", topic)
	return nil
}

func (p *publisher) subscribe(filter string) {
	p.t.Helper()
	if _, err := p.client.Subscribe(p.t.Context(), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}}); err != nil {
		p.t.Fatal(err)
	}
}

// TestADevicesPublicationIsProven: what a device publishes by MQTT is durable when it
// is acknowledged, once, and proven like every other reading, by its own signature if
// it has one; also when the node was started anew in between.
func TestADevicesPublicationIsProven(t *testing.T) {
	c := newConsortium(t)
	_, certificate, key := certify(t)
	_, source, sourceKey := certify(t)
	cfg := c.withDevices("hospital-north", certificate, key, source)
	north, maker := c.launch(t, "hospital-north", cfg, func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d, other := commission(t, maker, north, "SN-1"), commission(t, maker, north, "SN-2")
	north.name(d.id, "bench", "0022")
	north.name(other.id, "icu", "0022")

	const mine = "secant/v1/bench/0022/"
	p := attach(t, north.cfg.MQTT[1].Listen, nil, nil)
	const reading = `{"code":"MDC_ECG_HEART_RATE","value":72}`
	code, reason, receipt := p.publish(mine+"readings", "application/json", reading, "Secant-Id", "1")
	if code != 0 {
		t.Fatalf("%#x %s", code, reason)
	}
	if code, _, again := p.publish(mine+"readings", "application/json", reading, "Secant-Id", "1"); code != 0 || again != receipt {
		t.Errorf("the same message again: %#x %s, not %s", code, again, receipt)
	}
	if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receipt+"/records/0", nil, nil); status != http.StatusOK || string(b) != reading {
		t.Errorf("the reading that is kept: %d %q", status, b)
	}
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(receipt, 0)); err != nil || v.VouchedBy != "node" || v.Unit != d.id {
		t.Errorf("%+v %v", v, err)
	}

	// Signed readings are the same record by MQTT and by HTTP.
	header, body := d.sign(t, `{"value":1}`, `{"value":2}`)
	code, reason, signed := p.publish(mine+"readings", header["Content-Type"], string(body),
		strings.ToLower(auth.HeaderSeed), header[auth.HeaderSeed], auth.HeaderSignature, header[auth.HeaderSignature], auth.HeaderDevice, d.id)
	if code != 0 {
		t.Fatalf("signed: %#x %s", code, reason)
	}
	status, b := north.call("", http.MethodPost, "/v1/readings", body, header)
	var got struct{ ID string }
	if err := json.Unmarshal(b, &got); err != nil || status != http.StatusAccepted || got.ID != signed {
		t.Errorf("by HTTP: %d %s, by MQTT %s", status, b, signed)
	}
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(signed, 1)); err != nil || v.VouchedBy != "device" || v.Unit != d.id {
		t.Errorf("%+v %v", v, err)
	}

	// What is not its own, or not what it says, is refused with a reason.
	forged := bytes.Clone(body)
	forged[9] = '9'
	for name, r := range map[string]struct {
		topic, contentType, body string
		code                     byte
		user                     []string
	}{
		"another source's device":  {"secant/v1/icu/0022/readings", "", `{}`, 0x87, nil},
		"a device without a name":  {"secant/v1/bench/0023/readings", "", `{}`, 0x87, nil},
		"another's id":             {mine + "readings", "", `{}`, 0x87, []string{auth.HeaderDevice, other.id}},
		"another topic":            {"secant/v1/bench/0022", "", `{}`, 0x90, nil},
		"the broker's own topics":  {"$SYS/broker/version", "", `{}`, 0x90, nil},
		"receipts":                 {mine + "receipts", "", `{}`, 0x90, nil},
		"a form that is not taken": {mine + "readings", "text/plain", `{}`, 0x99, nil},
		"no JSON":                  {mine + "readings", "", `{"a":`, 0x99, nil},
		"a name twice":             {mine + "events", "", `{"a":1,"a":2}`, 0x99, nil},
		"no FHIR":                  {mine + "state", "application/fhir+json", `{"a":1}`, 0x99, nil},
		"nothing":                  {mine + "readings", "", ``, 0x99, nil},
		"changed after it was signed": {mine + "readings", header["Content-Type"], string(forged), 0x87, []string{
			auth.HeaderSeed, header[auth.HeaderSeed], auth.HeaderSignature, header[auth.HeaderSignature],
		}},
		"no sequence":      {mine + "readings", "", `{}`, 0x83, []string{auth.HeaderSequence, "7"}},
		"half a signature": {mine + "readings", "", `{}`, 0x83, []string{auth.HeaderSeed, header[auth.HeaderSeed]}},
		"two signatures": {mine + "readings", "", `{}`, 0x83, []string{
			auth.HeaderSeed, header[auth.HeaderSeed], auth.HeaderSignature, header[auth.HeaderSignature], auth.HeaderSignature, "x",
		}},
	} {
		if code, reason, receipt := p.publish(r.topic, r.contentType, r.body, r.user...); code != r.code || receipt != "" || reason == "" {
			t.Errorf("%s: %#x %q %s", name, code, reason, receipt)
		}
	}

	// A retained state outlives the node; what cannot be read again is not shown.
	m := &paho.Publish{QoS: 1, Retain: true, Topic: mine + "state", Payload: []byte(`{"battery":80}`)}
	if code, reason, _ := p.send(m); code != 0 {
		t.Fatalf("%#x %s", code, reason)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	north = c.launch(t, "hospital-north", cfg, func(string) {}).ready()
	p = attach(t, north.cfg.MQTT[1].Listen, nil, nil)
	p.subscribe("secant/v1/bench/#")
	if m := p.await(mine + "state"); string(m.Payload) != `{"battery":80}` || m.Properties.User.Get("receipt") == "" {
		t.Errorf("the state: %s %v", m.Payload, m.Properties)
	}
	if code, _, again := p.publish(mine+"readings", "application/json", reading, "Secant-Id", "1"); code != 0 || again != receipt {
		t.Errorf("the same message after a new start: %#x %s, not %s", code, again, receipt)
	}

	// A device that is lost leaves an event.
	lost := attach(t, north.cfg.MQTT[1].Listen, nil, func(c *paho.Connect) {
		c.ClientID = "lost"
		c.WillMessage = &paho.WillMessage{QoS: 1, Topic: mine + "state", Payload: []byte("offline")}
	})
	_ = lost.conn.Close()
	event := p.await(mine + "events")
	id := event.Properties.User.Get("receipt")
	status, b = north.call("auditor", http.MethodGet, "/v1/readings/"+id+"/records/0", nil, nil)
	if status != http.StatusOK || !bytes.Equal(b, event.Payload) || !bytes.Contains(b, []byte(`"event":"connection-lost"`)) || !bytes.Contains(b, []byte(`"will":"offline"`)) {
		t.Errorf("the event: %d %s, published %s", status, b, event.Payload)
	}
	if strings.Contains(north.log.String(), "offline") {
		t.Error("the log repeats a will")
	}

	// A stranger is not heard, and the right certificate is.
	secure := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair(t, source, sourceKey)}}
	q := attach(t, north.cfg.MQTT[0].Listen, secure, nil)
	if code, reason, _ := q.publish("secant/v1/icu/0022/readings", "", `{"value":3}`); code != 0 {
		t.Errorf("over TLS: %#x %s", code, reason)
	}
	if code, _, _ := q.publish(mine+"readings", "", `{"value":3}`); code != 0x87 {
		t.Errorf("another source's device over TLS: %#x", code)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", north.cfg.MQTT[0].Listen)
	if err != nil {
		t.Fatal(err)
	}
	stranger := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	defer stranger.Close()
	if _, err := stranger.Write([]byte("\x10\x0f\x00\x04MQTT\x05\x02\x00\x1e\x00\x00\x02ab")); err == nil {
		if n, err := stranger.Read(make([]byte, 1)); err == nil {
			t.Errorf("a stranger was answered %d bytes", n)
		}
	}
}

// TestAnotherImplementationPublishes has mqtt.js publish over TLS with a certificate of
// its own, be refused, and get lost.
func TestAnotherImplementationPublishes(t *testing.T) {
	peer := peertest.Install(t, "device", "device")
	dir := t.TempDir()
	c := newConsortium(t)
	root, certificate, key := certify(t)
	_, source, sourceKey := certify(t)
	north := c.launch(t, "hospital-north", c.withDevices("hospital-north", certificate, key, source), func(string) {}).ready()
	maker := c.start(t, "medtech")
	model(maker)
	d := commission(t, maker, north, "SN-1")
	north.name(d.id, "icu", "PUMP-7")
	for name, path := range map[string]string{"root.pem": root, "certificate.pem": source, "key.pem": sourceKey} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	header, body := d.sign(t, `{"value":1}`, `{"value":2}`)
	_, port, err := net.SplitHostPort(north.cfg.MQTT[0].Listen)
	if err != nil {
		t.Fatal(err)
	}
	type account struct {
		MaximumQoS int
		Receipts   []string // of readings, many readings, signed readings, a state
		State      string   // as it is retained
		Refusals   []struct {
			Code   int
			Reason string
		}
		Event struct {
			Payload, Receipt string
		}
	}
	told := peertest.Run[account](t, peer, port, dir, header[auth.HeaderSeed], header[auth.HeaderSignature], base64.StdEncoding.EncodeToString(body))
	if len(told.Receipts) != 4 || len(told.Refusals) != 3 {
		t.Fatalf("%+v", told)
	}
	if told.MaximumQoS != 1 || told.State != `{"battery":80}` {
		t.Errorf("%+v", told)
	}
	for i, want := range []struct{ record, voucher string }{{`{"value":0}`, "node"}, {`{"value":11}`, "node"}, {`{"value":2}`, "device"}, {`{"battery":80}`, "node"}} {
		index := map[int]int{1: 1, 2: 1}[i]
		v, err := c.verifier(t).VerifyJSON(north.bundleOf(told.Receipts[i], index))
		if err != nil || string(v.VouchedBy) != want.voucher {
			t.Errorf("%d: %+v %v", i, v, err)
		}
		status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+told.Receipts[i]+"/records/"+string(rune('0'+index)), nil, nil)
		if status != http.StatusOK || string(b) != want.record {
			t.Errorf("%d: %d %s", i, status, b)
		}
	}
	for i, want := range []int{0x87, 0x90, 0x99} {
		if r := told.Refusals[i]; r.Code != want || r.Reason == "" {
			t.Errorf("refusal %d: %+v", i, r)
		}
	}
	status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+told.Event.Receipt+"/records/0", nil, nil)
	if status != http.StatusOK || string(b) != told.Event.Payload || !strings.Contains(told.Event.Payload, `"will":"{\"lost\":true}"`) {
		t.Errorf("the event: %d %s, published %s", status, b, told.Event.Payload)
	}
}

// inService is a node with an MQTT broker without TLS, and a device that it calls PUMP-7.
func inService(tb testing.TB, c *consortium, edit func(*config.Config)) (*running, device) {
	tb.Helper()
	cfg := c.config("hospital-north")
	cfg.MQTT = []config.Listener{{Sources: []config.Source{{Name: "bench", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}}}
	if edit != nil {
		edit(&cfg)
	}
	north, maker := c.launch(tb, "hospital-north", cfg, func(string) {}).ready(), c.start(tb, "medtech")
	model(maker)
	d := commission(tb, maker, north, "SN-1")
	north.name(d.id, "bench", "PUMP-7")
	return north, d
}

// TestProgramsAtHandPublish has curl and mosquitto_pub publish: the one at QoS 0, whose
// receipt is read elsewhere, the other in both versions of the protocol.
func TestProgramsAtHandPublish(t *testing.T) {
	c := newConsortium(t)
	north, d := inService(t, c, nil)
	listen := north.cfg.MQTT[0].Listen
	const topic = "secant/v1/bench/PUMP-7/"
	run := func(name string, args ...string) string {
		b, err := exec.CommandContext(t.Context(), name, args...).Output()
		if e, ok := errors.AsType[*exec.ExitError](err); ok && !strings.Contains(strings.Join(args, " "), "-m") {
			t.Errorf("%s %v: %v %s", name, args, err, e.Stderr)
		}
		return string(b)
	}
	record := func(receipt string) string {
		_, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receipt+"/records/0", nil, nil)
		return string(b)
	}
	t.Run("curl", func(t *testing.T) {
		if b, err := exec.CommandContext(t.Context(), "curl", "--version").Output(); err != nil || !bytes.Contains(b, []byte(" mqtt ")) {
			t.Skip("curl is not here, or has no MQTT")
		}
		run("curl", "-s", "-d", `{"by":"curl"}`, "mqtt://"+listen+"/"+topic+"readings")
		told := run("curl", "-s", "-m", "2", "mqtt://"+listen+"/"+topic+"receipts")
		receipt, _, _ := strings.Cut(told[strings.LastIndex(told, `":"`)+3:], `"`)
		if got := record(receipt); got != `{"by":"curl"}` {
			t.Errorf("%q told %q", told, got)
		}
	})
	t.Run("mosquitto_pub", func(t *testing.T) {
		if _, err := exec.LookPath("mosquitto_pub"); err != nil {
			t.Skip("mosquitto_pub is not installed")
		}
		host, port, err := net.SplitHostPort(listen)
		if err != nil {
			t.Fatal(err)
		}
		header, body := d.sign(t, `{"by":"mosquitto_pub"}`)
		p := attach(t, listen, nil, nil)
		p.subscribe("secant/v1/bench/+/receipts")
		for _, version := range []string{"mqttv311", "mqttv5"} {
			args := []string{"-h", host, "-p", port, "-V", version, "-q", "1", "-t", topic + "readings", "-m"}
			if version == "mqttv311" {
				args = append(args, `{"by":"mosquitto_pub"}`)
			} else {
				args = append(args, string(body), "-D", "publish", "content-type", header["Content-Type"],
					"-D", "publish", "user-property", auth.HeaderSeed, header[auth.HeaderSeed],
					"-D", "publish", "user-property", auth.HeaderSignature, header[auth.HeaderSignature])
			}
			if out, err := exec.CommandContext(t.Context(), "mosquitto_pub", args...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v %s", version, err, out)
			}
			for {
				told := string(p.await(topic + "receipts").Payload)
				receipt := strings.Trim(strings.TrimPrefix(told, `{"receipt":`), `"}`)
				if got := record(receipt); got == `{"by":"mosquitto_pub"}` {
					break // before it, what was retained
				}
			}
		}
	})
}

// TestAHospitalsBrokerIsHeard has the node take from mosquitto what mosquitto_pub
// publishes there, over TLS and with a password, also what came while the node was away.
func TestAHospitalsBrokerIsHeard(t *testing.T) {
	mosquitto, err := exec.LookPath("mosquitto")
	if err != nil {
		if mosquitto, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	root, certificate, key := certify(t)
	dir := t.TempDir()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	passwords := filepath.Join(dir, "passwords")
	if out, err := exec.CommandContext(t.Context(), "mosquitto_passwd", "-b", "-c", passwords, "node", "secret-word").CombinedOutput(); err != nil {
		t.Skipf("mosquitto_passwd: %v %s", err, out)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root\n" // it would give up the right to read these files
	}
	conf := write("mosquitto.conf", user+"listener "+port+" 127.0.0.1\nallow_anonymous false\npassword_file "+passwords+
		"\ncertfile "+certificate+"\nkeyfile "+key+"\npersistence false\n")
	broker := exec.CommandContext(t.Context(), mosquitto, "-c", conf)
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = broker.Process.Kill()
		_ = broker.Wait()
	})
	c := newConsortium(t)
	edit := func(cfg *config.Config) {
		cfg.Brokers = []config.Broker{{
			Source: "bench", URL: "mqtts://localhost:" + port, Roots: root, User: "node", Password: config.KeyFile(write("password", "secret-word\n")),
			Topics: []config.BrokerTopic{{Topic: "ward/+/{device}/vitals"}},
		}}
	}
	north, d := inService(t, c, edit)
	connected := func() {
		t.Helper()
		north.await("the broker", func() bool { return strings.Contains(north.log.String(), "mqtt broker connected") })
	}
	connected()
	publish := func(body string, properties ...string) {
		t.Helper()
		args := []string{"-h", "localhost", "-p", port, "--cafile", root, "-u", "node", "-P", "secret-word", "-V", "mqttv5", "-q", "1", "-t", "ward/3/PUMP-7/vitals", "-m", body}
		if out, err := exec.CommandContext(t.Context(), "mosquitto_pub", append(args, properties...)...).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_pub: %v %s", err, out)
		}
	}
	taken := func(n string) {
		t.Helper()
		north.await(n+" messages", func() bool {
			_, b := north.call("auditor", http.MethodGet, "/metrics", nil, nil)
			return bytes.Contains(b, []byte(`secant_mqtt_messages_total{outcome="accepted"} `+n+"\n"))
		})
	}
	header, body := d.sign(t, `{"by":"a broker"}`)
	publish(string(body), "-D", "publish", "content-type", header["Content-Type"],
		"-D", "publish", "user-property", auth.HeaderSeed, header[auth.HeaderSeed],
		"-D", "publish", "user-property", auth.HeaderSignature, header[auth.HeaderSignature])
	taken("1")
	// By HTTP it is the same record: there is one.
	if status, b := north.call("", http.MethodPost, "/v1/readings", body, header); status != http.StatusAccepted || !bytes.Contains(b, []byte(`"logIndex":0`)) {
		t.Errorf("%d %s", status, b)
	}
	if err := north.stop(); err != nil {
		t.Fatal(err)
	}
	publish(`{"n":2}`)
	publish(`{"n":3}`)
	north = c.launch(t, "hospital-north", north.cfg, func(string) {}).ready()
	taken("2")
	if strings.Contains(north.log.String(), "secret-word") {
		t.Error("the log tells the password")
	}
}

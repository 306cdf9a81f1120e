package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	piondtls "github.com/pion/dtls/v3"
	coapdtls "github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/pkg/runner/periodic"
	coapudp "github.com/plgd-dev/go-coap/v3/udp"
	coapclient "github.com/plgd-dev/go-coap/v3/udp/client"

	"github.com/secant-platform/secant/analytics/senml"
	"github.com/secant-platform/secant/gateway/config"
)

// freePacketPort is an address for datagrams that nobody has.
func freePacketPort(tb testing.TB) string {
	tb.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

// withConstrained is a node's configuration with CoAP over DTLS, for one source, and
// over plain UDP for another.
func (c *consortium) withConstrained(tb testing.TB, org, certificate, key, source string) config.Config {
	tb.Helper()
	cfg := c.config(org)
	cfg.CoAP = []config.Listener{
		{Listen: freePacketPort(tb), Certificate: certificate, Key: config.KeyFile(key), Sources: []config.Source{{Name: "icu", Certificates: []string{source}}}},
		{Listen: freePacketPort(tb), Sources: []config.Source{{Name: "bench", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}},
	}
	return cfg
}

// coapAnswer is the answer to a request by CoAP.
type coapAnswer struct {
	code    codes.Code
	path    string // Location-Path
	payload string
}

func ask(t *testing.T, conn *coapclient.Conn, path string, format message.MediaType, body []byte, query ...string) coapAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var options message.Options
	for _, q := range query {
		options = append(options, message.Option{ID: message.URIQuery, Value: []byte(q)})
	}
	got, err := conn.Post(ctx, path, format, bytes.NewReader(body), options...)
	if err != nil {
		t.Fatal(err)
	}
	return answerOf(t, got)
}

func answerOf(t *testing.T, got *pool.Message) coapAnswer {
	t.Helper()
	b, err := got.ReadBody()
	if err != nil {
		t.Fatal(err)
	}
	at, _ := got.Options().LocationPath()
	return coapAnswer{got.Code(), at, string(b)}
}

var receiptText = regexp.MustCompile(`[0-9a-f]{32}`)

const warmth = `[{"bn":"/3303/0/","bt":1600000000,"n":"5700","u":"Cel","v":36.6},{"n":"5601","u":"Cel","v":35.1}]`

// tended has what a client of go-coap's tends now and then end with the test.
func tended(tb testing.TB) options.PeriodicRunnerOpt {
	tb.Helper()
	return options.WithPeriodicRunner(periodic.New(tb.Context().Done(), time.Second))
}

// TestAConstrainedDevicesReadingIsProven: what a device sends by CoAP, by DTLS or plain,
// whole or in blocks, signed or not, or by LwM2M's send, is durable when it is answered,
// byte for byte, once, and proven like every other reading.
func TestAConstrainedDevicesReadingIsProven(t *testing.T) {
	c := newConsortium(t)
	_, certificate, key := certify(t)
	_, source, sourceKey := certify(t)
	_, stranger, strangerKey := certify(t)
	north, maker := c.launch(t, "hospital-north", c.withConstrained(t, "hospital-north", certificate, key, source), func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d, other := commission(t, maker, north, "SN-1"), commission(t, maker, north, "SN-2")
	north.name(d.id, "bench", "thermo-1")
	north.name(other.id, "icu", "thermo-2")

	plain, err := coapudp.Dial(north.cfg.CoAP[1].Listen, tended(t))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	first := ask(t, plain, "/readings", message.AppSenmlJSON, []byte(warmth), "d=thermo-1", "id=7")
	id := receiptText.FindString(first.path)
	if first.code != codes.Created || id == "" || first.payload != `{"receipt":"`+id+`"}` {
		t.Fatalf("%+v", first)
	}
	if again := ask(t, plain, "/readings", message.AppSenmlJSON, []byte(warmth), "d=thermo-1", "id=7"); again != first {
		t.Errorf("the same again: %+v", again)
	}
	if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+id+"/records/0", nil, nil); status != http.StatusOK || string(b) != warmth {
		t.Errorf("what is kept: %d %s", status, b)
	}
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(id, 0)); err != nil || v.VouchedBy != "node" || v.Unit != d.id {
		t.Errorf("%+v %v", v, err)
	}
	var said struct{ Measurements []senml.Record }
	north.want(http.StatusOK, "auditor", http.MethodGet, "/v1/readings/"+id+"/records/0/observations", nil, &said)
	if len(said.Measurements) != 2 || said.Measurements[0].Number != "36.6" || said.Measurements[0].Object != "Temperature" || said.Measurements[1].Time.Unix() != 1600000000 {
		t.Errorf("%+v", said)
	}

	// In blocks, of CBOR, which is more than a datagram holds.
	large, err := cbor.Marshal(map[string]any{"wave": bytes.Repeat([]byte{7}, 20_000)})
	if err != nil {
		t.Fatal(err)
	}
	wave := ask(t, plain, "/readings", message.AppCBOR, large, "d=thermo-1")
	if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receiptText.FindString(wave.path)+"/records/0", nil, nil); wave.code != codes.Created || status != http.StatusOK || !bytes.Equal(b, large) {
		t.Errorf("%+v: %d, %d bytes", wave, status, len(b))
	}

	// Signed by the device.
	header, _ := d.sign(t, `{"v":1}`)
	signed := ask(t, plain, "/readings", message.AppJSON, []byte(`{"v":1}`), "d=thermo-1", "seed="+header["Secant-Seed"], "sig="+header["Secant-Signature"])
	if v, err := c.verifier(t).VerifyJSON(north.bundleOf(receiptText.FindString(signed.path), 0)); err != nil || v.VouchedBy != "device" {
		t.Errorf("%+v: %+v %v", signed, v, err)
	}
	if forged := ask(t, plain, "/readings", message.AppJSON, []byte(`{"v":2}`), "d=thermo-1", "seed="+header["Secant-Seed"], "sig="+header["Secant-Signature"]); forged.code != codes.Forbidden {
		t.Errorf("another's signature: %+v", forged)
	}

	// About somebody, and counted.
	about := ask(t, plain, "/readings", message.AppJSON, []byte(`{"v":3}`), "d=thermo-1", "subject=patient-4711", "n=1/7")
	aboutPath := "/v1/readings/" + receiptText.FindString(about.path)
	if _, b := north.call("auditor", http.MethodGet, aboutPath, nil, nil); about.code != codes.Created || !strings.Contains(string(b), `"number":7`) {
		t.Errorf("%+v %s", about, b)
	}
	var gone struct{ Records int }
	north.want(http.StatusOK, "operator", http.MethodPost, "/v1/subjects/erase", map[string]string{"subject": "patient-4711"}, &gone)
	if status, _ := north.call("auditor", http.MethodGet, aboutPath+"/records/0", nil, nil); gone.Records != 1 || status != http.StatusGone {
		t.Errorf("%d records were erased, and the record answers %d", gone.Records, status)
	}
	for _, query := range []string{"subject=Ada", "n=7", "made=soon"} {
		if got := ask(t, plain, "/readings", message.AppJSON, []byte(`{"v":4}`), "d=thermo-1", query); got.code != codes.BadRequest || strings.Contains(got.payload, "Ada") {
			t.Errorf("%s: %+v", query, got)
		}
	}

	// LwM2M.
	pack, err := cbor.Marshal([]map[int]any{{-2: "/3303/0/5700", 2: 36.5}})
	if err != nil {
		t.Fatal(err)
	}
	if early := ask(t, plain, "/dp", message.AppSenmlCbor, pack); early.code != codes.NotFound {
		t.Errorf("not registered: %+v", early)
	}
	registered := ask(t, plain, "/rd", message.AppLinkFormat, []byte(`</3/0>,</3303/0>`), "ep=thermo-1", "lt=300", "lwm2m=1.1", "b=U")
	if registered.code != codes.Created || !strings.HasPrefix(registered.path, "/rd/") {
		t.Fatalf("%+v", registered)
	}
	sent := ask(t, plain, "/dp", message.AppSenmlCbor, pack)
	sentID := receiptText.FindString(sent.payload)
	if status, b := north.call("auditor", http.MethodGet, "/v1/readings/"+sentID+"/records/0", nil, nil); sent.code != codes.Changed || status != http.StatusOK || !bytes.Equal(b, pack) {
		t.Errorf("%+v: %d %x", sent, status, b)
	}
	if updated := ask(t, plain, registered.path, message.AppLinkFormat, nil, "lt=600"); updated.code != codes.Changed {
		t.Errorf("%+v", updated)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if gone, err := plain.Delete(ctx, registered.path); err != nil || gone.Code() != codes.Deleted {
		t.Errorf("%v %v", gone, err)
	}
	if late := ask(t, plain, "/dp", message.AppSenmlCbor, pack); late.code != codes.NotFound {
		t.Errorf("registered no longer: %+v", late)
	}

	// Under another's name, and in no form.
	for name, c := range map[string]struct {
		code codes.Code
		body string
		as   []string
	}{
		"a device of another source": {codes.Forbidden, warmth, []string{"d=thermo-2"}},
		"a device that is none":      {codes.Forbidden, warmth, []string{"d=nobody"}},
		"no device":                  {codes.BadRequest, warmth, nil},
		"no pack":                    {4<<5 | 22, `[{"n":"secret","v":1,"vb":true}]`, []string{"d=thermo-1"}},
	} {
		got := ask(t, plain, "/readings", message.AppSenmlJSON, []byte(c.body), c.as...)
		var details map[int]any
		if err := cbor.Unmarshal([]byte(got.payload), &details); err != nil || got.code != c.code || details[-1] == "" || strings.Contains(got.payload, "secret") {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	if got := ask(t, plain, "/rd", message.AppLinkFormat, nil, "ep=thermo-2"); got.code != codes.Forbidden {
		t.Errorf("registering as another source's device: %+v", got)
	}

	// By DTLS, where the certificate says who it is.
	dial := func(own tls.Certificate) (*coapclient.Conn, error) {
		return coapdtls.Dial(north.cfg.CoAP[0].Listen, &piondtls.Config{ //nolint:staticcheck // what go-coap takes
			Certificates: []tls.Certificate{own}, InsecureSkipVerify: true, ExtendedMasterSecret: piondtls.RequireExtendedMasterSecret,
		}, tended(t))
	}
	secure, err := dial(pair(t, source, sourceKey))
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	if got := ask(t, secure, "/readings", message.AppSenmlJSON, []byte(warmth), "d=thermo-2"); got.code != codes.Created {
		t.Errorf("%+v", got)
	}
	if got := ask(t, secure, "/readings", message.AppSenmlJSON, []byte(warmth), "d=thermo-1"); got.code != codes.Forbidden {
		t.Errorf("a name that is good at another source: %+v", got)
	}
	if unknown, err := dial(pair(t, stranger, strangerKey)); err == nil {
		defer unknown.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if got, err := unknown.Post(ctx, "/readings", message.AppSenmlJSON, strings.NewReader(warmth), message.Option{ID: message.URIQuery, Value: []byte("d=thermo-2")}); err == nil {
			t.Errorf("a stranger was answered: %v", got)
		}
	}
}

// TestAnotherImplementationSendsByCoAP: libcoap's client, plain and by DTLS of OpenSSL.
func TestAnotherImplementationSendsByCoAP(t *testing.T) {
	if testing.Short() {
		t.Skip("another implementation's client")
	}
	client, err := exec.LookPath("coap-client-openssl")
	if err != nil {
		t.Skip("no libcoap: apt-get install libcoap3-bin")
	}
	c := newConsortium(t)
	_, certificate, key := certify(t)
	_, source, sourceKey := certify(t)
	north, maker := c.launch(t, "hospital-north", c.withConstrained(t, "hospital-north", certificate, key, source), func(string) {}).ready(), c.start(t, "medtech")
	model(maker)
	d, other := commission(t, maker, north, "SN-1"), commission(t, maker, north, "SN-2")
	north.name(d.id, "bench", "thermo-1")
	north.name(other.id, "icu", "thermo-2")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), client, append([]string{"-B", "10", "-v", "6"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	kept := func(out string) string {
		_, b := north.call("auditor", http.MethodGet, "/v1/readings/"+receiptText.FindString(regexp.MustCompile(`\{"receipt":"[0-9a-f]{32}"\}`).FindString(out))+"/records/0", nil, nil)
		return string(b)
	}
	at := "coap://" + north.cfg.CoAP[1].Listen
	out := run("-m", "post", "-t", "110", "-e", warmth, at+"/readings?d=thermo-1")
	if kept(out) != warmth {
		t.Errorf("plain: %s", out)
	}
	long, _ := json.Marshal(map[string]string{"note": strings.Repeat("x", 3000)})
	out = run("-m", "post", "-t", "50", "-b", "256", "-e", string(long), at+"/readings?d=thermo-1")
	if kept(out) != string(long) {
		t.Errorf("in blocks: %s", out)
	}
	if out = run("-m", "get", at+"/.well-known/core"); !strings.Contains(out, "</readings>") {
		t.Errorf("what is here: %s", out)
	}
	if out = run("-m", "post", "-t", "110", "-e", warmth, at+"/readings?d=thermo-2"); !strings.Contains(out, "4.03") {
		t.Errorf("another's name: %s", out)
	}
	out = run("-c", source, "-j", sourceKey, "-n", "-m", "post", "-t", "110", "-e", warmth, "coaps://"+north.cfg.CoAP[0].Listen+"/readings?d=thermo-2")
	if kept(out) != warmth {
		t.Errorf("by DTLS: %s", out)
	}
}

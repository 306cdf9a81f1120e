package mud

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/smallstep/pkcs7"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const pump = `{"ietf-mud:mud":{"mud-version":1,"mud-url":"https://maker.example/pump.json","mud-signature":"https://maker.example/pump.p7s",
"last-update":"2026-11-01T10:00:00+00:00","cache-validity":48,"is-supported":true,"systeminfo":"Infusion pump",
"from-device-policy":{"access-lists":{"access-list":[{"name":"out"}]}},"to-device-policy":{"access-lists":{"access-list":[{"name":"in"}]}}},
"ietf-access-control-list:acls":{"acl":[{"name":"out","type":"ipv4-acl-type","aces":{"ace":[
{"name":"a","matches":{"ipv4":{"ietf-acldns:dst-dnsname":"update.maker.example","protocol":6},"tcp":{"ietf-mud:direction-initiated":"from-device","destination-port":{"operator":"eq","port":443}}},"actions":{"forwarding":"accept"}},
{"name":"b","matches":{"ietf-mud:mud":{"my-controller":[null]},"ipv4":{"protocol":17},"udp":{"destination-port":{"lower-port":5000,"upper-port":5010}}},"actions":{"forwarding":"accept"}},
{"name":"c","matches":{"ipv4":{"destination-ipv4-network":"0.0.0.0/0"}},"actions":{"forwarding":"drop"}}]}},
{"name":"in","type":"ipv4-acl-type","aces":{"ace":[{"name":"d","matches":{"ietf-mud:mud":{"local-networks":[null]},"tcp":{"source-port":{"operator":"gte","port":1024}}},"actions":{"forwarding":"accept"}}]}}]}}`

func TestFlowsAreSaidInWords(t *testing.T) {
	t.Parallel()
	f, err := Parse([]byte(pump))
	if err != nil {
		t.Fatal(err)
	}
	want := []Flow{
		{true, true, "The device may send to update.maker.example over TCP, to port 443, in connections that the device begins."},
		{true, true, "The device may send to its own controller over UDP, to ports 5000 to 5010."},
		{true, false, "The device may not send to 0.0.0.0/0."},
		{false, true, "Any device of the local networks may send to the device over TCP, from ports from 1024."},
	}
	if d := cmp.Diff(want, f.Flows); d != "" {
		t.Error(d)
	}
	if !f.Supported || f.CacheValidity != 48*time.Hour || f.Signature == "" {
		t.Errorf("%+v", f)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string][2]string{
		"version":        {`"mud-version":1`, `"mud-version":2`},
		"plain http":     {`https://maker.example/pump.json`, `http://maker.example/pump.json`},
		"time":           {`2026-11-01T10:00:00+00:00`, `yesterday`},
		"cache":          {`"cache-validity":48`, `"cache-validity":0`},
		"support":        {`"is-supported":true,`, ``},
		"unknown member": {`"is-supported"`, `"colour":1,"is-supported"`},
		"unknown match":  {`"protocol":6`, `"protocol":6,"smell":1`},
		"list missing":   {`"name":"in","type"`, `"name":"other","type"`},
		"list twice":     {`"name":"in","type"`, `"name":"out","type"`},
		"type":           {`ipv4-acl-type`, `ipx-acl-type`},
		"forwarding":     {`"forwarding":"drop"`, `"forwarding":"bounce"`},
		"port":           {`"port":443`, `"port":70000`},
		"range":          {`"lower-port":5000`, `"lower-port":6000`},
		"operator":       {`"operator":"gte"`, `"operator":"almost"`},
		"direction":      {`from-device"`, `sideways"`},
		"network":        {`0.0.0.0/0`, `everywhere`},
		"host":           {`update.maker.example`, `a b`},
		"name twice":     {`"mud-version":1`, `"mud-version":1,"mud-version":1`},
	} {
		text := strings.Replace(pump, c[0], c[1], 1)
		if text == pump {
			t.Errorf("%s: nothing was spoilt", name)
		}
		if _, err := Parse([]byte(text)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// issue makes a certificate, under a parent or itself.
func issue(t *testing.T, name string, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	got, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return got, key
}

// sign signs the pump's file.
func sign(t *testing.T, c *x509.Certificate, key *ecdsa.PrivateKey, attached bool) []byte {
	t.Helper()
	s, err := pkcs7.NewSignedData([]byte(pump))
	if err != nil {
		t.Fatal(err)
	}
	s.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := s.AddSigner(c, key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	if !attached {
		s.Detach()
	}
	b, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignaturesAreChecked(t *testing.T) {
	t.Parallel()
	root, rootKey := issue(t, "maker root", nil, nil)
	leaf, leafKey := issue(t, "maker signer", root, rootKey)
	other, otherKey := issue(t, "somebody", nil, nil)
	good := sign(t, leaf, leafKey, false)
	now := time.Now()
	for name, pinned := range map[string]*x509.Certificate{"own": leaf, "issuer": root} {
		if got, err := Verify([]byte(pump), good, pinned, now); err != nil || !got.Equal(leaf) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		text string
		sig  []byte
		pin  *x509.Certificate
		at   time.Time
	}{
		"other text":       {pump + " ", good, root, now},
		"other signer":     {pump, sign(t, other, otherKey, false), root, now},
		"other pin":        {pump, good, other, now},
		"attached":         {pump, sign(t, leaf, leafKey, true), root, now},
		"expired":          {pump, good, root, now.Add(2 * time.Hour)},
		"own expired":      {pump, good, leaf, now.Add(2 * time.Hour)},
		"no signature":     {pump, nil, root, now},
		"cut":              {pump, good[:len(good)/2], root, now},
		"signer's copycat": {pump, sign(t, leaf, otherKey, false), leaf, now},
	} {
		if _, err := Verify([]byte(c.text), c.sig, c.pin, c.at); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(pump))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if file, err := Parse(b); err == nil && file.URL == "" {
			t.Error("a file without its address was taken")
		}
	})
}

package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/secant-platform/secant/network/topology"
)

// marks are values that people and devices brought into the system and that must
// not stand on the ledger, in no form. Tests add to them where they make them.
var marks struct {
	sync.Mutex
	values map[string]string // what it is, by value
}

// mark notes a value that must never be found on the ledger.
func mark[T string | []byte](what string, values ...T) {
	marks.Lock()
	defer marks.Unlock()
	if marks.values == nil {
		marks.values = map[string]string{}
	}
	for _, v := range values {
		marks.values[string(v)] = what
	}
}

// marked returns all that is to be looked for: what tests marked, what the demo
// and the nodes keep for themselves, and the persons of the inputs.
func (n *network) marked(tb testing.TB) map[string]string {
	tb.Helper()
	n.markDevices(tb)
	n.markPlaces(tb)
	n.markKeys(tb)
	n.markPeople(tb)
	markMessages(tb, filepath.Join("..", "demo", "samples"))
	if _, err := os.Stat(*dataDir); err == nil {
		markMessages(tb, *dataDir)
		markPatients(tb, *dataDir)
	}
	marks.Lock()
	defer marks.Unlock()
	out := map[string]string{}
	for v, what := range marks.values {
		out[v] = what
	}
	return out
}

// markDevices marks the serial numbers and keys of the demo's devices.
func (n *network) markDevices(tb testing.TB) {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "demo", "devices", "*.json"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		var d struct {
			Serial string `json:"serial"`
			Key    []byte `json:"key"`
		}
		readJSON(tb, f, &d)
		mark("a device's serial number", d.Serial)
		mark("a device's private key", d.Key)
	}
}

// markPlaces marks what the nodes know of devices in service alone: where they
// stand. A page of them for each organisation is enough.
func (n *network) markPlaces(tb testing.TB) {
	tb.Helper()
	kinds := map[string]string{"serial": "a device's serial number", "ward": "a ward", "address": "a device's address"}
	for _, org := range []string{"hospital-north", "hospital-south", "hospital-east"} {
		owner := n.node(tb, org, "registrar")
		var page struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
		}
		owner.call("GET", "/v1/units?size=50&state=in_service&owner="+org, nil, &page)
		for _, unit := range page.Items {
			var known json.RawMessage
			owner.call("GET", "/v1/units/"+unit.ID, nil, &known)
			eachString(known, func(key, value string) {
				if what, ok := kinds[key]; ok {
					mark(what, value)
				}
			})
		}
	}
}

// markPeople marks what the credentials say of the people whom up gave wallets.
func (n *network) markPeople(tb testing.TB) {
	tb.Helper()
	kinds := map[string]bool{
		"given_name": true, "family_name": true, "birthdate": true, "staff_number": true, "patient_number": true, "insurance_number": true,
	}
	for _, p := range topology.People() {
		var held []struct{ ID string }
		if err := json.Unmarshal([]byte(n.secant(tb, "wallet", "--name", p.Wallet, "list", "--json")), &held); err != nil || len(held) == 0 {
			tb.Fatalf("the %s holds no credential: %v", p.Wallet, err)
		}
		for _, c := range held {
			eachString(json.RawMessage(n.secant(tb, "wallet", "--name", p.Wallet, "show", c.ID)), func(key, value string) {
				if kinds[key] {
					mark("a person's "+key, value)
				}
			})
		}
	}
}

// privateKey finds the private scalar in a PKCS #8 file of a P-256 key: it stands
// behind the version of the inner structure (RFC 5915).
var privateKey = []byte{0x02, 0x01, 0x01, 0x04, 0x20}

// markKeys marks every private key of the network.
func (n *network) markKeys(tb testing.TB) {
	tb.Helper()
	err := filepath.WalkDir(n.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(path) != "key.pem" {
			return err
		}
		der := pemBytes(read(tb, path))
		if i := strings.Index(string(der), string(privateKey)); i >= 0 && len(der) >= i+len(privateKey)+32 {
			mark("a private key", der[i+len(privateKey):i+len(privateKey)+32])
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// person picks out the segments of HL7 v2 messages that are about a person:
// patient, next of kin, insured.
var person7 = regexp.MustCompile(`(?m)(?:^|\r)(?:PID|NK1|IN1|GT1)\|([^\r\n]*)`)

// markMessages marks what the HL7 v2 messages below a folder say of persons.
func markMessages(tb testing.TB, dir string) {
	tb.Helper()
	eachFile(tb, dir, ".hl7", func(b []byte) {
		for _, m := range person7.FindAllStringSubmatch(string(b), -1) {
			for _, v := range strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune("|^~&", r) }) {
				// Shorter ones, and words of the message's own, say nothing of a person.
				if strings.IndexFunc(v, func(r rune) bool { return r >= '0' && r <= '9' }) >= 0 && len(v) >= 6 || len(v) >= 8 {
					mark("what a message says of a person", v)
				}
			}
		}
	})
}

// markPatients marks what the FHIR Patients below a folder consist of.
func markPatients(tb testing.TB, dir string) {
	tb.Helper()
	kinds := map[string]bool{"family": true, "line": true, "city": true, "birthDate": true, "value": true, "id": true, "postalCode": true}
	eachFile(tb, filepath.Join(dir, "health", "synthea-r4"), ".json", func(b []byte) {
		var bundle struct {
			Entry []struct {
				Resource json.RawMessage `json:"resource"`
			} `json:"entry"`
		}
		if json.Unmarshal(b, &bundle) != nil {
			return
		}
		for _, e := range bundle.Entry {
			var r struct {
				Type string `json:"resourceType"`
			}
			if json.Unmarshal(e.Resource, &r) != nil || r.Type != "Patient" {
				continue
			}
			eachString(e.Resource, func(key, value string) {
				if kinds[key] && len(value) >= 5 {
					mark("a patient's "+key, value)
				}
			})
		}
	})
}

func eachFile(tb testing.TB, dir, ext string, visit func([]byte)) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && filepath.Ext(path) == ext {
			visit(read(tb, path))
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// eachString visits the strings of a JSON document with the name of the member
// that each stands in.
func eachString(raw json.RawMessage, visit func(key, value string)) {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return
	}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case string:
			visit(key, v)
		case []any:
			for _, e := range v {
				walk(key, e)
			}
		case map[string]any:
			for k, e := range v {
				walk(k, e)
			}
		}
	}
	walk("", v)
}

package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestBlocksHoldNothingPersonal reads every block of the run, byte by byte and
// part by part, for what persons and devices brought in. Its file sorts last, so
// that all other tests have left their traces.
func TestBlocksHoldNothingPersonal(t *testing.T) {
	n := live(t)
	n.secant(t, "demo") // so that there is something to find when it runs alone
	n.newDevice(t, "hospital-north")

	values := n.marked(t)
	kinds := map[string]int{}
	for _, what := range values {
		kinds[what]++
	}
	for _, needed := range []string{"a device's serial number", "a device's private key", "a private key", "a ward", "a device's address", "what a message says of a person", "a person's family_name"} {
		if kinds[needed] == 0 {
			t.Errorf("%s is not among what is looked for", needed)
		}
	}
	f := newFinder(values)
	all := parts(t, n.blocks(t, "authority"))
	count, size := map[string]int{}, 0
	for _, p := range all {
		count[p.name]++
		size += len(p.b)
	}
	t.Logf("%d values in %d forms: %v", len(values), f.count, kinds)
	t.Logf("%d bytes: %v", size, count)
	for _, needed := range []string{"argument", "written key", "written value", "event", "creator", "endorser", "response"} {
		if count[needed] == 0 {
			t.Errorf("no %s was found: the blocks were not taken apart", needed)
		}
	}
	begin := time.Now()
	for _, found := range scan(f, all) {
		t.Errorf("on the ledger: %s", found)
	}
	t.Logf("looked through in %v", time.Since(begin).Round(time.Millisecond))
	seen := map[string]bool{}
	for _, p := range all {
		if p.name != "creator" && p.name != "endorser" || seen[string(p.b)] {
			continue
		}
		seen[string(p.b)] = true
		if err := impersonal(p.b); err != nil {
			t.Errorf("%s in block %d: %v", p.name, p.block, err)
		}
	}
	t.Logf("%d different creators and endorsers", len(seen))

	t.Run("and would be found", func(t *testing.T) {
		// A value of this test's own is put on the ledger for good, as a plain
		// digest, and looked for among the same blocks.
		planted := "SN-" + rand.Text()
		sum := sha256.Sum256([]byte(planted))
		err := rawSubmit(t.Context(), n.contract(t, "medtech", "registrar"), ledger.DeviceRegisterModel, ledger.RegisterModel{
			DI: "E2E-" + rand.Text(), Name: hex.EncodeToString(sum[:]), ModelNumber: "BM-1", RiskClass: "IIb",
		})
		if err != nil {
			t.Fatal(details(err))
		}
		f := newFinder(map[string]string{planted: "the planted value"})
		found := ""
		await(t, "another member's peer to have the planted value", func() bool {
			found = strings.Join(scan(f, parts(t, n.blocks(t, "hospital-east"))), "\n")
			return found != ""
		})
		for _, where := range []string{"argument", "written value", "whole block"} {
			if !strings.Contains(found, "its SHA-256, in hexadecimal, in a transaction's "+where) &&
				!strings.Contains(found, "its SHA-256, in hexadecimal, in a transaction's the "+where) {
				t.Errorf("not found in the %s:\n%s", where, found)
			}
		}
	})
}

// TestScanFindsWhatIsPlanted plants a value in each part of a transaction and in
// each form, and wants each to be found.
func TestScanFindsWhatIsPlanted(t *testing.T) {
	const secret = "SN-4711-Größe"
	sum := sha256.Sum256([]byte(secret))
	carried, err := json.Marshal(map[string]string{"inner": base64.StdEncoding.EncodeToString([]byte(`{"hex":"` + hex.EncodeToString([]byte(secret)) + `"}`))})
	if err != nil {
		t.Fatal(err)
	}
	f := newFinder(map[string]string{secret: "the secret"})
	planted := map[string][]byte{
		"as it is":                    []byte("x" + secret + "y"),
		"in lower case":               []byte(strings.ToLower(secret)),
		"in hexadecimal":              []byte(hex.EncodeToString([]byte(secret))),
		"in upper-case hexadecimal":   []byte(strings.ToUpper(hex.EncodeToString([]byte(secret)))),
		"in base64":                   []byte(base64.StdEncoding.EncodeToString([]byte(secret))),
		"in base64, one byte behind":  []byte(base64.RawURLEncoding.EncodeToString([]byte("x" + secret + "yz"))),
		"in base64, two bytes behind": []byte(base64.StdEncoding.EncodeToString([]byte("xy" + secret))),
		"with escapes":                []byte(`{"a":"SN-4711-Gr\u00f6\u00dfe"}`),
		"carried in base64 and hex":   carried,
		"digest":                      sum[:],
		"digest in hexadecimal":       []byte(hex.EncodeToString(sum[:])),
		"digest in base64":            []byte(base64.RawURLEncoding.EncodeToString(sum[:])),
		"digest behind other bytes":   []byte(base64.StdEncoding.EncodeToString(append([]byte("x"), sum[:]...))),
		"a part of the digest":        sum[:16],
	}
	for form, b := range planted {
		for _, where := range []string{"argument", "read key", "written key", "written value", "event", "response", "creator", "endorser"} {
			if strings.HasSuffix(where, "key") && !utf8.Valid(b) {
				continue // keys are text
			}
			found := scan(f, parts(t, []*common.Block{blockWith(t, where, b)}))
			ok := func(name string) bool {
				return slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, "a transaction's "+name+" ") })
			}
			// What the JSON of a value carries is seen once it is taken out of the block.
			if !ok(where) || form != "with escapes" && form != "carried in base64 and hex" && !ok("the whole block") {
				t.Errorf("planted %s as %s: found %v", form, where, found)
			}
		}
	}
	for _, clean := range [][]byte{nil, []byte("SN-4712-Größe"), []byte(hex.EncodeToString([]byte("another serial number")))} {
		if found := scan(f, parts(t, []*common.Block{blockWith(t, "argument", clean)})); len(found) > 0 {
			t.Errorf("found in %q: %v", clean, found)
		}
	}
	short := newFinder(map[string]string{"Anna": "a name"})
	for text, want := range map[string]int{`{"name":"Anna"}`: 1, `QXAnnaB2`: 0, `anna.example`: 1} {
		if found := scan(short, []part{{name: "argument", b: []byte(text)}}); len(found) != want {
			t.Errorf("%s: found %v", text, found)
		}
	}
}

// blockWith makes a block of one transaction with b in one of its parts.
func blockWith(tb testing.TB, where string, b []byte) *common.Block {
	tb.Helper()
	at := func(name string) []byte {
		if name == where {
			return b
		}
		return []byte("nothing")
	}
	kv := encode(tb, &kvrwset.KVRWSet{
		Reads:  []*kvrwset.KVRead{{Key: string(at("read key"))}},
		Writes: []*kvrwset.KVWrite{{Key: string(at("written key")), Value: at("written value")}},
	})
	result := encode(tb, &peer.ChaincodeAction{
		Results:  encode(tb, &rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{{Namespace: "secant", Rwset: kv}}}),
		Events:   encode(tb, &peer.ChaincodeEvent{Payload: at("event")}),
		Response: &peer.Response{Payload: at("response")},
	})
	action := encode(tb, &peer.ChaincodeActionPayload{
		ChaincodeProposalPayload: encode(tb, &peer.ChaincodeProposalPayload{Input: encode(tb, &peer.ChaincodeInvocationSpec{
			ChaincodeSpec: &peer.ChaincodeSpec{Input: &peer.ChaincodeInput{Args: [][]byte{at("argument")}}},
		})}),
		Action: &peer.ChaincodeEndorsedAction{
			ProposalResponsePayload: encode(tb, &peer.ProposalResponsePayload{Extension: result}),
			Endorsements:            []*peer.Endorsement{{Endorser: at("endorser")}},
		},
	})
	payload := encode(tb, &common.Payload{
		Header: &common.Header{
			ChannelHeader:   encode(tb, &common.ChannelHeader{Type: int32(common.HeaderType_ENDORSER_TRANSACTION)}),
			SignatureHeader: encode(tb, &common.SignatureHeader{Creator: at("creator")}),
		},
		Data: encode(tb, &peer.Transaction{Actions: []*peer.TransactionAction{{Payload: action}}}),
	})
	return &common.Block{
		Header: &common.BlockHeader{Number: 7},
		Data:   &common.BlockData{Data: [][]byte{encode(tb, &common.Envelope{Payload: payload})}},
	}
}

// TestCertificatesOfPersonsAreRefused holds the check of creators against
// certificates that name a person.
func TestCertificatesOfPersonsAreRefused(t *testing.T) {
	for name, subject := range certificates(t) {
		err := impersonal(subject.identity)
		if (err == nil) != subject.fine {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "Anna") {
			t.Errorf("%s: repeats the name: %v", name, fmt.Sprint(err))
		}
	}
}

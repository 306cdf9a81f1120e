package client

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var ours = reader{channel: "secant", chaincode: "secant"}

// mixedBlock holds one transaction of each sort that a channel can hold.
func mixedBlock(tb testing.TB) *common.Block {
	tb.Helper()
	several := shared()
	several.tx, several.event = "a2", event(ledger.EventUnitRegistered, "dev", "07")
	several.writes = map[string][]*kvrwset.KVWrite{
		"_lifecycle": {{Key: "not ours", Value: []byte("x")}},
		"secant": {
			{Key: "\x00dev\x0007\x00", Value: []byte(`{"v":1,"id":"07"}`)},
			{Key: "\x00dev.ev\x0007\x00a2\x00", IsDelete: true},
			{Key: "plain", Value: []byte("not a record")},
			{Key: "\x00\x00", Value: []byte("no object type")},
		},
	}
	caller := shared() // another chaincode that called ours
	caller.tx, caller.chaincode, caller.event = "a3", "other", &peer.ChaincodeEvent{ChaincodeId: "other", EventName: "happened", Payload: []byte("?")}
	impostor := shared() // another chaincode ran, whatever the invocation says
	impostor.tx, impostor.chaincode, impostor.spec, impostor.writes = "a4", "other", "secant", nil
	lost := shared()
	lost.tx = "a5"
	nameless := shared()
	nameless.tx, nameless.args, nameless.event, nameless.writes = "a6", nil, nil, nil
	e := func(c call) []byte { return encode(tb, c.envelope(tb)) }
	return newBlock(tb, 7, []byte("the hash of block 6"),
		valid(configuration(tb)), valid(e(shared())), valid(e(several)), valid(e(caller)), valid(e(impostor)),
		verdict{e(lost), peer.TxValidationCode_MVCC_READ_CONFLICT},
		verdict{[]byte("garbage that any member can send"), peer.TxValidationCode_BAD_PAYLOAD},
		valid(e(nameless)),
	)
}

func TestGoldenBlockIsReadAsPeersJudgedIt(t *testing.T) {
	block, err := ours.block(mixedBlock(t))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "block.golden.json", block)
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(b)+"\n"); diff != "" {
		t.Error(diff)
	}
}

func TestMalformedBlocksAreRefused(t *testing.T) {
	e := func(c call) []byte { return encode(t, c.envelope(t)) }
	change := func(f func(*call)) []byte {
		c := shared()
		f(&c)
		return e(c)
	}
	good := func() *common.Block { return newBlock(t, 1, nil, valid(e(shared()))) }
	for name, tt := range map[string]struct {
		block *common.Block
		want  string
	}{
		"nothing": {&common.Block{}, "no header"},
		"empty":   {newBlock(t, 1, nil), "no transactions"},
		"other transactions than the header's": {func() *common.Block {
			b := good()
			b.Data.Data[0] = change(func(c *call) { c.tx = "b" })
			return b
		}(), "not those"},
		"flag missing": {func() *common.Block {
			b := good()
			b.Metadata.Metadata[2] = nil
			return b
		}(), "validity flag"},
		"no metadata": {func() *common.Block {
			b := good()
			b.Metadata = nil
			return b
		}(), "validity flag"},
		"valid garbage":       {newBlock(t, 1, nil, valid([]byte("garbage"))), "envelope"},
		"of another channel":  {newBlock(t, 1, nil, valid(change(func(c *call) { c.channel = "elsewhere" }))), "another channel"},
		"two actions":         {newBlock(t, 1, nil, valid(change(func(c *call) { c.actions = 2 }))), "one action"},
		"event that is none":  {newBlock(t, 1, nil, valid(change(func(c *call) { c.event.Payload = []byte("{") }))), "event"},
		"event of other name": {newBlock(t, 1, nil, valid(change(func(c *call) { c.event.EventName = "x" }))), "name"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ours.block(tt.block); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSplitKeyUndoesComposition(t *testing.T) {
	for s, want := range map[string]ledger.Key{
		"\x00org\x00hospital-north\x00":       {Type: "org", Parts: []string{"hospital-north"}},
		"\x00anc\x00ab\x00000000000007\x00":   {Type: "anc", Parts: []string{"ab", "000000000007"}},
		"\x00anc\x00":                         {Type: "anc", Parts: []string{}},
		"":                                    {},
		"\x00":                                {},
		"\x00\x00":                            {},
		"plain":                               {},
		"\x00org\x00cut off":                  {},
		"\x00" + "\U0010ffff" + "initialized": {},
	} {
		got, ok := splitKey(s)
		if ok != (want.Type != "") || ok && !cmp.Equal(got, want) {
			t.Errorf("%q: got %v, %v", s, got, ok)
		}
	}
}

// FuzzBlock: no peer and no member makes the reader panic, and what it accepts
// it reads again in the same way.
func FuzzBlock(f *testing.F) {
	f.Add(encode(f, mixedBlock(f)))
	f.Add(encode(f, newBlock(f, 0, nil, valid(configuration(f)))))
	f.Fuzz(func(t *testing.T, b []byte) {
		var block common.Block
		if proto.Unmarshal(b, &block) != nil {
			return
		}
		first, err := ours.block(&block)
		if err != nil {
			return
		}
		second, err := ours.block(&block)
		if err != nil || !cmp.Equal(first, second) {
			t.Errorf("read twice, differently: %v", err)
		}
		if len(first.Txs) != len(block.GetData().GetData()) || first.Number != block.GetHeader().GetNumber() {
			t.Errorf("transactions or number lost")
		}
	})
}

// FuzzTransaction: whatever stands in an envelope, an invalid one never stops
// the reader, and a valid one yields records of our chaincode only.
func FuzzTransaction(f *testing.F) {
	for _, b := range mixedBlock(f).GetData().GetData() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rejected := newBlock(t, 3, nil, verdict{b, peer.TxValidationCode_BAD_PAYLOAD})
		out, err := ours.block(rejected)
		if err != nil {
			t.Fatalf("an invalid transaction stopped the reader: %v", err)
		}
		if tx := out.Txs[0]; tx.Valid || tx.Writes != nil || tx.Event != nil {
			t.Errorf("an invalid transaction yielded %+v", tx)
		}
		accepted, err := ours.block(newBlock(t, 3, nil, valid(b)))
		if err != nil {
			return
		}
		for _, w := range accepted.Txs[0].Writes {
			if w.Key.Type == "" {
				t.Errorf("a record without type")
			}
		}
	})
}

func TestHeaderHashIsFabrics(t *testing.T) {
	// DER of SEQUENCE { INTEGER 128, OCTET STRING "ab", OCTET STRING "" }: a
	// number with its high bit set takes a leading zero.
	der := []byte{0x30, 0x0a, 0x02, 0x02, 0x00, 0x80, 0x04, 0x02, 'a', 'b', 0x04, 0x00}
	got, err := headerHash(&common.BlockHeader{Number: 128, PreviousHash: []byte("ab")})
	if err != nil || !bytes.Equal(got, dataHash([][]byte{der})) {
		t.Errorf("got %x, %v", got, err)
	}
}

package proof_test

import (
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/proof/prooftest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Signed reads that are none, or of something else.
func TestReadsThatAreNotTheRead(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		edit  func(*world, *prooftest.Call)
		words string
	}{
		"endorsed Commit in place of the read": {func(w *world, c *prooftest.Call) {
			c.Args[0] = []byte(ledger.AnchorCommit)
			c.Writes = []ledger.Key{w.view.Anchor.Key()}
		}, "another function"},
		"Commit named as the read": {func(w *world, c *prooftest.Call) {
			c.Writes = []ledger.Key{w.view.Anchor.Key()}
		}, "wrote"},
		"write elsewhere": {func(w *world, c *prooftest.Call) {
			c.WritesElsewhere = []ledger.Key{w.view.Anchor.Key()}
		}, "wrote"},
		"event":              {func(_ *world, c *prooftest.Call) { c.Event = []byte("x") }, "event"},
		"other channel":      {func(_ *world, c *prooftest.Call) { c.Channel = "other" }, "another channel"},
		"other header type":  {func(_ *world, c *prooftest.Call) { c.Type = common.HeaderType_CONFIG }, "endorser transaction"},
		"other chaincode":    {func(_ *world, c *prooftest.Call) { c.Chaincode = "other" }, "another chaincode"},
		"chaincode in head":  {func(_ *world, c *prooftest.Call) { c.HeaderChaincode = "other" }, "another chaincode"},
		"chaincode answered": {func(_ *world, c *prooftest.Call) { c.Answering = "other" }, "another chaincode answered"},
		"other namespace":    {func(_ *world, c *prooftest.Call) { c.Namespace = "other" }, "namespace"},
		"other function":     {func(_ *world, c *prooftest.Call) { c.Args[0] = []byte(ledger.AnchorGetStream) }, "another function"},
		"other spelling":     {func(_ *world, c *prooftest.Call) { c.Args[0] = []byte("anchor:get") }, "another function"},
		"second argument":    {func(_ *world, c *prooftest.Call) { c.Args = append(c.Args, []byte("{}")) }, "one argument"},
		"no argument":        {func(_ *world, c *prooftest.Call) { c.Args = c.Args[:1] }, "one argument"},
		"other sequence": {func(w *world, c *prooftest.Call) {
			c.Args[1] = encode(&ledger.GetAnchor{Stream: w.view.Anchor.Stream, Sequence: 7})
		}, "something else"},
		"other spelling of the request": {func(_ *world, c *prooftest.Call) { c.Args[1] = append(c.Args[1], ' ') }, "something else"},
		"failed call":                   {func(_ *world, c *prooftest.Call) { c.Status = 500 }, "not a success"},
		"missing read version":          {func(_ *world, c *prooftest.Call) { c.Reads[0].Absent = true }, "without a version"},
		"missing stream's version":      {func(_ *world, c *prooftest.Call) { c.Reads[1].Absent = true }, "without a version"},
		"key not read":                  {func(_ *world, c *prooftest.Call) { c.Reads = c.Reads[1:] }, "not in the read set"},
		"mark not read":                 {func(_ *world, c *prooftest.Call) { c.Reads = c.Reads[:2] }, "two histories"},
		"mark read and denied":          {func(_ *world, c *prooftest.Call) { c.Reads[2].Absent = false }, "two histories"},
		"key read twice":                {func(_ *world, c *prooftest.Call) { c.Reads = append(c.Reads, c.Reads[0]) }, "twice"},
		"transient map":                 {func(_ *world, c *prooftest.Call) { c.Transient = map[string][]byte{"a": {1}} }, "transient"},
		"no time":                       {func(_ *world, c *prooftest.Call) { c.Time = time.Time{} }, "no usable time"},
		"initialisation":                {func(_ *world, c *prooftest.Call) { c.Init = true }, "not a plain call"},
		"namespace twice":               {func(_ *world, c *prooftest.Call) { c.Again = c.Namespace }, "namespace twice"},
		"next anchor unread":            {func(_ *world, c *prooftest.Call) { c.Reads = c.Reads[:3] }, "about the next anchor"},
		"next anchor hidden":            {func(w *world, c *prooftest.Call) { w.view.Next = time.Time{}; c.Payload = encode(w.view) }, "about the next anchor"},
		"next anchor invented":          {func(_ *world, c *prooftest.Call) { c.Reads[3].Absent = true }, "about the next anchor"},
		"next anchor of another place":  {func(w *world, c *prooftest.Call) { c.Reads[3].Key = ledger.AnchorKey(w.view.Stream.ID, 2) }, "about the next anchor"},
		"next anchor before this one": {func(w *world, c *prooftest.Call) {
			w.view.Next = w.view.Anchor.Time.Add(-time.Millisecond)
			c.Payload = encode(w.view)
		}, "older than this one"},
		"no answer": {func(_ *world, c *prooftest.Call) { c.Payload = []byte("[]") }, "not an anchor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByNode)
			a.edit(w, w.anchor)
			w.refused(t, w.bundle(t), proof.StepSignedRead, a.words)
		})
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// The same holds for the read of the device.
func TestDeviceReadsThatAreNotTheRead(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		edit  func(*world, *prooftest.Call)
		words string
	}{
		"registration in place of the read": {func(_ *world, c *prooftest.Call) { c.Args[0] = []byte(ledger.DeviceRegisterUnit) }, "another function"},
		"the anchor's read":                 {func(w *world, c *prooftest.Call) { *c = *w.anchor }, "another function"},
		"missing read version":              {func(_ *world, c *prooftest.Call) { c.Reads[0].Absent = true }, "without a version"},
		"other device asked for":            {func(_ *world, c *prooftest.Call) { c.Args[1] = encode(&ledger.GetUnit{ID: strings.Repeat("0", 64)}) }, "something else"},
		"no device":                         {func(_ *world, c *prooftest.Call) { c.Payload = []byte(`"x"`) }, "does not show a device"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByDevice)
			a.edit(w, w.unit)
			w.refused(t, w.bundle(t), proof.StepSignedRead, a.words)
		})
	}
	t.Run("minority", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, proof.VouchedByDevice)
		w.unit.Endorsers = w.unit.Endorsers[:2]
		w.refused(t, w.bundle(t), proof.StepPolicy, "2 of 5")
	})
}

// Bytes of a read that were changed after the peers signed.
func TestReadAlteredAfterSigning(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		edit  func(*world, *ledger.SignedRead)
		words string
	}{
		"time": {func(w *world, sr *ledger.SignedRead) {
			w.anchor.Time = w.anchor.Time.Add(time.Hour)
			sr.ChannelHeader = w.anchor.Sign(w.t).ChannelHeader
		}, "another proposal"},
		"proposal": {func(w *world, sr *ledger.SignedRead) {
			w.anchor.Args[0] = []byte(ledger.AnchorCommit)
			*sr = *w.anchor.Sign(w.t)
			w.anchor.Args[0] = []byte(ledger.AnchorGet)
			sr.Proposal = w.anchor.Sign(w.t).Proposal
		}, "another proposal"},
		"creator":  {func(_ *world, sr *ledger.SignedRead) { sr.SignatureHeader = []byte("x") }, "another proposal"},
		"response": {func(_ *world, sr *ledger.SignedRead) { sr.Response = append(sr.Response, 0x38, 1) }, "does not fit"},
		"signature of another response": {func(w *world, sr *ledger.SignedRead) {
			w.anchor.Payload = encode(w.view.Anchor)
			sr.Endorsements[1] = w.anchor.Sign(w.t).Endorsements[1]
		}, "does not fit"},
		"signature under another identity": {func(_ *world, sr *ledger.SignedRead) {
			sr.Endorsements[1].Signature = sr.Endorsements[0].Signature
		}, "does not fit"},
		"high signature": {func(_ *world, sr *ledger.SignedRead) {
			sr.Endorsements[0].Signature = high(sr.Endorsements[0].Signature)
		}, "low form"},
		"no signature":    {func(_ *world, sr *ledger.SignedRead) { sr.Endorsements[0].Signature = nil }, "not an ECDSA signature"},
		"no response":     {func(_ *world, sr *ledger.SignedRead) { sr.Response = []byte{} }, "missing"},
		"no endorsements": {func(_ *world, sr *ledger.SignedRead) { sr.Endorsements = sr.Endorsements[:0] }, "endorsements"},
		"huge response":   {func(_ *world, sr *ledger.SignedRead) { sr.Response = make([]byte, 1<<20) }, "too large"},
		"huge endorser":   {func(_ *world, sr *ledger.SignedRead) { sr.Endorsements[0].Endorser = make([]byte, 1<<20) }, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByNode)
			b := w.bundle(t)
			a.edit(w, &b.Anchor)
			w.refused(t, b, proof.StepSignedRead, a.words)
		})
	}
}

// high turns an ECDSA signature into its other form, with the larger s.
func high(sig []byte) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		panic(err)
	}
	order, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	v.S.Sub(order, v.S)
	out, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

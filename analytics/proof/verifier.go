package proof

import (
	"sync"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Verifier judges bundles by one trust file. What it has found good once (reads,
// heads, entries) it keeps, within bounds, so that further bundles under the
// same checkpoint cost little more than hashing. It serves any number of
// goroutines.
type Verifier struct {
	channel   string
	chaincode string
	epochs    []*epoch
	lasting   map[string][]string // thumbprints of lasting keys, by organisation

	mu    sync.Mutex
	reads map[Hash]*read   // by readDigest
	heads map[string]*Head // by checkpoint
}

// Bounds on what a verifier keeps; what is full is emptied and fills again.
const (
	maxReads   = 256
	maxHeads   = 32
	maxEntries = 256 // for each head
)

// NewVerifier returns a verifier that trusts what the file says. It fails when
// the file has a certificate, a policy or a thumbprint that cannot be used.
func NewVerifier(trust *ledger.Trust) (*Verifier, error) {
	v := &Verifier{
		channel: trust.Channel, chaincode: trust.Chaincode,
		reads: map[Hash]*read{}, heads: map[string]*Head{},
	}
	for i := range trust.Epochs {
		e, err := newEpoch(&trust.Epochs[i])
		if err != nil {
			return nil, ledger.Problemf(ledger.CodeInvalid, "epoch %d of the trust file cannot be used: %v", i, err)
		}
		v.epochs = append(v.epochs, e)
	}
	var err error
	if v.lasting, err = lastingKeys(trust); err != nil {
		return nil, err
	}
	return v, nil
}

// VerifyJSON judges an encoded bundle; see Verify.
func (v *Verifier) VerifyJSON(raw []byte) (*Verdict, error) {
	b, err := ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	return v.Verify(b)
}

// Verify judges a bundle and returns what it proves. The error is a *Mismatch
// that names the step that does not fit. It keeps nothing of b.
func (v *Verifier) Verify(b *Bundle) (*Verdict, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	// The record first: what was altered most likely costs least to find.
	if err := b.Record.verify(b.Statement.Count, &b.Statement.Root); err != nil {
		return nil, err
	}
	head, err := v.Head(b.Checkpoint, &b.Anchor)
	if err != nil {
		return nil, err
	}
	entry, err := head.Entry(&b.Statement, &b.Log, b.Device)
	if err != nil {
		return nil, err
	}
	verdict := entry.verdict(int(b.Record.Index))
	if b.Lasting != nil {
		if verdict.Lasting, err = head.Lasting(b.Lasting); err != nil {
			return nil, err
		}
		verdict.LastingKnown = len(v.lasting[verdict.Organisation]) > 0
	}
	return verdict, nil
}

// read judges a signed read, or finds it among those judged before.
func (v *Verifier) read(name string, sr *ledger.SignedRead) (*read, error) {
	digest := readDigest(name, sr)
	v.mu.Lock()
	have := v.reads[digest]
	v.mu.Unlock()
	if have != nil {
		return have, nil
	}
	r, err := v.signedRead(name, sr)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.reads) >= maxReads {
		clear(v.reads)
	}
	v.reads[digest] = r
	return r, nil
}

package statetest

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// committed is a transaction in a block, valid or not.
type committed struct {
	*Simulation
	block uint64
	code  peer.TxValidationCode
}

// Outcome is what became of a transaction.
type Outcome struct {
	Known bool
	Code  peer.TxValidationCode
	Block uint64
}

// Commit puts the simulated transactions into one block, in that order, and
// returns the validation code of each.
func (l *Ledger) Commit(sims ...*Simulation) []peer.TxValidationCode {
	l.mu.Lock()
	defer l.mu.Unlock()
	block := &ledger.Block{Number: uint64(len(l.blocks))}
	var codes []peer.TxValidationCode
	for i, s := range sims {
		code := l.validate(s)
		if code == peer.TxValidationCode_VALID {
			for _, w := range s.Writes {
				e := entry{version: Version{block.Number, uint64(i)}, tx: s.Tx}
				if !w.Delete {
					e.value = w.Value
				}
				l.state.put(w.Key, e)
			}
		}
		c := &committed{Simulation: s, block: block.Number, code: code}
		if _, twice := l.txs[s.Tx]; !twice {
			l.txs[s.Tx] = c
		}
		l.order = append(l.order, c)
		codes = append(codes, code)
		block.Txs = append(block.Txs, s.tx(code))
	}
	l.append(block)
	close(l.changed)
	l.changed = make(chan struct{})
	return codes
}

// append chains a block to the one before it.
func (l *Ledger) append(b *ledger.Block) {
	h := sha256.New()
	if len(l.blocks) > 0 {
		b.Previous = l.blocks[len(l.blocks)-1].Hash
		h.Write(b.Previous)
	}
	for _, tx := range b.Txs {
		h.Write([]byte(tx.ID + "\x00"))
	}
	b.Hash = h.Sum(nil)
	l.blocks = append(l.blocks, b)
}

// validate judges a transaction on the state as the blocks and the transactions
// before it in this block left it.
func (l *Ledger) validate(s *Simulation) peer.TxValidationCode {
	latest := uint64(len(l.blocks)) + 1
	if _, twice := l.txs[s.Tx]; twice {
		return peer.TxValidationCode_DUPLICATE_TXID
	}
	if s.Status >= 400 { // peers do not sign a refusal
		return peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE
	}
	for _, r := range s.Reads {
		e, found := l.state.get(r.Key, latest)
		if found != (r.Version != nil) || found && e.version != *r.Version {
			return peer.TxValidationCode_MVCC_READ_CONFLICT
		}
	}
	for _, r := range s.ranges {
		var now []read
		for _, k := range l.state.scan(r.start, r.end, latest) {
			e, _ := l.state.get(k, latest)
			now = append(now, read{k, e.version})
		}
		if !slices.Equal(now, r.found) {
			return peer.TxValidationCode_PHANTOM_READ_CONFLICT
		}
	}
	return peer.TxValidationCode_VALID
}

// tx returns the transaction as members' peers deliver it: of an invalid one
// only what its envelope claims, and a time only where peers vouch for it.
func (s *Simulation) tx(code peer.TxValidationCode) ledger.Tx {
	tx := ledger.Tx{ID: s.Tx, Name: s.Name, Creator: s.Org, Valid: code == peer.TxValidationCode_VALID}
	if !tx.Valid {
		return tx
	}
	for _, w := range s.Writes {
		tx.Writes = append(tx.Writes, ledger.Write{Key: splitKey(w.Key), Value: w.Value, Delete: w.Delete})
	}
	if len(tx.Writes) > 0 {
		tx.Time = s.Time.UTC().Truncate(time.Millisecond)
	}
	if s.Event != nil {
		event := new(ledger.Event)
		if json.Unmarshal(s.Event.GetPayload(), event) == nil {
			tx.Event = event
		}
	}
	return tx
}

// splitKey takes a composite key apart; a key of another form is all type.
func splitKey(key string) ledger.Key {
	if k, ok := ledger.ParseKey(key); ok {
		return k
	}
	return ledger.Key{Type: ledger.ObjectType(key)}
}

// Outcome returns what became of a transaction.
func (l *Ledger) Outcome(tx string) Outcome {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c, known := l.txs[tx]
	if !known {
		return Outcome{}
	}
	return Outcome{Known: true, Code: c.code, Block: c.block}
}

// Submit simulates, commits alone in a block and returns the result in out. A
// transaction that lost against another is a Problem with code conflict.
func (l *Ledger) Submit(client *Identity, name string, request, out any) error {
	s, err := l.Simulate(Proposal{Client: client, Name: name, Request: request})
	if err != nil {
		return err
	}
	if err := s.decode(out); err != nil {
		return err
	}
	if code := l.Commit(s)[0]; code != peer.TxValidationCode_VALID {
		return ledger.Problemf(ledger.CodeConflict, "the transaction is invalid: %s", code)
	}
	return nil
}

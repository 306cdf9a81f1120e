package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Record is a pointer to a stored record.
type Record[T any] interface {
	*T
	Key() ledger.Key
}

// Table holds the records of one object type. Only tables build keys; they stand
// with their subject.
type Table[T any, P Record[T]] struct {
	kind ledger.ObjectType
	noun string
}

func table[T any, P Record[T]](kind ledger.ObjectType, noun string) Table[T, P] {
	return Table[T, P]{kind: kind, noun: noun}
}

// Find returns the record, and false when there is none. Either way the key
// enters the read set.
func (t Table[T, P]) Find(ctx *Context, key ledger.Key) (P, bool, error) {
	k, err := t.compose(key)
	if err != nil {
		return nil, false, err
	}
	b, err := ctx.stub.GetState(k)
	if err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", t.noun, err)
	}
	ctx.read[k] = len(b) > 0
	if len(b) == 0 {
		return nil, false, nil
	}
	r, err := t.decode(b)
	return r, err == nil, err
}

// Get returns the record, or a Problem with code not_found.
func (t Table[T, P]) Get(ctx *Context, key ledger.Key) (P, error) {
	r, found, err := t.Find(ctx, key)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ledger.Problemf(ledger.CodeNotFound, "%s does not exist", t.noun)
	}
	return r, nil
}

// Create writes a record that must not exist; otherwise a Problem with code
// already_exists. Two creates of one key in flight conflict at commit.
func (t Table[T, P]) Create(ctx *Context, r P) error {
	k, err := t.compose(r.Key())
	if err != nil {
		return err
	}
	// What this transaction found absent stays so: it reads one snapshot.
	present, known := ctx.read[k]
	if !known {
		if _, present, err = t.Find(ctx, r.Key()); err != nil {
			return err
		}
	}
	if present {
		return ledger.Problemf(ledger.CodeAlreadyExists, "%s exists", t.noun)
	}
	return t.put(ctx, r)
}

// Append writes a record without reading its key, which must hold the
// transaction's id: no other transaction can write it.
func (t Table[T, P]) Append(ctx *Context, r P) error {
	if !slices.Contains(r.Key().Parts, ctx.TxID()) {
		return fmt.Errorf("appending %s: its key lacks the transaction's id", t.noun)
	}
	return t.put(ctx, r)
}

// Update replaces a record that this transaction has read, so that a change in
// between is a conflict at commit.
func (t Table[T, P]) Update(ctx *Context, r P) error {
	k, err := t.compose(r.Key())
	if err != nil {
		return err
	}
	if !ctx.read[k] {
		return fmt.Errorf("updating %s: it was not read", t.noun)
	}
	return t.put(ctx, r)
}

func (t Table[T, P]) put(ctx *Context, r P) error {
	if !ctx.writes || !ctx.permitted {
		return fmt.Errorf("writing %s: the transaction may not write", t.noun)
	}
	k, err := t.compose(r.Key())
	if err != nil {
		return err
	}
	// The second write would win, and a read in between would not see the first.
	if _, twice := ctx.written[k]; twice {
		return fmt.Errorf("writing %s: twice in one transaction", t.noun)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", t.noun, err)
	}
	if err := ctx.stub.PutState(k, b); err != nil {
		return fmt.Errorf("writing %s: %w", t.noun, err)
	}
	ctx.written[k] = struct{}{}
	return nil
}

// decode reads a stored record leniently: fields that a newer version added are
// skipped.
func (t Table[T, P]) decode(b []byte) (P, error) {
	r := P(new(T))
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", t.noun, err)
	}
	return r, nil
}

func (t Table[T, P]) compose(key ledger.Key) (string, error) {
	if key.Type != t.kind || len(key.Parts) == 0 {
		return "", errors.New("composing a key: it is of another table")
	}
	return composeKey(key.Type, key.Parts)
}

func composeKey(kind ledger.ObjectType, parts []string) (string, error) {
	k, err := shim.CreateCompositeKey(string(kind), parts)
	if err != nil {
		return "", ledger.Problemf(ledger.CodeInvalid, "a key holds a character that keys cannot hold")
	}
	return k, nil
}

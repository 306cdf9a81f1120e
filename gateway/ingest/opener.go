package ingest

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/gateway/vault"
)

// opened is a request as it is read back: decrypted, decompressed and proven to
// be what its statement says. It is never changed.
type opened struct {
	id        vault.ID
	ordinal   uint64
	entry     [32]byte
	envelope  *envelope
	statement proof.Statement
	records   [][]byte    // nil where one was erased
	tree      *proof.Tree // nil where all were
	erased    int         // records
}

// size estimates the memory that it takes.
func (o *opened) size() int {
	const perRecord = 24 + 2*proof.HashSize
	size := 1024 + o.envelope.unpacked + len(o.envelope.body) + len(o.records)*perRecord
	for i := range o.envelope.segments {
		size += 256 + len(o.envelope.segments[i].sealed)
	}
	return size
}

// unpack decodes a record of the vault and derives everything again that its
// statement claims. Any difference is an error: what is served is verified.
func unpack(v *vault.Vault, r *vault.Record, decoder *zstd.Decoder) (*opened, error) {
	e, err := decodeEnvelope(r.Plain)
	if err != nil {
		return nil, err
	}
	s, err := proof.DecodeStatement(e.statement)
	if err != nil {
		return nil, err
	}
	o := &opened{id: r.ID, ordinal: r.Ordinal, entry: r.Entry, envelope: e, statement: *s}
	content, err := o.derive(v, decoder)
	if err != nil {
		return nil, err
	}
	entry, err := s.EntryHash(&e.entrySalt)
	switch {
	case err != nil:
		return nil, err
	case s.Request != proof.RequestID(r.ID):
		return nil, errors.New("the statement is about another request")
	case int(s.Count) != len(o.records):
		return nil, fmt.Errorf("the statement counts %d records, the body has %d", s.Count, len(o.records))
	case o.tree != nil && s.Root != o.tree.Root():
		return nil, errors.New("the records do not lead to the statement's root")
	case s.Content != content:
		return nil, errors.New("the body is not what the statement says was received")
	case !bytes.Equal(entry[:], r.Entry[:]):
		return nil, errors.New("the statement is not what the log's entry commits to")
	}
	return o, nil
}

// derive finds the records, their leaves and the tree over them, and returns what
// commits to the bytes that came.
func (o *opened) derive(v *vault.Vault, decoder *zstd.Decoder) (content proof.Hash, err error) {
	e := o.envelope
	if len(e.segments) > 0 {
		return o.deriveSegments(v, decoder)
	}
	plain := e.body
	if e.storage != storedRaw {
		if plain, err = decoder.DecodeAll(e.body, make([]byte, 0, e.unpacked)); err != nil {
			return content, fmt.Errorf("decompressing a body: %w", err)
		}
	}
	if len(plain) != e.unpacked {
		return content, errors.New("the body has another size than it says")
	}
	received := plain
	if e.storage == storedAsPacked {
		received = e.body
	}
	if err := o.cut(plain); err != nil {
		return content, err
	}
	o.tree = proof.NewTree(proof.LeafHashes(make([]proof.Hash, 0, len(o.records)), &e.seed, o.records))
	return proof.ContentDigest(&e.seed, sha256.Sum256(received)), nil
}

// cut finds the records in a body.
func (o *opened) cut(body []byte) error {
	for more := true; more; more = len(body) > 0 {
		var record []byte
		record, body = o.envelope.framing.nextRecord(body)
		o.records = append(o.records, record)
		if len(o.records) > proof.MaxRecords {
			return proof.ErrTooManyRecords
		}
	}
	return nil
}

// deriveSegments is derive for a request whose subjects were named. Of those that were
// erased it takes the leaves and the digest that were kept.
func (o *opened) deriveSegments(v *vault.Vault, decoder *zstd.Decoder) (content proof.Hash, err error) {
	e := o.envelope
	contents := make([]proof.Hash, len(e.segments))
	leaves := e.leaves
	for i := range e.segments {
		s := &e.segments[i]
		contents[i] = s.content
		if err := e.openSegment(v, o.id, &o.entry, i); err != nil {
			return content, err
		}
		if !s.open {
			o.records = append(o.records, make([][]byte, s.count)...)
			o.erased += s.count
			continue
		}
		plain, err := s.plain(decoder)
		if err != nil {
			return content, err
		}
		if err := o.cut(plain); err != nil {
			return content, err
		}
		if len(o.records) != s.first+s.count {
			return content, fmt.Errorf("segment %d has another number of records than it says", i)
		}
		own := make([]proof.Hash, 0, s.count)
		for k, record := range o.records[s.first:] {
			salt := proof.SaltOf(&s.seed, s.first+k)
			own = append(own, proof.LeafHash(&salt, record))
		}
		received := plain
		if s.storage == storedAsPacked {
			received = s.body
		}
		switch {
		case proof.ContentDigest(&s.seed, sha256.Sum256(received)) != s.content:
			return content, fmt.Errorf("segment %d is not what was received", i)
		case e.leaves == nil:
			leaves = own
		case !slices.Equal(own, e.leaves[s.first:s.first+s.count]):
			return content, fmt.Errorf("segment %d does not give its leaves", i)
		}
	}
	if leaves != nil {
		o.tree = proof.NewTree(leaves)
	}
	return proof.ContentsDigest(contents), nil
}

// opener opens requests and keeps the last ones that were asked for.
type opener struct {
	vault   *vault.Vault
	decoder chan *zstd.Decoder // whoever holds one opens; at most these many at once
	limit   int                // bytes of the requests that are kept

	mu    sync.Mutex
	kept  map[vault.ID]*list.Element // of *opened
	order list.List                  // the one asked for last is in front
	bytes int
	drops uint64 // what was read before the last one may be erased, and is not kept
}

// openers is how many requests are opened at once.
const openers = 2

func newOpener(v *vault.Vault, limit int) (*opener, error) {
	o := &opener{vault: v, limit: limit, decoder: make(chan *zstd.Decoder, openers), kept: make(map[vault.ID]*list.Element)}
	for range openers {
		d, err := newDecoder(maxUnpacked)
		if err != nil {
			return nil, err
		}
		o.decoder <- d
	}
	return o, nil
}

// open returns a request. It fails as vault.Get does, or because the request is
// not what its statement says.
func (o *opener) open(ctx context.Context, id vault.ID) (*opened, error) {
	if have := o.cached(id); have != nil {
		return have, nil
	}
	var decoder *zstd.Decoder
	select {
	case decoder = <-o.decoder:
	case <-ctx.Done():
		return nil, fmt.Errorf("opening a request: %w", ctx.Err())
	}
	defer func() { o.decoder <- decoder }()
	if have := o.cached(id); have != nil { // somebody else was faster
		return have, nil
	}
	o.mu.Lock()
	drops := o.drops
	o.mu.Unlock()
	r, err := o.vault.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	opened, err := unpack(o.vault, r, decoder)
	if err != nil {
		return nil, fmt.Errorf("opening request %s: %w", id, err)
	}
	o.keep(opened, drops)
	return opened, nil
}

func (o *opener) cached(id vault.ID) *opened {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, ok := o.kept[id]
	if !ok {
		return nil
	}
	o.order.MoveToFront(e)
	return e.Value.(*opened) //nolint:errcheck,forcetypeassert // the list holds nothing else
}

// drop forgets a request that was erased.
func (o *opener) drop(id vault.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drops++
	if e, ok := o.kept[id]; ok {
		o.bytes -= o.order.Remove(e).(*opened).size() //nolint:errcheck,forcetypeassert // the list holds nothing else
		delete(o.kept, id)
	}
}

// dropSubject forgets the requests that are about a subject that was erased.
func (o *opener) dropSubject(slot uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drops++
	for id, e := range o.kept {
		r := e.Value.(*opened) //nolint:errcheck,forcetypeassert // the list holds nothing else
		if slices.ContainsFunc(r.envelope.segments, func(s segment) bool { return s.slot == slot }) {
			o.bytes -= o.order.Remove(e).(*opened).size() //nolint:errcheck,forcetypeassert // the list holds nothing else
			delete(o.kept, id)
		}
	}
}

func (o *opener) keep(r *opened, drops uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, ok := o.kept[r.id]; ok || r.size() > o.limit || o.drops != drops {
		return
	}
	o.kept[r.id] = o.order.PushFront(r)
	o.bytes += r.size()
	for o.bytes > o.limit {
		last := o.order.Remove(o.order.Back()).(*opened) //nolint:errcheck,forcetypeassert // the list holds nothing else
		delete(o.kept, last.id)
		o.bytes -= last.size()
	}
}

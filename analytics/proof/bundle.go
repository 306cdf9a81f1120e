package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode"
	"unicode/utf8"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Format names the one version of the bundle that exists.
const Format = "secant/proof/v1"

// MaxBundle bounds an encoded bundle, in bytes: a record of MaxRecord and what
// proves it.
const MaxBundle = 24 << 20

var bundleLimits = strictjson.Limits{Bytes: MaxBundle, Depth: 6, Values: 2000}

// Bundle is everything that shows one record to be unchanged, but the
// consortium's trust file. Whoever holds it can read that one record and learns
// nothing of the request's others.
type Bundle struct {
	Format     string             `json:"format"` // Format
	Record     Record             `json:"record"`
	Statement  Statement          `json:"statement"`
	Log        LogProof           `json:"log"`
	Checkpoint string             `json:"checkpoint"`       // signed note, the text that was anchored
	Anchor     ledger.SignedRead  `json:"anchor"`           // of anchor:Get
	Device     *ledger.SignedRead `json:"device,omitempty"` // of device:GetUnit, of what signed; not when the node vouches
	Lasting    *Lasting           `json:"lasting,omitempty"`
}

// Record is one record and its way to the root of its request's sub-tree.
// Either Text or Base64 holds its bytes.
type Record struct {
	Text   string `json:"text,omitempty"` // the bytes, when they are plain text
	Base64 []byte `json:"base64,omitempty"`
	Digest Hash   `json:"digest"` // SHA-256 of the bytes: tells an altered record from an altered salt
	Index  uint32 `json:"index"`  // in the request, from 0
	Salt   Hash   `json:"salt"`
	Leaf   Hash   `json:"leaf"` // LeafHash of salt and bytes: tells either from an altered path
	Path   []Hash `json:"path"` // from the leaf upwards
}

// LogProof is the statement's way to the root of the organisation's log.
type LogProof struct {
	Index uint64 `json:"index"`
	Salt  Hash   `json:"salt"`  // of the entry
	Entry Hash   `json:"entry"` // EntryHash: tells an altered statement from an altered path
	Path  []Hash `json:"path"`  // from the leaf upwards, to the checkpoint's root
}

// NewRecord makes the record part of a bundle for the record at index of a
// request: content are its bytes, tree is built over all leaves of the request.
// It fails when they do not belong together.
func NewRecord(content []byte, seed *Seed, tree *Tree, index int) (Record, error) {
	path, err := tree.Path(index)
	if err != nil {
		return Record{}, fmt.Errorf("making a record's proof: %w", err)
	}
	salt := SaltOf(seed, index)
	leaf := LeafHash(&salt, content)
	if leaf != tree.Leaf(index) {
		return Record{}, fmt.Errorf("making a record's proof: record %d does not give its leaf", index)
	}
	r := Record{Digest: sha256.Sum256(content), Index: uint32(index), Salt: salt, Leaf: leaf, Path: path} //nolint:gosec // below MaxRecords
	r.SetContent(content)
	return r, nil
}

// SetContent sets the record's bytes, as text when they are plain text.
func (r *Record) SetContent(content []byte) {
	r.Text, r.Base64 = "", nil
	if plain(content) {
		r.Text = string(content)
	} else {
		r.Base64 = content
	}
}

// Content returns the record's bytes.
func (r *Record) Content() []byte {
	if r.Base64 != nil {
		return r.Base64
	}
	return []byte(r.Text)
}

// plain reports whether b survives as a JSON string and reads well as one.
func plain(b []byte) bool {
	return utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// NewLogProof makes the log part of a bundle for a statement that the log holds
// at index, with its salt and the audit path to a checkpoint.
func NewLogProof(s *Statement, salt Hash, index uint64, path [][]byte) (LogProof, error) {
	entry, err := s.EntryHash(&salt)
	if err != nil {
		return LogProof{}, err
	}
	p := LogProof{Index: index, Salt: salt, Entry: entry, Path: make([]Hash, len(path))}
	for i, h := range path {
		if len(h) != HashSize {
			return LogProof{}, fmt.Errorf("making a log proof: a hash has %d bytes", len(h))
		}
		p.Path[i] = Hash(h)
	}
	return p, nil
}

// Encode returns the bundle as indented JSON.
func (b *Bundle) Encode() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(b); err != nil {
		return nil, fmt.Errorf("encoding a proof bundle: %w", err)
	}
	return out.Bytes(), nil
}

// ParseBundle reads a bundle. It refuses what another reader could understand
// otherwise: unknown, repeated, missing or misspelt names, null, and bytes after
// the end. It judges the form alone.
func ParseBundle(raw []byte) (*Bundle, error) {
	if err := strictjson.Check("the bundle", raw, bundleLimits); err != nil {
		return nil, mismatch(StepFormat, err, "the bundle cannot be read")
	}
	var b Bundle
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, mismatch(StepFormat, nil, "the bundle has not the form of %s", Format)
	}
	if b.Format != Format {
		return nil, mismatch(StepFormat, nil, "the bundle is not in the format %s", Format)
	}
	if b.Record.Path == nil || b.Log.Path == nil {
		return nil, mismatch(StepFormat, nil, "the bundle lacks a path")
	}
	if err := exact(raw, &b); err != nil {
		return nil, mismatch(StepFormat, err, "the bundle has not the form of %s", Format)
	}
	if err := b.check(); err != nil {
		return nil, err
	}
	return &b, nil
}

// exact refuses JSON that does not mean the same as the encoding of what was
// read from it: encoding/json ignores unknown names and takes others in any
// case, so that the record that a person sees could be another than the record
// that was judged.
func exact(raw []byte, b *Bundle) error {
	encoded, err := b.Encode()
	if err != nil {
		return err
	}
	var got, want any
	for _, side := range []struct {
		in  []byte
		out *any
	}{{raw, &got}, {encoded, &want}} {
		dec := json.NewDecoder(bytes.NewReader(side.in))
		dec.UseNumber()
		if err := dec.Decode(side.out); err != nil {
			return err
		}
	}
	if !reflect.DeepEqual(got, want) {
		return errors.New("it has names or values that do not belong there, or lacks some that do")
	}
	return nil
}

// check refuses a bundle, built or parsed, whose parts cannot be judged.
func (b *Bundle) check() error {
	switch r := &b.Record; {
	case b.Format != Format:
		return mismatch(StepFormat, nil, "the bundle is not in the format %s", Format)
	case (r.Text == "") == (len(r.Base64) == 0):
		return mismatch(StepFormat, nil, "the record must stand in the bundle once, as text or as base64")
	case len(r.Text) > MaxRecord || len(r.Base64) > MaxRecord:
		return mismatch(StepFormat, nil, "the record has more than %d bytes", MaxRecord)
	case len(b.Checkpoint) > ledger.MaxCheckpoint:
		return mismatch(StepCheckpoint, nil, "the checkpoint is longer than %d bytes", ledger.MaxCheckpoint)
	case b.Lasting != nil && (len(b.Lasting.Line) > verify.MaxLastingLine || len(b.Lasting.Key.Pub) > verify.MaxLastingJWK):
		return mismatch(StepLasting, nil, "it is longer than any is")
	}
	return nil
}

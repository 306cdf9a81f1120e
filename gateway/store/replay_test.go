package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/store/storetest"
)

// drawWrite draws a write of a record of any type over few keys, so that rows are
// overwritten, or a write that this version cannot read.
func drawWrite(t *rapid.T) ledger.Write {
	n := func(label string) int { return rapid.IntRange(0, 3).Draw(t, label) }
	org := rapid.SampledFrom([]string{north, south, medtech}).Draw(t, "org")
	var r record
	switch rapid.IntRange(0, 38).Draw(t, "type") {
	case 0:
		r = &ledger.Organisation{V: 1, ID: org, Revision: n("revision")}
	case 1:
		r = &ledger.Model{V: 1, DI: strconv.Itoa(n("di")), Manufacturer: org}
	case 2:
		r = &ledger.Release{V: 1, DI: strconv.Itoa(n("di")), Version: strconv.Itoa(n("version")), SBOMDigest: hex32(n("sbom"))}
	case 3:
		u := &ledger.Unit{V: 1, ID: hex32(n("unit")), DI: strconv.Itoa(n("di")), Release: strconv.Itoa(n("version")), Owner: org, Manufacturer: medtech, Lot: strconv.Itoa(n("lot")), Chunk: strconv.Itoa(n("tx"))}
		if cleared := n("cleared"); cleared > 0 {
			u.Cleared = &ledger.Cleared{Lot: cleared}
		}
		r = u
	case 4:
		r = &ledger.UnitChange{V: 1, ID: hex32(n("unit")), Tx: strconv.Itoa(n("tx"))}
	case 5:
		r = &ledger.Stream{V: 1, ID: hex32(n("stream")), Owner: org}
	case 6:
		r = &ledger.StreamOwner{V: 1, Owner: org, Stream: hex32(n("stream"))}
	case 7:
		r = &ledger.Anchor{V: 1, Stream: hex32(n("stream")), Sequence: uint64(n("sequence")), Size: rapid.Uint64().Draw(t, "size")}
	case 8:
		r = &ledger.Equivocation{V: 1, Stream: hex32(n("stream"))}
	case 9:
		r = &ledger.Threat{V: 1, Digest: hex32(n("threat")), Sharer: org, Marking: ledger.TLPGreen}
	case 10:
		r = &ledger.Score{V: 1, Subject: hex32(n("unit")), Model: "m", InputDigest: hex32(n("inputs")), Value: n("value")}
	case 11:
		r = &ledger.Recall{V: 1, DI: strconv.Itoa(n("di")), Kind: ledger.RecallLot, Value: strconv.Itoa(n("lot")), Revision: n("revision"), Ended: rapid.Bool().Draw(t, "ended")}
	case 12:
		r = &ledger.Withdrawal{V: 1, Digest: hex32(n("threat")), Sharer: org, Reason: ledger.WithdrawnError}
	case 13:
		r = &ledger.Sighting{V: 1, Digest: hex32(n("threat")), Sharer: org, By: south, Tx: strconv.Itoa(n("tx")), Count: n("count")}
	case 14:
		r = &ledger.Opinion{V: 1, Digest: hex32(n("threat")), Sharer: org, By: south, Opinion: ledger.Agree, Weight: n("weight")}
	case 15:
		r = &ledger.UnitChunk{V: 1, Tx: strconv.Itoa(n("tx")), Count: n("count")}
	case 16:
		r = &ledger.Recomputation{V: 1, Subject: hex32(n("unit")), Model: "m", InputDigest: hex32(n("inputs")), By: org, Agrees: rapid.Bool().Draw(t, "agrees")}
	case 17:
		r = &ledger.Roster{V: 1, Organisations: []string{org}, Revision: n("revision")}
	case 18:
		r = &ledger.Proposal{V: 1, ID: hex32(n("proposal")), Kind: ledger.ProposeStrikeIssuer, By: org, Base: strconv.Itoa(n("base")), Expires: start}
	case 19:
		r = &ledger.Vote{V: 1, Proposal: hex32(n("proposal")), Organisation: org, Approve: rapid.Bool().Draw(t, "approve")}
	case 20:
		r = &ledger.Enactment{V: 1, Proposal: hex32(n("proposal")), Kind: ledger.ProposeStrikeIssuer, By: org}
	case 21:
		r = &ledger.TrustRow{V: 1, Issuer: ledger.IssuerDID("n", org, "i"), CredentialType: strconv.Itoa(n("credential")), State: ledger.TrustStruck, Revision: n("revision")}
	case 22:
		r = &ledger.Schema{V: 1, CredentialType: strconv.Itoa(n("credential")), Version: strconv.Itoa(n("version")), Digest: hex32(n("schema")), Author: org}
	case 23:
		r = &ledger.DID{V: 1, ID: ledger.OrganisationDID("n", org), Kind: ledger.DIDOrganisation, Organisation: org, Revision: n("revision")}
	case 24:
		r = &ledger.DIDVersion{V: 1, Document: ledger.DID{ID: ledger.OrganisationDID("n", org), Revision: n("revision")}}
	case 25:
		r = &ledger.StatusList{V: 1, Issuer: ledger.IssuerDID("n", org, "i"), List: strconv.Itoa(n("list")), Version: n("version")}
	case 26:
		r = &ledger.Catalogue{V: 1, Name: "c", Version: strconv.Itoa(n("version")), Digest: hex32(n("catalogue")), Author: org}
	case 27:
		r = &ledger.CatalogueInUse{V: 1, Name: "c", Version: strconv.Itoa(n("version")), Revision: n("revision")}
	case 28:
		r = &ledger.Evidence{V: 1, SubjectKind: ledger.SubjectDevice, Subject: hex32(n("unit")), Control: "A", Digest: hex32(n("evidence")), By: org}
	case 29:
		r = &ledger.ControlAssessment{V: 1, Unit: hex32(n("unit")), ResultDigest: hex32(n("results")), Assessor: org, Score: n("score")}
	case 30:
		r = &ledger.Exception{V: 1, SubjectKind: ledger.SubjectModel, Subject: strconv.Itoa(n("di")), Control: "A", ReasonDigest: hex32(n("reason"))}
	case 31:
		r = &ledger.ExceptionEnd{V: 1, SubjectKind: ledger.SubjectModel, Subject: strconv.Itoa(n("di")), Control: "A", ReasonDigest: hex32(n("reason"))}
	case 32:
		r = &ledger.Closure{V: 1, Proposal: hex32(n("proposal")), Outcome: ledger.ClosedWithdrawn, By: org}
	case 33:
		r = &ledger.Vocabulary{V: 1, ID: strconv.Itoa(n("vocabulary")), Version: n("version"), Maintainer: org}
	case 34:
		r = &ledger.VocabularyVersion{V: 1, Vocabulary: strconv.Itoa(n("vocabulary")), Number: n("version"), Digest: hex32(n("content"))}
	case 35:
		r = &ledger.VocabularyManifest{V: 1, Vocabulary: strconv.Itoa(n("vocabulary")), Number: n("version"), Nodes: []ledger.ManifestEntry{{ID: "a", Since: n("since")}}}
	case 36:
		r = &ledger.Node{V: 1, Vocabulary: strconv.Itoa(n("vocabulary")), Term: ledger.Term{ID: "a"}, Since: n("since")}
	case 37:
		r = &ledger.VocabularyChange{V: 1, Vocabulary: strconv.Itoa(n("vocabulary")), Proposal: hex32(n("proposal")), Change: ledger.ChangeAdd, Term: &ledger.Term{ID: "a"}}
	default:
		return ledger.Write{
			Key: ledger.Key{
				Type:  ledger.ObjectType(rapid.SampledFrom([]string{"new", "thr", "dev"}).Draw(t, "object")),
				Parts: rapid.SliceOfN(rapid.StringN(0, 4, 8), 0, 3).Draw(t, "parts"),
			},
			Value:  rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "value"),
			Delete: rapid.Bool().Draw(t, "delete"),
		}
	}
	b := write(nopTB{}, r)
	b.Delete = rapid.IntRange(0, 9).Draw(t, "deleted") == 0
	return b
}

// nopTB is for write, which cannot fail on records.
type nopTB struct{ testing.TB }

func (nopTB) Helper() {}

func drawBlocks(t *rapid.T) []*ledger.Block {
	var blocks []*ledger.Block
	for i := range rapid.IntRange(1, 12).Draw(t, "blocks") {
		b := &ledger.Block{Number: uint64(i)}
		for j := range rapid.IntRange(0, 4).Draw(t, "txs") {
			x := ledger.Tx{
				ID: fmt.Sprintf("%d-%d", i, j), Name: rapid.SampledFrom([]string{"", "a:B"}).Draw(t, "name"),
				Creator: rapid.SampledFrom([]string{north, medtech}).Draw(t, "creator"),
				Time:    start.Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "seconds")) * time.Second),
				Valid:   rapid.IntRange(0, 4).Draw(t, "valid") > 0,
			}
			for range rapid.IntRange(0, 3).Draw(t, "writes") {
				x.Writes = append(x.Writes, drawWrite(t))
			}
			if rapid.Bool().Draw(t, "event") {
				x.Event = &ledger.Event{V: 1, Kind: "k", Key: []string{"a"}, Tx: x.ID}
			}
			b.Txs = append(b.Txs, x)
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// Whatever the blocks are, a store that got them in one go, and a node's that got
// them over several openings and with repeats, have the same projection after
// the last one; and no block is ever refused.
func TestReplayGivesTheSameProjection(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		blocks := drawBlocks(rt)
		keep := rapid.IntRange(1, 5).Draw(rt, "events")
		seed := rapid.Uint64().Draw(rt, "seed")
		digest := func(apply func(reopen func() *Store, s *Store) *Store) string {
			place, remove := storetest.Temporary(t)
			defer remove()
			o := Options{Organisation: north, KeepEvents: keep}
			var s *Store
			reopen := func() *Store {
				if s != nil {
					if err := s.Close(); err != nil {
						rt.Fatal(err)
					}
				}
				var err error
				if s, err = Open(t.Context(), place, o); err != nil {
					rt.Fatal(err)
				}
				return s
			}
			s = apply(reopen, reopen())
			if err := s.Check(t.Context()); err != nil {
				rt.Fatal(err)
			}
			next, d, err := s.Digest(t.Context())
			if err != nil || next != uint64(len(blocks)) {
				rt.Fatalf("next %d, %v", next, err)
			}
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
			return d
		}
		put := func(s *Store, b *ledger.Block) {
			if _, err := s.Apply(t.Context(), b); err != nil {
				rt.Fatal(err)
			}
		}
		interrupted := digest(func(reopen func() *Store, s *Store) *Store {
			random := rand.New(rand.NewPCG(seed, 0))
			for i := range blocks {
				if random.IntN(4) == 0 {
					s = reopen()
				}
				for random.IntN(3) == 0 {
					put(s, blocks[random.IntN(i+1)]) // at most the next one
				}
				put(s, blocks[i])
			}
			return s
		})
		straight, err := Replay(t.Context(), uint64(len(blocks)), Options{KeepEvents: keep, Organisation: north},
			func(ctx context.Context, from uint64, fn func(context.Context, *ledger.Block) error) error {
				for _, b := range blocks[from:] {
					if err := fn(ctx, b); err != nil {
						return err
					}
				}
				return nil
			})
		if err != nil {
			rt.Fatal(err)
		}
		if straight != interrupted {
			rt.Fatal("a replay in pieces gives another projection")
		}
	})
}

// The digest tells stores apart whose history differs in anything that the
// projection keeps.
func TestTheDigestSeesEveryChange(t *testing.T) {
	base := func() *ledger.Block {
		return &ledger.Block{Txs: []ledger.Tx{tx(t, "a", north, start, &ledger.Threat{V: 1, Digest: hex32(1), Sharer: north})}}
	}
	changed := map[string]func(b *ledger.Block){
		"nothing": func(*ledger.Block) {},
		"id":      func(b *ledger.Block) { b.Txs[0].ID = "b" },
		"creator": func(b *ledger.Block) { b.Txs[0].Creator = south },
		"time":    func(b *ledger.Block) { b.Txs[0].Time = start.Add(time.Millisecond) },
		"valid":   func(b *ledger.Block) { b.Txs[0].Valid = false },
		"value":   func(b *ledger.Block) { b.Txs[0].Writes[0].Value = append(b.Txs[0].Writes[0].Value, ' ') },
		"event":   func(b *ledger.Block) { b.Txs[0].Event.Kind = "other" },
		"place":   func(b *ledger.Block) { b.Txs = append([]ledger.Tx{{ID: "first"}}, b.Txs...) },
	}
	seen := map[string]string{}
	for name, change := range changed {
		s := openStore(t, Options{})
		b := base()
		change(b)
		if _, err := s.Apply(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		_, d, err := s.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := seen[d]; twice {
			t.Errorf("%q and %q have one digest", name, other)
		}
		seen[d] = name
	}
}

package statetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Check re-derives from the stored bytes and the committed transactions what
// must hold on every ledger, and returns all that does not.
func (l *Ledger) Check() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := &checker{l: l}
	c.keys()
	c.events()
	c.organisations()
	c.decisions()
	c.dids()
	c.registries()
	c.devices()
	c.units()
	c.recalls()
	c.streams()
	c.anchors()
	c.reports()
	c.sightings()
	c.opinions()
	c.openings()
	c.scores()
	c.recomputations()
	c.catalogues()
	c.assessments()
	c.exceptions()
	c.vocabularies()
	c.statements()
	return errors.Join(c.faults...)
}

type checker struct {
	l      *Ledger
	faults []error
}

func (c *checker) fail(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

func (c *checker) want(ok bool, format string, args ...any) {
	if !ok {
		c.fail(format, args...)
	}
}

// row is a record with every version that it had, the newest last.
type row[T any] struct {
	key      ledger.Key
	versions []T
	entries  []entry
}

func (r *row[T]) last() T { return r.versions[len(r.versions)-1] }

// pointer is what every stored record's pointer can do.
type pointer[T any] interface {
	*T
	Key() ledger.Key
}

// rowsOf decodes all records of a type. Each must stand under the key that it
// says itself, in the one encoding that writers use, and in a known version.
func rowsOf[T any, P pointer[T]](c *checker, kind ledger.ObjectType) []*row[T] {
	var out []*row[T]
	for _, k := range c.l.state.keys {
		key := splitKey(k)
		if key.Type != kind {
			continue
		}
		r := &row[T]{key: key, entries: c.l.state.values[k]}
		for _, e := range r.entries {
			record := P(new(T))
			if err := json.Unmarshal(e.value, record); err != nil {
				c.fail("%s: does not decode: %w", kind, err)
				continue
			}
			again, err := json.Marshal(record)
			c.want(err == nil && bytes.Equal(again, e.value), "%s: is not stored in its own encoding", kind)
			own := record.Key()
			c.want(own.Type == key.Type && slices.Equal(own.Parts, key.Parts), "%s: stands under %v and says %v", kind, key, own)
			var version struct{ V int }
			c.want(json.Unmarshal(e.value, &version) == nil && version.V >= 1 && version.V <= newest[kind], "%s: has version %d", kind, version.V)
			r.versions = append(r.versions, *record)
		}
		if len(r.versions) == len(r.entries) {
			out = append(out, r)
		}
	}
	return out
}

func once[T any](c *checker, rows []*row[T]) []*row[T] {
	for _, r := range rows {
		c.want(len(r.versions) == 1, "%v: create-only, and written %d times", r.key, len(r.versions))
	}
	return rows
}

// find returns the newest version of the record with that key, nil when absent.
func find[T any](rows []*row[T], key ledger.Key) *T {
	for _, r := range rows {
		if r.key.Type == key.Type && slices.Equal(r.key.Parts, key.Parts) {
			return &r.versions[len(r.versions)-1]
		}
	}
	return nil
}

// newest says of each type of record which version is written now; older ones
// are read.
var newest = map[ledger.ObjectType]int{
	ledger.TypeOrganisation: 1, ledger.TypeRoster: 1, ledger.TypeProposal: 1, ledger.TypeVote: 1, ledger.TypeEnactment: 1, ledger.TypeClosure: 1,
	ledger.TypeTrust: 1, ledger.TypeSchema: 1, ledger.TypeStatusList: 1, ledger.TypeDID: 1, ledger.TypeDIDVersion: 1,

	ledger.TypeModel: 2, ledger.TypeRelease: 3, ledger.TypeUnit: 2, ledger.TypeUnitHistory: 2, ledger.TypeUnitChunk: 1, ledger.TypeUnitIDevID: 1, ledger.TypeUnitSigning: 1, ledger.TypeRecall: 1,

	ledger.TypeStream: 2, ledger.TypeStreamOwner: 1, ledger.TypeAnchor: 1, ledger.TypeEquivocation: 1,

	ledger.TypeThreat: 3, ledger.TypeSighting: 1, ledger.TypeOpinion: 1, ledger.TypeWithdrawal: 1,
	ledger.TypeThreatEscrow: 1, ledger.TypeOpeningRequest: 1, ledger.TypeOpeningShare: 1,

	ledger.TypeScore: 2, ledger.TypeRecomputation: 1,

	ledger.TypeCatalogue: 1, ledger.TypeCatalogueInUse: 1, ledger.TypeEvidence: 1, ledger.TypeControlAssessment: 1, ledger.TypeException: 1, ledger.TypeExceptionEnd: 1,

	ledger.TypeVocabulary: 1, ledger.TypeVocabularyVersion: 1, ledger.TypeVocabularyManifest: 1, ledger.TypeVocabularyNode: 1, ledger.TypeVocabularyChange: 1,

	ledger.TypeStatementMark: 1,
}

// keys: every key is a composite key of a known type, and nothing is deleted.
func (c *checker) keys() {
	for _, k := range c.l.state.keys {
		key := splitKey(k)
		c.want(newest[key.Type] > 0, "key %q: of no known type", k)
		composed, err := shim.CreateCompositeKey(string(key.Type), key.Parts)
		c.want(err == nil && composed == k, "key %q: is not a composite key", k)
		c.want(!slices.Contains(key.Parts, ""), "key %q: has an empty part", k)
		for _, e := range c.l.state.values[k] {
			c.want(e.value != nil, "key %q: was deleted", k)
		}
	}
}

// events: a valid transaction that wrote says so in one event that names a key
// of its write set, and one that only read wrote nothing.
func (c *checker) events() {
	for _, t := range c.l.order {
		if t.code != peer.TxValidationCode_VALID {
			continue
		}
		if slices.Contains(ledger.Evaluations, t.Name) {
			c.want(len(t.Writes) == 0 && t.Event == nil, "%s: only reads, and wrote or emitted", t.Name)
			continue
		}
		if t.Event == nil {
			c.fail("%s: emitted no event", t.Name)
			continue
		}
		var e ledger.Event
		if err := json.Unmarshal(t.Event.GetPayload(), &e); err != nil {
			c.fail("%s: its event does not decode: %w", t.Name, err)
			continue
		}
		c.want(e.V == 1 && string(e.Kind) == t.Event.GetEventName() && e.Tx == t.Tx, "%s: its event is not of this transaction", t.Name)
		c.want(slices.IsSorted(e.Subjects) && len(e.Subjects) > 0, "%s: its event's subjects are missing or not sorted", t.Name)
		c.want(slices.ContainsFunc(t.Writes, func(w Write) bool {
			return w.Key == "\x00"+strings.Join(e.Key, "\x00")+"\x00"
		}), "%s: its event names a key that it did not write", t.Name)
	}
}

// by returns the transaction that wrote an entry.
func (c *checker) by(e entry) *committed { return c.l.txs[e.tx] }

package statetest

import (
	"errors"
	"unicode/utf8"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// stub is one simulation, as the chaincode sees it. What is not here panics.
type stub struct {
	shim.ChaincodeStubInterface
	ledger   *Ledger
	plain    bool
	proposal *proposal
	height   uint64

	reads  map[string]*Version
	writes map[string]Write
	ranges []scanned
	paged  bool
	event  *peer.ChaincodeEvent
	batch  map[string]Write // writes that are held back; nil when none are
}

// scanned is a range that a simulation went through, with what it found.
type scanned struct {
	start, end string
	found      []read
}

type read struct {
	key     string
	version Version
}

func (s *stub) GetFunctionAndParameters() (string, []string) {
	args := s.GetStringArgs()
	return args[0], args[1:]
}

func (s *stub) GetArgs() [][]byte { return s.proposal.args }

func (s *stub) GetStringArgs() []string {
	var args []string
	for _, a := range s.proposal.args {
		args = append(args, string(a))
	}
	return args
}

func (s *stub) GetTxID() string                                 { return s.proposal.tx }
func (s *stub) GetChannelID() string                            { return Channel }
func (s *stub) GetCreator() ([]byte, error)                     { return s.proposal.creator, nil }
func (s *stub) GetTransient() (map[string][]byte, error)        { return s.proposal.transient, nil }
func (s *stub) GetTxTimestamp() (*timestamppb.Timestamp, error) { return s.proposal.time, nil }
func (s *stub) CreateCompositeKey(t string, a []string) (string, error) {
	return shim.CreateCompositeKey(t, a)
}

// GetState reads the snapshot, never this simulation's own writes.
func (s *stub) GetState(key string) ([]byte, error) {
	s.ledger.mu.RLock()
	defer s.ledger.mu.RUnlock()
	e, found := s.ledger.state.get(key, s.height)
	if !found {
		s.reads[key] = nil
		return nil, nil
	}
	s.reads[key] = &e.version
	return append([]byte{}, e.value...), nil
}

func (s *stub) PutState(key string, value []byte) error {
	if len(value) == 0 {
		return errors.New("statetest: Fabric takes an empty value for a deletion")
	}
	return s.write(Write{Key: key, Value: append([]byte{}, value...)})
}

func (s *stub) DelState(key string) error { return s.write(Write{Key: key, Delete: true}) }

func (s *stub) write(w Write) error {
	if w.Key == "" {
		return errors.New("key must not be an empty string")
	}
	if s.batch != nil {
		s.batch[w.Key] = w // the peer looks at it when it is sent
		return nil
	}
	return s.take(w)
}

// take is what the peer does with a write.
func (s *stub) take(w Write) error {
	switch {
	case !utf8.ValidString(w.Key):
		return errors.New("the key is not UTF-8")
	case s.paged:
		return errors.New("transaction has already performed a paginated query. Writes are not allowed")
	}
	s.writes[w.Key] = w
	return nil
}

// StartWriteBatch holds writes back, at a peer that can take many at once.
func (s *stub) StartWriteBatch() {
	if !s.plain && s.batch == nil {
		s.batch = map[string]Write{}
	}
}

// FinishWriteBatch sends the writes that were held back, in no certain order.
func (s *stub) FinishWriteBatch() error {
	batch := s.batch
	s.batch = nil
	for _, w := range batch {
		if err := s.take(w); err != nil {
			return err
		}
	}
	return nil
}

// GetMultipleStates reads many keys of the snapshot. Like a peer's, it answers
// with no values and no error when the database fails.
func (s *stub) GetMultipleStates(keys ...string) ([][]byte, error) {
	if !s.plain && s.ledger.deaf {
		return nil, nil
	}
	var values [][]byte
	for _, k := range keys {
		v, err := s.GetState(k)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

func (s *stub) SetEvent(name string, payload []byte) error {
	if name == "" {
		return errors.New("event name can not be empty string")
	}
	s.event = &peer.ChaincodeEvent{
		ChaincodeId: ChaincodeName, TxId: s.proposal.tx, EventName: name, Payload: append([]byte{}, payload...),
	}
	return nil
}

func (s *stub) GetStateByPartialCompositeKey(objectType string, parts []string) (shim.StateQueryIteratorInterface, error) {
	start, err := shim.CreateCompositeKey(objectType, parts)
	if err != nil {
		return nil, err
	}
	rows, _ := s.scan(start, start+"\U0010FFFF", 0)
	return rows, nil
}

// GetStateByPartialCompositeKeyWithPagination takes any bookmark for the first
// key, as Fabric does: one that lies before the range widens it.
func (s *stub) GetStateByPartialCompositeKeyWithPagination(objectType string, parts []string, size int32, bookmark string) (shim.StateQueryIteratorInterface, *peer.QueryResponseMetadata, error) {
	start, err := shim.CreateCompositeKey(objectType, parts)
	if err != nil {
		return nil, nil, err
	}
	if len(s.writes) > 0 {
		return nil, nil, errors.New("paginated queries are supported only in a read-only transaction")
	}
	s.paged = true
	end := start + "\U0010FFFF"
	if bookmark != "" {
		start = bookmark
	}
	rows, next := s.scan(start, end, int(size))
	return rows, &peer.QueryResponseMetadata{FetchedRecordsCount: int32(len(rows.list)), Bookmark: next}, nil //nolint:gosec // at most size
}

// scan returns up to limit rows (all when 0) and the key after the last.
func (s *stub) scan(start, end string, limit int) (rows *rows, next string) {
	s.ledger.mu.RLock()
	defer s.ledger.mu.RUnlock()
	keys := s.ledger.state.scan(start, end, s.height)
	if limit > 0 && len(keys) > limit {
		next, keys = keys[limit], keys[:limit]
		end = next
	}
	rows = newRows(len(keys))
	seen := scanned{start: start, end: end}
	for _, k := range keys {
		e, _ := s.ledger.state.get(k, s.height)
		rows.list = append(rows.list, &queryresult.KV{Namespace: ChaincodeName, Key: k, Value: append([]byte{}, e.value...)})
		seen.found = append(seen.found, read{k, e.version})
	}
	s.ranges = append(s.ranges, seen)
	return rows, next
}

// rows iterates over what a scan found.
type rows struct{ list []*queryresult.KV }

func newRows(n int) *rows { return &rows{list: make([]*queryresult.KV, 0, n)} }

func (r *rows) HasNext() bool { return len(r.list) > 0 }
func (r *rows) Close() error  { return nil }
func (r *rows) Next() (*queryresult.KV, error) {
	if len(r.list) == 0 {
		return nil, errors.New("no such key")
	}
	row := r.list[0]
	r.list = r.list[1:]
	return row, nil
}

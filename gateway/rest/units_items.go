package rest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

// batchItem is one unit of a batch as it came.
type batchItem struct {
	index int
	unit  NewUnit
	fault string // why it cannot be read at all; empty: it can
}

// What one unit of a batch may be.
const (
	maxItem       = 4 << 10 // bytes
	maxItemDepth  = 1
	maxItemValues = 64
)

// batchItems takes the body of a batch apart. A unit that cannot be read has its
// place all the same; only a body that is no list at all is refused as one.
func batchItems(media string, text []byte) ([]batchItem, error) {
	var raw [][]byte
	if media == typeNDJSON {
		raw = bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	} else {
		limits := strictjson.Limits{Bytes: maxBatch, Depth: maxItemDepth + 1, Values: ledger.MaxUnits * maxItemValues}
		if err := strictjson.Check("the body", text, limits); err != nil {
			return nil, unread(err)
		}
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, problem.Malformed("body", "must be a list of units")
		}
		for _, item := range list {
			raw = append(raw, item)
		}
	}
	var items []batchItem
	for i, b := range raw {
		if len(bytes.TrimSpace(b)) == 0 {
			continue // of NDJSON: a line that is empty
		}
		if len(items) == ledger.MaxUnits {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "a batch has at most %d units", ledger.MaxUnits)
		}
		items = append(items, readItem(i, b))
	}
	if len(items) == 0 {
		return nil, invalid(ledger.Fault{Field: "body", Detail: fmt.Sprintf("must hold 1 to %d units", ledger.MaxUnits)})
	}
	return items, nil
}

func readItem(index int, b []byte) batchItem {
	item := batchItem{index: index}
	if err := strictjson.Check("the unit", b, strictjson.Limits{Bytes: maxItem, Depth: maxItemDepth, Values: maxItemValues}); err != nil {
		item.fault = asDetail(err)
		return item
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	// Go's decoder takes names in any case, and null for anything.
	if err := d.Decode(&item.unit); err != nil || !exactNames(b) {
		item.unit = NewUnit{}
		item.fault = "must be an object of text, with the properties di, lot, release, owner, serial, and if need be publicKey and iDevId"
	}
	return item
}

// exactNames reports whether an object's names are spelled as a unit's are, and
// its values are text.
func exactNames(b []byte) bool {
	var fields map[string]any
	if json.Unmarshal(b, &fields) != nil {
		return false
	}
	for name, value := range fields {
		switch name {
		case "di", "lot", "release", "owner", "serial", "publicKey", "iDevId":
		default:
			return false
		}
		if _, text := value.(string); !text {
			return false
		}
	}
	return fields != nil
}

// request is the registration of the unit alone, or its faults.
func (i *batchItem) request(makerKey []byte) (*ledger.RegisterUnit, []ledger.Fault) {
	if i.fault != "" {
		return nil, []ledger.Fault{{Field: "unit", Detail: i.fault}}
	}
	u := &i.unit
	req := &ledger.RegisterUnit{
		SerialMAC: SerialMAC(makerKey, u.DI, u.Serial), DI: u.DI, Lot: u.Lot, Release: u.Release,
		Owner: u.Owner, PublicKey: u.PublicKey, IDevID: u.IDevID,
	}
	faults := u.incomplete()
	if p, ok := asProblem(req.Validate()); ok {
		faults = append(faults, p.Faults...)
	}
	return req, faults
}

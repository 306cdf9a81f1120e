package device

import (
	"fmt"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// taken is a key of a unit to register that is another unit's.
type taken struct {
	unit  int    // index
	field string // of the request
}

// claim makes the keys of these units theirs, which nobody's may be. It returns
// those that are another unit's, and has written nothing then. All rows of one
// kind are read at once: there can be a thousand.
func claim(ctx *state.Context, units ...*ledger.Unit) ([]taken, error) {
	claims := map[ledger.ObjectType][]ledger.UnitClaim{}
	of := map[ledger.ObjectType][]int{} // index of the unit of each claim
	for i, u := range units {
		for _, c := range u.Claims() {
			claims[c.Type] = append(claims[c.Type], c)
			of[c.Type] = append(of[c.Type], i)
		}
	}
	var all []taken
	missing := make([][]ledger.UnitClaim, len(claimKinds))
	for k, kind := range claimKinds {
		found, err := lookUp(ctx, kind.table, claims[kind.object])
		if err != nil {
			return nil, err
		}
		first := make(map[string]string, len(found)) // by key: the unit that has it
		for i, c := range claims[kind.object] {
			if found[i] != nil {
				first[c.Value] = found[i].Unit
			}
			switch holder, known := first[c.Value]; {
			case !known:
				first[c.Value] = c.Unit
				missing[k] = append(missing[k], c)
			case holder != c.Unit:
				all = append(all, taken{of[kind.object][i], kind.field})
			}
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	for k, kind := range claimKinds {
		for i := range missing[k] {
			if err := kind.table.Create(ctx, &missing[k][i]); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// claimTable holds the claims of one kind.
type claimTable = state.Table[ledger.UnitClaim, *ledger.UnitClaim]

var claimKinds = []struct {
	object ledger.ObjectType
	field  string
	table  claimTable
}{
	{ledger.TypeUnitIDevID, "iDevId", state.UnitIDevIDs},
	{ledger.TypeUnitSigning, "publicKey", state.UnitSigning},
}

func lookUp(ctx *state.Context, table claimTable, claims []ledger.UnitClaim) ([]*ledger.UnitClaim, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	keys := make([]ledger.Key, len(claims))
	for i := range claims {
		keys[i] = claims[i].Key()
	}
	return table.FindMany(ctx, keys...)
}

// claimOne is claim for a unit that is changed by itself.
func claimOne(ctx *state.Context, unit *ledger.Unit) error {
	others, err := claim(ctx, unit)
	if err != nil || len(others) == 0 {
		return err
	}
	p := &ledger.Problem{Code: ledger.CodeAlreadyExists, Detail: "another unit has the key"}
	for _, o := range others {
		p.Faults = append(p.Faults, ledger.Fault{Field: o.field, Detail: "is another unit's"})
	}
	return p
}

// claimAll is claim for a chunk, whose unit at[i] units[i] is. Its code is not
// that of a chunk that is registered already: nothing is registered here.
func claimAll(ctx *state.Context, units []*ledger.Unit, at map[string]int) error {
	others, err := claim(ctx, units...)
	if err != nil || len(others) == 0 {
		return err
	}
	p := wrongChunk()
	for _, o := range others[:min(len(others), maxTold)] {
		p.Faults = append(p.Faults, ledger.Fault{Field: fmt.Sprintf("units[%d].%s", at[units[o.unit].ID], o.field), Detail: "is another unit's"})
	}
	return p
}

func wrongChunk() *ledger.Problem {
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the chunk of units is not valid"}
}

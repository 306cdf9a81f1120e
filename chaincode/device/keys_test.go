package device_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// signing is the public key of a sample device.
func signing(name string) string {
	seed := ledger.BodyDigest([]byte(name))[:ed25519.SeedSize]
	public, ok := ed25519.NewKeyFromSeed([]byte(seed)).Public().(ed25519.PublicKey)
	if !ok {
		panic("a key of another kind")
	}
	return hex.EncodeToString(public)
}

// keyed is a registration of a unit with keys, empty for none.
func (w *ward) keyed(serial, publicKey, iDevID string) statetest.Proposal {
	return w.by(maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{
		SerialMAC: ledger.BodyDigest([]byte(serial)), DI: statetest.SeededDI, Lot: "L-" + serial, Release: statetest.SeededRelease, Owner: north,
		PublicKey: publicKey, IDevID: iDevID,
	})
}

func fields(err error) []string {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok {
		return nil
	}
	var out []string
	for _, f := range p.Faults {
		out = append(out, f.Field)
	}
	return out
}

// TestADeviceDoesNotComeBackAsAnotherUnit: whatever became of the unit, its keys
// are its own.
func TestADeviceDoesNotComeBackAsAnotherUnit(t *testing.T) {
	t.Parallel()
	pk, id := signing("a"), ledger.BodyDigest([]byte("identity"))
	unit := ledger.UnitID(maker, ledger.BodyDigest([]byte("a")))
	for name, became := range map[string]func(*ward){
		"recalled": func(w *ward) { w.must(w.recall(authority, ledger.RoleCertifier, ledger.RecallLot, "L-a", 0)) },
		"refused":  func(w *ward) { w.must(w.certify(unit, false)) },
		"retired":  func(w *ward) { w.must(w.retire(unit)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWard(t)
			w.must(w.keyed("a", pk, id))
			became(w)
			for _, c := range []struct {
				pk, id string
				faults []string
			}{
				{pk, id, []string{"iDevId", "publicKey"}},
				{pk, ledger.BodyDigest([]byte("b")), []string{"publicKey"}},
				{"", id, []string{"iDevId"}},
			} {
				err := w.Submitted(t, w.keyed("b", c.pk, c.id), nil)
				if ledger.CodeOf(err) != ledger.CodeAlreadyExists || !slices.Equal(fields(err), c.faults) {
					t.Errorf("with keys %q and %q: %v, faults %v", c.pk, c.id, err, fields(err))
				}
			}
			w.must(w.keyed("b", signing("b"), ledger.BodyDigest([]byte("b"))))
			w.must(w.keyed("c", "", "")) // and any number have none
			w.must(w.keyed("d", "", ""))
		})
	}
}

// TestACompletedUnitHasItsOwnKeys, and keeps those that it had first.
func TestACompletedUnitHasItsOwnKeys(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.must(w.keyed("a", signing("a"), ""))
	mac := ledger.BodyDigest([]byte("made"))
	w.must(w.by(maker, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, ledger.RegisterUnit{
		SerialMAC: mac, DI: statetest.SeededDI, Lot: "L1", PublicKey: signing("first"), IDevID: ledger.BodyDigest([]byte("identity")),
	}))
	complete := func(pk, id string) statetest.Proposal {
		return w.by(maker, ledger.RoleRegistrar, ledger.DeviceCompleteUnit, ledger.CompleteUnit{
			ID: ledger.UnitID(maker, mac), Revision: 1, Release: newer, Owner: south, PublicKey: pk, IDevID: id,
		})
	}
	w.want(ledger.CodeAlreadyExists, complete(signing("a"), ""))
	w.must(complete(signing("second"), ledger.BodyDigest([]byte("identity")))) // one anew, one as it was
	for _, pk := range []string{signing("first"), signing("second")} {
		w.want(ledger.CodeAlreadyExists, w.keyed("b", pk, ""))
	}
}

// TestAChunkRefusesKeysOfOthers, and of two of its own units, and says which. What
// is repeated is skipped with its keys.
func TestAChunkRefusesKeysOfOthers(t *testing.T) {
	t.Parallel()
	w := newWard(t)
	w.must(w.keyed("a", signing("a"), ledger.BodyDigest([]byte("a"))))
	keyed := func(from, to int) ledger.RegisterUnits {
		req := chunk(from, to)
		for i := range req.Units {
			req.Units[i].PublicKey = signing(strconv.Itoa(from + i))
			req.Units[i].IDevID = ledger.BodyDigest(fmt.Append(nil, "identity", from+i))
		}
		return req
	}
	w.must(bulk(w.Ledger, keyed(0, 3)))
	for name, c := range map[string]struct {
		change func([]ledger.NewUnit)
		want   []string
	}{
		"another unit's":     {func(u []ledger.NewUnit) { u[4].PublicKey = signing("a") }, []string{"units[4].publicKey"}},
		"one's of the chunk": {func(u []ledger.NewUnit) { u[4].IDevID = u[3].IDevID }, []string{"units[4].iDevId"}},
		"a repeated one's":   {func(u []ledger.NewUnit) { u[3].IDevID, u[4].PublicKey = u[0].IDevID, u[1].PublicKey }, []string{"units[3].iDevId", "units[4].publicKey"}},
	} {
		req := keyed(0, 5)
		c.change(req.Units)
		err := w.Submitted(t, bulk(w.Ledger, req), nil)
		if ledger.CodeOf(err) != ledger.CodeInvalid || !slices.Equal(fields(err), c.want) {
			t.Errorf("with %s key: %v, faults %v", name, err, fields(err))
		}
	}
	var got ledger.UnitsRegistered
	statetest.Want(t, "", w.Submitted(t, bulk(w.Ledger, keyed(0, 5)), &got))
	if got != (ledger.UnitsRegistered{Registered: 2, Skipped: 3}) {
		t.Errorf("registered %+v", got)
	}
	w.want(ledger.CodeAlreadyExists, bulk(w.Ledger, keyed(0, 5)))
}

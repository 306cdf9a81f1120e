package state

import (
	"strconv"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Acceptable refuses to put a catalogue into use that is not published, or is in
// use. It returns what the members decide on: see ledger.Proposal.Base.
func Acceptable(ctx *Context, id string) (base string, err error) {
	name, version, _ := ledger.SplitCatalogue(id)
	if _, err := Catalogues.Get(ctx, ledger.CatalogueKey(name, version)); err != nil {
		return "", err
	}
	before, found, err := CataloguesInUse.Find(ctx, ledger.CatalogueInUseKey(name))
	if err != nil || !found {
		return "0", err
	}
	if before.Version == version {
		return "", ledger.Problemf(ledger.CodeAlreadyExists, "the catalogue is in use")
	}
	return strconv.Itoa(before.Revision), nil
}

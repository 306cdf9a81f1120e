// Package chaincode puts the contracts together into the one chaincode that the
// peers of every organisation run.
package chaincode

import (
	"fmt"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/secant-platform/secant/chaincode/anchor"
	"github.com/secant-platform/secant/chaincode/compliance"
	"github.com/secant-platform/secant/chaincode/device"
	"github.com/secant-platform/secant/chaincode/identity"
	"github.com/secant-platform/secant/chaincode/risk"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/taxonomy"
	"github.com/secant-platform/secant/chaincode/threat"
)

// Version is the version of what callers see: transactions, requests, records.
// It changes with the golden metadata.
const Version = "1.5.0"

// New returns the chaincode as peers run it, on this machine's clock.
func New() (*contractapi.ContractChaincode, error) { return NewAt(time.Now) }

// NewAt returns the chaincode with another clock, for ledgers in memory. The
// program that peers run calls New and has no way to set one.
func NewAt(clock func() time.Time) (*contractapi.ContractChaincode, error) {
	o := state.Options{Version: Version, Clock: clock}
	cc, err := contractapi.NewChaincode( // a contract more is a line more
		identity.New(o),
		device.New(o),
		anchor.New(o),
		threat.New(o),
		risk.New(o),
		compliance.New(o),
		taxonomy.New(o),
	)
	if err != nil {
		return nil, fmt.Errorf("putting the contracts together: %w", err)
	}
	cc.TransactionSerializer = new(state.Serializer)
	return cc, nil
}

package state

import (
	"strings"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Options are what all contracts of one chaincode have in common.
type Options struct {
	Version string           // of the interface that callers see, in the contracts' metadata
	Clock   func() time.Time // the endorser's own clock; it can only refuse, never change what is written
}

// Contract is the part that every contract has in common; contracts embed it.
// It has no exported methods but those that the framework asks for and does not
// offer to callers.
type Contract struct {
	contractapi.Contract
}

// NewContract returns the common part of the contract with that name.
func NewContract(name string, o Options) Contract {
	return Contract{contractapi.Contract{
		Name:                      name,
		Info:                      metadata.InfoMetadata{Title: name, Version: o.Version},
		TransactionContextHandler: new(Context),
		BeforeTransaction:         func(ctx *Context) error { return ctx.begin(o.Clock) },
		AfterTransaction:          func(ctx *Context) error { return ctx.end() },
	}}
}

// GetEvaluateTransactions tells the framework, for the metadata, which
// functions only read.
func (c *Contract) GetEvaluateTransactions() []string {
	var names []string
	for _, full := range ledger.Evaluations {
		if name, ours := strings.CutPrefix(full, c.Name+":"); ours {
			names = append(names, name)
		}
	}
	return names
}

// Command barecc is the smallest chaincode there can be: it puts a value under a
// key. It knows no caller, no rule, no schema and no event, so that what the
// consortium's own transactions cost beyond Fabric can be measured against it.
package main

import (
	"fmt"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

type bare struct{}

// Init does nothing.
func (bare) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke puts the second argument under the first.
func (bare) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	key, value := stub.GetFunctionAndParameters()
	if len(value) != 1 {
		return shim.Error("a key and a value are needed")
	}
	if err := stub.PutState(key, []byte(value[0])); err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}

func main() {
	if err := shim.Start(bare{}); err != nil {
		fmt.Fprintln(os.Stderr, "barecc:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// Command secantcc is the chaincode program. A peer starts it, with
// "-peer.address ADDRESS" and the CORE_... variables of Fabric's shim.
package main

import (
	"fmt"
	"os"

	"github.com/secant-platform/secant/chaincode"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "secantcc:", err)
		os.Exit(1)
	}
}

func run() error {
	cc, err := chaincode.New()
	if err != nil {
		return err
	}
	if err := cc.Start(); err != nil {
		return fmt.Errorf("serving the peer: %w", err)
	}
	return nil
}

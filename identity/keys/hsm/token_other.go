//go:build !cgo || !unix

package hsm

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
)

// Token is never made in a program without cgo.
type Token struct{ keys.Keeper }

// Open says that this program cannot load modules.
func Open(c Config) (*Token, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return nil, ledger.Problemf(ledger.CodeUnavailable,
		"this program was built without cgo, or not for a Unix, and loads no PKCS #11 module: build it with CGO_ENABLED=1")
}

// Algorithm returns nothing: there is no token.
func (t *Token) Algorithm() string { return "" }

// Close does nothing.
func (t *Token) Close() error { return nil }

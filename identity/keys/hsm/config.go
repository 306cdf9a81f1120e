package hsm

import (
	"bytes"
	"fmt"
	"os"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Config says which token.
type Config struct {
	Module  string // path of the PKCS #11 library, as in /usr/lib/softhsm/libsofthsm2.so
	Token   string // label of the token
	PINFile string // file with the user's PIN, for its owner only; line ends do not count
}

// check wants all members set.
func (c Config) check() error {
	if c.Module == "" || c.Token == "" || c.PINFile == "" {
		return ledger.Problemf(ledger.CodeInvalid, "a token needs the path of its module, its label, and the file with its PIN")
	}
	return nil
}

// pin reads the PIN.
func (c Config) pin() (string, error) {
	info, err := os.Stat(c.PINFile)
	if err != nil {
		return "", fmt.Errorf("reading the token's PIN: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", ledger.Problemf(ledger.CodeDenied, "others may read the file with the token's PIN: make it 0600")
	}
	b, err := os.ReadFile(c.PINFile)
	if err != nil {
		return "", fmt.Errorf("reading the token's PIN: %w", err)
	}
	return string(bytes.TrimRight(b, "\r\n")), nil
}

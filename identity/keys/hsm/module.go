//go:build cgo && unix

package hsm

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// modules are those that this process has loaded. A module is initialised once
// for each process (PKCS #11 3.0, section 5.4), however many tokens are open.
var (
	modulesMu sync.Mutex
	modules   = map[string]*module{}
)

type module struct {
	*pkcs11.Ctx

	path  string
	users int // guarded by modulesMu

	// turn is held for each use of a session. The standard lets a process use
	// several at once; SoftHSM 2.6 then fails now and then while it makes a key.
	turn sync.Mutex
}

// load loads a module, or takes the loaded one.
func load(path string) (*module, error) {
	modulesMu.Lock()
	defer modulesMu.Unlock()
	if m := modules[path]; m != nil {
		m.users++
		return m, nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "there is no PKCS #11 module at the configured path")
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the file at the configured path is no PKCS #11 module for this machine")
	}
	if err := ctx.Initialize(); err != nil && !is(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		ctx.Destroy()
		return nil, fmt.Errorf("initialising the PKCS #11 module: %w", err)
	}
	m := &module{Ctx: ctx, path: path, users: 1}
	modules[path] = m
	return m, nil
}

// release unloads a module that nobody uses any longer.
func (m *module) release() error {
	modulesMu.Lock()
	defer modulesMu.Unlock()
	if m.users--; m.users > 0 {
		return nil
	}
	delete(modules, m.path)
	err := m.Finalize()
	m.Destroy()
	if err != nil {
		return fmt.Errorf("finalising the PKCS #11 module: %w", err)
	}
	return nil
}

// slot finds the one token of a label.
func (m *module) slot(label string) (uint, error) {
	slots, err := m.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("listing tokens: %w", err)
	}
	found := 0
	var at uint
	for _, slot := range slots {
		info, err := m.GetTokenInfo(slot)
		if err == nil && strings.TrimRight(info.Label, " \x00") == label {
			at = slot
			found++
		}
	}
	if found != 1 {
		return 0, ledger.Problemf(ledger.CodeUnavailable, "%d tokens have the configured label, and one is needed", found)
	}
	return at, nil
}

// is reports whether a module answered one of these codes.
func is(err error, codes ...uint) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	if !ok {
		return false
	}
	for _, c := range codes {
		if uint(code) == c {
			return true
		}
	}
	return false
}

//go:build cgo && unix

package hsm

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/miekg/pkcs11"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// Token is an open token. It implements [keys.Keeper]. Signatures are made one
// after the other, by all tokens of a module.
type Token struct {
	config Config
	module *module
	slot   uint
	edward bool // it makes keys of Ed25519

	// What follows is guarded by the module's turn.
	session pkcs11.SessionHandle
	handles map[string]pkcs11.ObjectHandle // of private keys in the session, by label
	refused error                          // that the token refused the PIN: a token locks after a few of those
	closed  bool
}

var _ keys.Keeper = (*Token)(nil)

// Open opens a token and signs in. Problems: invalid (the configuration), denied
// (the PIN), unavailable (no such module or token).
func Open(c Config) (*Token, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	turn, err := c.turn()
	if err != nil {
		return nil, err
	}
	defer turn.Close() // which unlocks it
	m, err := load(c.Module)
	if err != nil {
		return nil, err
	}
	t := &Token{config: c, module: m}
	if err := t.open(); err != nil {
		return nil, errors.Join(err, m.release())
	}
	return t, nil
}

func (t *Token) open() error {
	var err error
	if t.slot, err = t.module.slot(t.config.Token); err != nil {
		return err
	}
	mechanisms, err := t.module.GetMechanismList(t.slot)
	if err != nil {
		return fmt.Errorf("listing the token's mechanisms: %w", err)
	}
	has := func(kind uint) bool {
		return slices.ContainsFunc(mechanisms, func(m *pkcs11.Mechanism) bool { return m.Mechanism == kind })
	}
	t.edward = has(edwardSign) && has(edwardMake)
	t.module.turn.Lock()
	defer t.module.turn.Unlock()
	return t.connect()
}

// connect opens a session and signs in.
func (t *Token) connect() error {
	if t.refused != nil {
		return t.refused
	}
	pin, err := t.config.pin()
	if err != nil {
		return err
	}
	t.handles = map[string]pkcs11.ObjectHandle{}
	if t.session, err = t.module.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION); err != nil {
		return fmt.Errorf("opening a session with the token: %w", err)
	}
	err = t.module.Login(t.session, pkcs11.CKU_USER, pin)
	if err == nil || is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN) {
		return nil
	}
	_ = t.module.CloseSession(t.session) // the login's error says more
	if is(err, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED) {
		t.refused = ledger.Problemf(ledger.CodeDenied,
			"the token refuses the PIN: correct the file that holds it and start again; it is not tried twice, because a token locks")
		return t.refused
	}
	return fmt.Errorf("signing in to the token: %w", err)
}

// do does something in the session, and once more in a new one if the token lost
// it or signed us out.
func (t *Token) do(f func() error) error {
	t.module.turn.Lock()
	defer t.module.turn.Unlock()
	if t.closed {
		return ledger.Problemf(ledger.CodeUnavailable, "the token is closed")
	}
	err := f()
	if !is(err, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_DEVICE_ERROR) {
		return err
	}
	_ = t.module.CloseSession(t.session) // it may be gone
	if err := t.connect(); err != nil {
		return err
	}
	return f()
}

// Close ends the session, and unloads the module if nobody else uses it.
func (t *Token) Close() error {
	t.module.turn.Lock()
	defer t.module.turn.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	err := t.module.CloseSession(t.session)
	if is(err, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED) {
		err = nil // which is what was wanted
	}
	return errors.Join(err, t.module.release())
}

// Algorithm returns the best algorithm that the token has: Ed25519's, else that
// of P-256.
func (t *Token) Algorithm() string {
	if t.edward {
		return verify.AlgEdDSA
	}
	return verify.AlgES256
}

// Signer returns the newest key, and makes the first: see [keys.Keeper].
func (t *Token) Signer(purpose, algorithm string) (*keys.Key, error) {
	return keys.Newest(t, t.make, purpose, algorithm)
}

// Rotate makes the next generation.
func (t *Token) Rotate(purpose, algorithm string) (*keys.Key, error) {
	return keys.Next(t, t.make, purpose, algorithm)
}

// Generations lists those that exist.
func (t *Token) Generations(purpose string) ([]int, error) {
	if err := keys.CheckPurpose(purpose); err != nil {
		return nil, err
	}
	var list []int
	err := t.do(func() error {
		list = nil
		found, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true))
		if err != nil {
			return err
		}
		for _, object := range found {
			attributes, err := t.module.GetAttributeValue(t.session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
			if err != nil {
				return fmt.Errorf("reading a key's label: %w", err)
			}
			number, ok := strings.CutPrefix(string(attributes[0].Value), labelPrefix+purpose+"/")
			if n, err := strconv.Atoi(number); ok && err == nil && n > 0 && strconv.Itoa(n) == number {
				list = append(list, n)
			}
		}
		return nil
	})
	slices.Sort(list)
	return slices.Compact(list), err
}

const labelPrefix = "secant/"

func label(purpose string, generation int) string {
	return labelPrefix + purpose + "/" + strconv.Itoa(generation)
}

// maxObjects bounds how many keys a token may hold for its search to be whole.
const maxObjects = 4096

// find returns the objects that have all of the attributes.
func (t *Token) find(attributes ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := t.module.FindObjectsInit(t.session, attributes); err != nil {
		return nil, fmt.Errorf("searching the token: %w", err)
	}
	var all []pkcs11.ObjectHandle
	for {
		found, _, err := t.module.FindObjects(t.session, 64)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("searching the token: %w", err), t.module.FindObjectsFinal(t.session))
		}
		if all = append(all, found...); len(found) == 0 {
			break
		}
		if len(all) > maxObjects {
			return nil, errors.Join(fmt.Errorf("searching the token: it holds more than %d keys", maxObjects), t.module.FindObjectsFinal(t.session))
		}
	}
	if err := t.module.FindObjectsFinal(t.session); err != nil {
		return nil, fmt.Errorf("searching the token: %w", err)
	}
	return all, nil
}

// object finds the one object of a class and label.
func (t *Token) object(class uint, label string) (pkcs11.ObjectHandle, error) {
	found, err := t.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true))
	switch {
	case err != nil:
		return 0, err
	case len(found) == 0:
		return 0, ledger.Problemf(ledger.CodeNotFound, "the token has no such generation of a key")
	case len(found) > 1:
		return 0, ledger.Problemf(ledger.CodeInternal, "the token has two keys with the label %s: find out which one is in use, and remove the other", label)
	}
	return found[0], nil
}

// turn waits for the lock of the file with the PIN, which the processes of this
// machine take turns by: a token does not keep two of them from making keys with
// one label, and SoftHSM 2.6 may see no token while another process signs in.
func (c Config) turn() (*os.File, error) {
	f, err := os.Open(c.PINFile)
	if err != nil {
		return nil, fmt.Errorf("opening the file with the token's PIN: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the file with the token's PIN: %w", err), f.Close())
	}
	return f, nil
}

// make makes a generation, unless it exists.
func (t *Token) make(purpose, algorithm string, generation int) error {
	if algorithm == verify.AlgEdDSA && !t.edward {
		return ledger.Problemf(ledger.CodeInvalid, "the token has no keys of Ed25519: state %s", verify.AlgES256)
	}
	turn, err := t.config.turn()
	if err != nil {
		return err
	}
	defer turn.Close() // which unlocks it
	return t.do(func() error {
		name := label(purpose, generation)
		if _, err := t.object(pkcs11.CKO_PRIVATE_KEY, name); ledger.CodeOf(err) != ledger.CodeNotFound {
			return err
		}
		curve, mechanism := curveP256, uint(pkcs11.CKM_EC_KEY_PAIR_GEN)
		if algorithm == verify.AlgEdDSA {
			curve, mechanism = curveEd25519, edwardMake
		}
		id := make([]byte, 16)
		_, _ = rand.Read(id) // never fails
		both := []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, name), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
		}
		public := append(slices.Clone(both), pkcs11.NewAttribute(pkcs11.CKA_VERIFY, true), pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve))
		private := append(slices.Clone(both), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, true),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false))
		if _, _, err := t.module.GenerateKeyPair(t.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, public, private); err != nil {
			return fmt.Errorf("making a key in the token: %w", err)
		}
		return nil
	})
}

// sign signs with the private key of a label.
func (t *Token) sign(name, algorithm string, message []byte) ([]byte, error) {
	mechanism := edwardSign
	if algorithm == verify.AlgES256 {
		digest := sha256.Sum256(message)
		mechanism, message = pkcs11.CKM_ECDSA, digest[:]
	}
	var signature []byte
	err := t.do(func() error {
		handle, ok := t.handles[name]
		if !ok {
			var err error
			if handle, err = t.object(pkcs11.CKO_PRIVATE_KEY, name); err != nil {
				return err
			}
			t.handles[name] = handle
		}
		if err := t.module.SignInit(t.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, handle); err != nil {
			return fmt.Errorf("beginning to sign: %w", err)
		}
		var err error
		if signature, err = t.module.Sign(t.session, message); err != nil {
			return fmt.Errorf("signing: %w", err)
		}
		return nil
	})
	if err == nil && len(signature) != signatureSize {
		err = errors.New("signing: the token answers a signature of another size")
	}
	return signature, err
}

//go:build cgo && unix

package hsm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys/keystest"
)

// openTwins opens the token of these tests, which look inside.
func openTwins(t *testing.T) *Token {
	t.Helper()
	conf := os.Getenv("SOFTHSM2_CONF")
	if _, err := exec.LookPath("softhsm2-util"); err != nil || conf == "" {
		t.Skip("no hardware module to check against: SoftHSM (softhsm2) is not installed")
	}
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			token, err := Open(Config{Module: path, Token: "twins", PINFile: filepath.Join(filepath.Dir(conf), "pin")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = token.Close() })
			return token
		}
	}
	t.Skip("no hardware module to check against: SoftHSM's library is not where it is looked for")
	return nil
}

func TestALostSessionIsOpenedAnew(t *testing.T) {
	t.Parallel()
	token := openTwins(t)
	key, err := token.Signer("lost", verify.AlgES256)
	if err != nil {
		t.Fatal(err)
	}
	if err := token.module.CloseSession(token.session); err != nil {
		t.Fatal(err)
	}
	if _, err := key.Sign(nil); err != nil {
		t.Errorf("after the session: %v", err)
	}
	token.handles[label("lost", 1)] = 99999
	if _, err := key.Sign(nil); err != nil {
		t.Errorf("after the handle: %v", err)
	}
}

func TestARefusedPINIsNotTriedTwice(t *testing.T) {
	t.Parallel()
	token := openTwins(t)
	key, err := token.Signer("refused", verify.AlgES256)
	if err != nil {
		t.Fatal(err)
	}
	token.refused = ledger.Problemf(ledger.CodeDenied, "once")
	if err := token.module.CloseSession(token.session); err != nil {
		t.Fatal(err)
	}
	if _, err := key.Sign(nil); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("got %v", err)
	}
	token.refused = nil
	if _, err := key.Sign(nil); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestTwoKeysOfOneNameAreRefused: what two machines made at once on one token.
func TestTwoKeysOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	token := openTwins(t)
	twin := keystest.Name("twin")
	if _, err := token.Signer(twin, verify.AlgES256); err != nil {
		t.Fatal(err)
	}
	attributes := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label(twin, 1))}
	_, _, err := token.module.GenerateKeyPair(token.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		append(attributes, pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curveP256)), append(attributes, pkcs11.NewAttribute(pkcs11.CKA_SIGN, true)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = token.Signer(twin, verify.AlgES256)
	if ledger.CodeOf(err) != ledger.CodeInternal || !strings.Contains(err.Error(), "two keys") {
		t.Errorf("got %v", err)
	}
}

func TestKeysCannotLeaveTheToken(t *testing.T) {
	t.Parallel()
	token := openTwins(t)
	if _, err := token.Signer("stay", verify.AlgES256); err != nil {
		t.Fatal(err)
	}
	object, err := token.object(pkcs11.CKO_PRIVATE_KEY, label("stay", 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.module.GetAttributeValue(token.session, object, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)}); err == nil {
		t.Error("the token shows a private key")
	}
}

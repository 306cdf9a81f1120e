package identity

import (
	"bytes"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
	"github.com/secant-platform/secant/chaincode/verify"
)

// checkControl checks a request's control signature under the keys that may
// change the document. The signature binds everything that there is to bind: the
// channel, the chaincode, the function, the DID with its network, the revision
// that is made, and the request's own digest. A revision is made once, so no
// signature serves twice. That ECDSA allows a second signature beside each does
// no harm for the same reason.
//
// What is not a signature of this request is denied; what is no JWS, or one whose
// header says more than it must, is invalid.
func checkControl(ctx *state.Context, req ledger.ControlRequest, signature, did string, keys ledger.DIDKeys) error {
	jws, err := verify.ParseJWS(signature)
	if err != nil {
		return err
	}
	if jws.Type != ledger.TypeControlSignature {
		return ledger.Problemf(ledger.CodeInvalid, "the signature is not a control signature: typ must be %s", ledger.TypeControlSignature)
	}
	if err := jws.Bare(); err != nil {
		return err
	}
	payload, err := req.ControlPayload(ctx.Channel())
	if err != nil {
		return err
	}
	if !bytes.Equal(jws.Payload, payload) {
		return ledger.Problemf(ledger.CodeDenied, "the signature is not over this request")
	}
	fragment, ok := strings.CutPrefix(jws.KeyID, did+"#")
	if !ok {
		return ledger.Problemf(ledger.CodeDenied, "the signature is by a key of another document")
	}
	jwk, ok := keys.Method(keys.CapabilityInvocation, fragment)
	if !ok {
		return ledger.Problemf(ledger.CodeDenied, "the signature is by no key that may change the document")
	}
	key, err := verify.NewKey(jwk)
	if err != nil {
		return err
	}
	if jws.Verify(key) != nil {
		return ledger.Problemf(ledger.CodeDenied, "the signature does not verify under the key that it names")
	}
	return nil
}

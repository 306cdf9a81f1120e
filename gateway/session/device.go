package session

import (
	"context"
	"crypto/ed25519"
	"io"
	"net/http"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/httpsig"
)

// Device makes out which device signed a request (HTTP Message Signatures, RFC
// 9421) by the key that keyOf finds under the signature's keyid. A signature serves
// once. What body returns may only be used when it was read to its end without an
// error: another body than was signed ends in one.
func (s *Sessions) Device(
	r *http.Request, keyOf func(ctx context.Context, keyID string) (ed25519.PublicKey, error),
) (keyID string, body io.Reader, err error) {
	places := make([]string, len(s.o.URLs))
	for i, base := range s.o.URLs {
		places[i] = base + r.URL.RequestURI()
	}
	signed, err := httpsig.Parse(r, httpsig.Want{URLs: places, Now: s.o.Now(), Age: ProofAge})
	if err != nil {
		return "", nil, err
	}
	key, err := keyOf(r.Context(), signed.KeyID)
	if err != nil {
		return "", nil, err
	}
	if err := signed.Verify(key); err != nil {
		return "", nil, err
	}
	first, err := s.used.once(signed.Name(), s.o.Now())
	if err != nil {
		return "", nil, err
	}
	if !first {
		return "", nil, ledger.Problemf(ledger.CodeDenied, "the signature was used before")
	}
	return signed.KeyID, signed.Body(r.Body), nil
}

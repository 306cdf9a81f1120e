package rest_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/rest"
)

// TestSigningVector computes the vector of the OpenAPI document by its words
// alone, and as the node does.
func TestSigningVector(t *testing.T) {
	t.Parallel()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	seed, unit, record := bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{3}, 32), []byte(`{"a":1}`)
	salt := sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("secant-salt-v1"), seed...), 0))
	root := sha256.Sum256(append(append([]byte{0}, salt[:]...), record...))
	message := binary.BigEndian.AppendUint64(append([]byte("secant-readings-v1\x00"), unit...), 1)
	signature := ed25519.Sign(key, append(message, root[:]...))

	s := proof.Seed(seed)
	if got := proof.Root(proof.LeafHashes(nil, &s, [][]byte{record})); got != root {
		t.Errorf("the node has the root %v", got)
	}
	if !ed25519.Verify(key.Public().(ed25519.PublicKey), proof.SigningMessage(proof.Hash(unit), 1, root), signature) {
		t.Error("the node signs another message")
	}
	api, _, _ := serve(t, rest.Deps{})
	for _, want := range []string{hex.EncodeToString(root[:]), base64.RawURLEncoding.EncodeToString(signature)} {
		if !strings.Contains(string(api.OpenAPI()), want) {
			t.Errorf("the document lacks %s", want)
		}
	}
}

// TestVersionsInPaths finds a release whose version has every mark, escaped as
// little and as much as is allowed.
func TestVersionsInPaths(t *testing.T) {
	t.Parallel()
	const v = "!\"%&'()*+,-./09:;<=>?AZ_az~%2B"
	_, _, engine := serve(t, storeDeps(t, ledgerOf(t, &ledger.Release{V: 1, DI: "x/y", Version: v}, &ledger.Release{V: 1, DI: "x", Version: "1+2~3"})))
	var all strings.Builder
	for _, b := range []byte(v) {
		all.WriteString("%" + hex.EncodeToString([]byte{b}))
	}
	for _, path := range []string{
		"/v1/models/x%2Fy/releases/" + url.PathEscape(v), "/v1/models/x%2Fy/releases/" + all.String(),
		"/v1/models/x/releases/1+2~3", "/v1/models/x/releases/1%2B2%7E3",
	} {
		if got := call(t, engine, auth.RoleRegistrar, http.MethodGet, path, nil); got.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
}

// TestSealedMarkingsAreExplained and the answer to whoever signs for no device.
func TestSealedMarkingsAreExplained(t *testing.T) {
	t.Parallel()
	_, _, engine := serve(t, storeDeps(t, ledgerOf(t, northUnit(1, ledger.StateInService))))
	for _, marking := range []string{"amber", "amber%2Bstrict", "red"} {
		got := call(t, engine, auth.RoleAnalyst, http.MethodPost, "/v1/threats?marking="+marking, strings.NewReader("{}"), "Content-Type", ledger.MediaTypeSTIX)
		if got.Code != http.StatusUnprocessableEntity || !strings.Contains(got.Body.String(), "go sealed to the named alone") {
			t.Errorf("%s: %d %s", marking, got.Code, got.Body)
		}
	}
	signature := base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	for _, unit := range []string{strings.Repeat("1", 64), strings.Repeat("e", 64)} { // one cannot sign, one is unknown
		got := call(t, engine, "", http.MethodPost, "/v1/readings", strings.NewReader("{}"), "Content-Type", "application/json",
			auth.HeaderDevice, unit, auth.HeaderSignature, signature, auth.HeaderSeed, signature[:43])
		if got.Code != http.StatusForbidden || !strings.Contains(got.Body.String(), "no device of this id is in service here, or its signature does not fit") {
			t.Errorf("%s: %d %s", unit, got.Code, got.Body)
		}
	}
}

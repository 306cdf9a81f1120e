package did_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// keyVectors are DIDs of the did:key and did:jwk specifications, and their keys.
var keyVectors = map[string]ledger.JWK{
	"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK": {
		Kty: "OKP", Crv: "Ed25519", X: "Lm_M42cB3HkUiODQsXRcweM6TByfzEHGO9ND274JcOY",
	},
	"did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169": {
		Kty: "EC", Crv: "P-256", X: "fyNYMN0976ci7xqiSdag3buk-ZCwgXU4kz9XNkBlNUI", Y: "hW2ojTNfH7Jbi8--CJUo3OCbH3y5n91g-IMA9MLMbTU",
	},
	"did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv": {
		Kty: "EC", Crv: "P-256", X: "igrFmi0whuihKnj9R3Om1SoMph72wUGeFaBbzG2vzns", Y: "efsX5b10x8yjyrj4ny3pGfLcY7Xby1KzgqOdqnsrJIM",
	},
	"did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgyVjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9": {
		Kty: "EC", Crv: "P-256", X: "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0", Y: "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE",
	},
}

func kidOf(id string) string {
	if text, ok := strings.CutPrefix(id, "did:key:"); ok {
		return "#" + text
	}
	return "#0"
}

func TestKeysOfTheSpecifications(t *testing.T) {
	t.Parallel()
	r := did.New(did.Config{})
	for id, jwk := range keyVectors {
		for _, kid := range []string{kidOf(id), id + kidOf(id)} {
			key, err := r.Key(t.Context(), id, kid, did.AssertionMethod, time.Unix(1, 0))
			if err != nil || key != jwk {
				t.Errorf("%s: %+v (%v)", id, key, err)
			}
		}
		write := did.KeyDID
		if strings.HasPrefix(id, "did:jwk:") {
			write = did.JWKDID
		}
		if made, err := write(jwk); err != nil || made != id {
			t.Errorf("%s: the key makes %s (%v)", id, made, err)
		}
	}
}

func TestEveryKeyHasBothDIDs(t *testing.T) {
	t.Parallel()
	r := did.New(did.Config{})
	for _, curve := range []string{ledger.CurveEd25519, ledger.CurveP256} {
		for range 32 {
			jwk := newJWK(t, curve)
			for _, write := range []func(ledger.JWK) (string, error){did.KeyDID, did.JWKDID} {
				id, err := write(jwk)
				if err != nil {
					t.Fatal(err)
				}
				key, err := r.Key(t.Context(), id, kidOf(id), did.Authentication, time.Unix(1, 0))
				if err != nil || key != jwk {
					t.Errorf("%s: %+v (%v)", id, key, err)
				}
			}
		}
	}
	for _, write := range []func(ledger.JWK) (string, error){did.KeyDID, did.JWKDID} {
		_, err := write(ledger.JWK{Kty: "OKP", Crv: "Ed25519", X: strings.Repeat("A", 43)})
		want(t, ledger.CodeInvalid, err)
	}
}

// TestJWKDocumentIsTheSpecifications compares the whole document with that of the
// specification's example.
func TestJWKDocumentIsTheSpecifications(t *testing.T) {
	t.Parallel()
	for id, jwk := range keyVectors {
		if !strings.HasPrefix(id, "did:jwk:") {
			continue
		}
		res, err := did.New(did.Config{}).Resolve(t.Context(), id, did.Options{})
		if err != nil {
			t.Fatal(err)
		}
		key := []any{id + "#0"}
		expected := map[string]any{
			"@context": []any{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"},
			"id":       id,
			"verificationMethod": []any{map[string]any{
				"id": id + "#0", "type": "JsonWebKey2020", "controller": id,
				"publicKeyJwk": map[string]any{"kty": jwk.Kty, "crv": jwk.Crv, "x": jwk.X, "y": jwk.Y},
			}},
			"assertionMethod": key, "authentication": key, "capabilityInvocation": key, "capabilityDelegation": key, "keyAgreement": key,
		}
		var got map[string]any
		if err := json.Unmarshal(mustJSON(t, res.Document), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Error(diff)
		}
	}
}

func jwkDID(text string) string {
	return "did:jwk:" + base64.RawURLEncoding.EncodeToString([]byte(text))
}

func TestOtherKeysAreNoDIDs(t *testing.T) {
	t.Parallel()
	const x = `"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	const good = `{"kty":"OKP","crv":"Ed25519",` + x + `}`
	r := did.New(did.Config{})
	for name, id := range map[string]string{
		"private":               jwkDID(`{"kty":"OKP","crv":"Ed25519",` + x + `,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`),
		"symmetric":             jwkDID(`{"kty":"oct","k":"AAAA"}`),
		"RSA":                   jwkDID(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`),
		"a name twice":          jwkDID(`{"kty":"OKP","crv":"Ed25519","x":"AAAA",` + x + `}`),
		"another algorithm":     jwkDID(`{"kty":"OKP","crv":"Ed25519",` + x + `,"alg":"ES256"}`),
		"small order":           jwkDID(`{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`),
		"not on the curve":      jwkDID(`{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`),
		"secp256k1":             jwkDID(`{"kty":"EC","crv":"secp256k1","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`),
		"no object":             jwkDID(`"` + x),
		"nothing":               "did:jwk:e30",
		"padded":                jwkDID(good) + "=",
		"stray bits":            strings.TrimSuffix(jwkDID(good), "0") + "1",
		"percent":               "did:jwk:%65" + jwkDID(good)[9:],
		"two parts":             jwkDID(good) + ":" + jwkDID(good)[8:],
		"too long":              jwkDID(`{"kty":"OKP","crv":"Ed25519",` + x + `,"kid":"` + strings.Repeat("k", 1200) + `"}`),
		"key: cut":              "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do",
		"key: more":             "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doKK",
		"key: not base58":       "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2d0K",
		"key: another base":     "did:key:f6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
		"key: leading zero":     "did:key:z16MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
		"key: X25519":           "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc",
		"key: secp256k1":        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme",
		"key: version":          "did:key:1.1:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
		"key: a long text":      "did:key:z" + strings.Repeat("6", 2000),
		"key: varint overflows": overflowing,
		"key: no text":          "did:key:z",
	} {
		res, err := r.Resolve(t.Context(), id, did.Options{})
		if ledger.CodeOf(err) != ledger.CodeInvalid || res.ResolutionMetadata.Error != did.ErrorInvalidDID {
			t.Errorf("%s: resolves to %+v (%v)", name, res, err)
		}
		if _, err := r.Key(t.Context(), id, "#0", did.AssertionMethod, time.Unix(1, 0)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: has a key (%v)", name, err)
		}
	}
	for use, agrees := range map[string]bool{"sig": false, "enc": true} {
		id := jwkDID(`{"kty":"OKP","crv":"Ed25519",` + x + `,"use":"` + use + `"}`)
		_, err := r.Key(t.Context(), id, "#0", did.AssertionMethod, time.Unix(1, 0))
		if agrees != (ledger.CodeOf(err) == ledger.CodeNotFound) {
			t.Errorf("a key for %s: %v", use, err)
		}
	}
}

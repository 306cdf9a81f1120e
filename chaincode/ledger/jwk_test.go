package ledger

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
)

func TestKeysComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	back := map[string]crypto.PublicKey{}
	for kind, key := range map[string]crypto.PublicKey{CurveEd25519: edwards, CurveP256: &ec.PublicKey} {
		k, err := JWKOf(key)
		if err != nil || k.Crv != kind {
			t.Fatalf("%s encodes as %v, %v", kind, k, err)
		}
		var c check
		if c.jwk("key", k); len(c.faults) > 0 {
			t.Errorf("%v: %v", k, c.faults)
		}
		if back[kind], err = k.PublicKey(); err != nil {
			t.Fatal(err)
		}
	}
	if !edwards.Equal(back[CurveEd25519]) || !ec.PublicKey.Equal(back[CurveP256]) {
		t.Errorf("the keys come back as %v", back)
	}
	var c check
	if c.jwk("key", JWK{}); len(c.faults) != 1 {
		t.Errorf("no key is a key: %v", c.faults)
	}
}

func TestOtherKeysHaveNoForm(t *testing.T) {
	t.Parallel()
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.PublicKey{
		"nothing": nil, "P-384": &large.PublicKey, "small order": ed25519.PublicKey(make([]byte, 32)), "short": ed25519.PublicKey{1},
	} {
		if k, err := JWKOf(key); err == nil {
			t.Errorf("%s encodes as %v", name, k)
		}
	}
}

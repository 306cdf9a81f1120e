package eat_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/secant-platform/secant/identity/eat"
	"github.com/secant-platform/secant/identity/peertest"
)

// result is what the peer, @auth0/cose with cbor-x, answers to any job.
type result struct {
	OK             bool
	Error, Version string
	Token          []byte
	Nonce, Unit    []byte
	Debug          int
	Files          []map[string]string
}

// TestAnotherImplementationAgrees: a token that another COSE and CBOR made is affirmed
// here, and one that is made here says the same there.
func TestAnotherImplementationAgrees(t *testing.T) {
	t.Parallel()
	peer := peertest.Install(t, "eat", "peer")
	segment := base64.RawURLEncoding.EncodeToString
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": segment(public(key))}
	secret := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": jwk["x"], "d": segment(key.Seed())}
	nonce := challenges.New(unit, now)
	files := []map[string]string{}
	for _, m := range published {
		files = append(files, map[string]string{"name": m.Name, "digest": m.Digest})
	}
	ours := sign(t, key, honest(nonce))
	tampered := bytes.Replace(ours, []byte("firmware"), []byte("firmwarf"), 1)
	got := peertest.Do[result](t, peer,
		map[string]any{"job": "sign", "secret": secret, "nonce": nonce, "unit": unit[:], "version": "2.0.0", "files": files},
		map[string]any{"job": "read", "token": ours, "key": jwk},
		map[string]any{"job": "read", "token": tampered, "key": jwk},
	)
	if !got[0].OK || !got[1].OK || got[2].OK {
		t.Fatalf("%+v", got)
	}
	claims, err := take(got[0].Token, answer(nonce))
	if err != nil {
		t.Fatal(err)
	}
	if r := eat.Judge(claims, reference()); r.Status != eat.Affirming {
		t.Errorf("its token comes to %+v of %+v", r, claims)
	}
	read := got[1]
	if !bytes.Equal(read.Nonce, nonce) || !bytes.Equal(read.Unit, append([]byte{1}, unit[:]...)) || read.Version != "2.0.0" || read.Debug != 3 ||
		len(read.Files) != 2 || read.Files[1]["name"] != "firmware" || read.Files[1]["digest"] != published[1].Digest {
		t.Errorf("of ours it reads %+v", read)
	}
}

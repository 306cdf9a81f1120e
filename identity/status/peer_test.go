package status_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/peertest"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/status"
)

// result is what the peers answer to any job: @sd-jwt's packages for Token Status
// Lists, Digital Bazaar's for Bitstring Status Lists.
type result struct {
	OK         bool
	Error      string
	Index      int
	Size       int
	Statuses   []int
	List       string
	Signer     ledger.JWK
	Set        []bool
	Credential json.RawMessage
}

func newP256(t *testing.T) keys.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOtherVerifiersReadOurTokens(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "status", "peer")
	signer, other := newP256(t), newP256(t)
	l := marked(t, 2)
	list := sign(t, l, signer, edition)
	job := func(index int, list string, listSigner keys.Signer) map[string]any {
		credential, err := sdjwt.Issue(signer, sdjwt.Credential{
			Issuer: issuer, KeyID: header.KeyID, Type: "Staff", Holder: other.JWK(), Issued: now, Expires: now.Add(time.Hour),
			Status: &sdjwt.Status{URI: listURI, Index: index},
		})
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{
			"job": "verify", "credential": credential, "list": list, "at": now.Unix(),
			"issuer": signer.JWK(), "listSigner": listSigner.JWK(),
		}
	}
	last := l.Capacity() - 1
	got := peertest.Do[result](t, p,
		job(last, list, signer), job(3, list, signer), job(4, list, signer), job(last, list, other), job(l.Capacity(), list, signer),
		job(last, sign(t, l, other, edition), signer),
		map[string]any{"job": "read", "list": list, "places": []int{2, 3, 4, 5, last}},
	)
	if !got[0].OK || got[0].Index != last {
		t.Errorf("it judges a valid credential as %+v", got[0])
	}
	for i, name := range []string{"revoked", "suspended", "under another key", "beyond the list", "signed by another"} {
		if got[1+i].OK {
			t.Errorf("it takes a credential that is %s", name)
		}
	}
	if !cmp.Equal(got[6].Statuses, []int{0, 1, 2, 0, 0}) || got[6].Size != l.Capacity() {
		t.Errorf("it reads our list as %+v", got[6])
	}
}

func TestOtherIssuersTokensAreRead(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "status", "peer")
	for _, bits := range []int{1, 2, 4, 8} {
		top := 1<<bits - 1
		got := peertest.Do[result](t, p, map[string]any{
			"job": "publish", "size": 1003, "bits": bits, "marks": map[string]int{"0": 1, "8": top, "1002": top},
			"claims": map[string]any{"sub": listURI, "iat": now.Unix(), "exp": now.Unix() + 600, "ttl": 60},
		})[0]
		if !got.OK {
			t.Fatal(got.Error)
		}
		key, err := verify.NewKey(got.Signer)
		if err != nil {
			t.Fatal(err)
		}
		l, err := verify.ParseStatusList(got.List, key)
		if err != nil {
			t.Fatalf("of %d bits: %v", bits, err)
		}
		for i := range 1003 {
			want := map[int]int{0: 1, 8: top, 1002: top}[i]
			if s, err := l.At(i); err != nil || s != want {
				t.Errorf("of %d bits, place %d: %d, %v, want %d", bits, i, s, err, want)
			}
		}
		if l.TTL != time.Minute || !l.Expires.Equal(now.Add(10*time.Minute)) {
			t.Errorf("its times read as %+v", l)
		}
	}
}

func TestOtherVerifiersReadOurBitstrings(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "status", "peer")
	l := marked(t, 2)
	job := func(index int, by string, e status.Entry) map[string]any {
		e.Index, e.URI = index, listURI
		return map[string]any{
			"job": "check", "list": credential(t, l, issuer, status.Revocation, edition),
			"credential": map[string]any{
				"@context": []any{"https://www.w3.org/ns/credentials/v2"}, "type": []any{"VerifiableCredential"},
				"issuer": by, "credentialSubject": map[string]any{}, "credentialStatus": e.Claim(),
			},
		}
	}
	revocation, suspension := status.Entry{Purpose: status.Revocation}, status.Entry{Purpose: status.Suspension}
	got := peertest.Do[result](t, p,
		job(l.Capacity()-1, issuer, revocation), job(3, issuer, revocation), job(4, issuer, revocation),
		job(l.Capacity(), issuer, revocation), job(4, outside, revocation), job(4, issuer, suspension),
	)
	for i, want := range []bool{false, true, false} {
		if !got[i].OK || !cmp.Equal(got[i].Set, []bool{want}) {
			t.Errorf("job %d: %+v, want %v", i, got[i], want)
		}
	}
	for i := 3; i < len(got); i++ {
		if got[i].OK {
			t.Errorf("job %d: it takes anything", i)
		}
	}
}

func TestOtherIssuersBitstringsAreRead(t *testing.T) {
	t.Parallel()
	p := peertest.Install(t, "status", "peer")
	job := func(size int) map[string]any {
		return map[string]any{"job": "bitstring", "id": listURI, "size": size, "purpose": "suspension", "marks": []int{0, 9, size - 1}}
	}
	got := peertest.Do[result](t, p, job(status.MinCapacity), job(1024))
	var c map[string]any
	if err := json.Unmarshal(got[0].Credential, &c); err != nil {
		t.Fatal(got[0].Error)
	}
	l, err := status.ParseBitstring(encode(t, with(c, "issuer", outside)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range status.MinCapacity {
		want := i == 0 || i == 9 || i == status.MinCapacity-1
		if is, err := l.At(i); err != nil || is != want {
			t.Fatalf("place %d: %v, %v", i, is, err)
		}
	}
	if !cmp.Equal(l.Purposes, []status.Purpose{status.Suspension}) || l.URI != listURI || l.TTL != 5*time.Minute {
		t.Errorf("it reads as %+v", l)
	}
	if err := json.Unmarshal(got[1].Credential, &c); err != nil {
		t.Fatal(got[1].Error)
	}
	if _, err := status.ParseBitstring(encode(t, with(c, "issuer", outside))); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a short one: %v", err)
	}
}

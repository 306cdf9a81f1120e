package auth_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/secant-platform/secant/gateway/auth"
)

// TestATokenShownAgainIsJudgedAgain: that a signature was verified before helps neither a
// token that has ended since nor one whose issuer has another key now.
func TestATokenShownAgainIsJudgedAgain(t *testing.T) {
	t.Parallel()
	north, south := newKey(t), newKey(t)
	known := members{"south": public(south)}
	v := auth.NewVerifier("north", public(north), known)
	refused := func(token string) bool {
		_, err := v.Verify(t.Context(), token)
		_, is := errors.AsType[*auth.RefusedError](err)
		if err != nil && !is {
			t.Error(err)
		}
		return is
	}
	node, err := auth.Mint(south, auth.Claims{Issuer: "south", Audience: "north", Subject: "node", Role: auth.RoleNode}, time.Now(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if refused(node) {
			t.Error("refused, and it is good")
		}
	}
	known["south"] = public(newKey(t))
	if !refused(node) {
		t.Error("taken under a key that is not its issuer's any more")
	}
	known["south"] = public(south)
	if refused(node) {
		t.Error("refused, and it is good again")
	}

	c := claims()
	now := time.Now()
	c["iat"], c["nbf"], c["exp"] = now.Unix()-300, now.Unix()-300, now.Add(2*time.Second-auth.Skew).Unix()
	ending := sign(t, north, jose.EdDSA, "JWT", c)
	if refused(ending) {
		t.Fatal("refused before its end")
	}
	time.Sleep(time.Until(now.Add(2100 * time.Millisecond)))
	if !refused(ending) {
		t.Error("taken after its end")
	}
}

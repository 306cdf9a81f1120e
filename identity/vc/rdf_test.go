package vc_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/vc"
)

// TestAnOddAddressIsCovered: the JSON-LD library makes no statement of an address that
// looks wrong to it, so that whoever has the credential could change it.
func TestAnOddAddressIsCovered(t *testing.T) {
	t.Parallel()
	contexts := clinic(t)
	issuer := newKey(t, ledger.CurveEd25519)
	v := &vc.Verifier{Contexts: contexts, Issuers: fromDIDKey}
	c, _ := ours(t, issuer, newKey(t, ledger.CurveEd25519))
	c.Status = []map[string]any{{
		"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "7", "statusListCredential": "https://.odd/1",
	}}
	issued, err := vc.Issue(contexts, issuer, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(t.Context(), issued, now); err != nil {
		t.Fatal(err)
	}
	moved := changed(t, issued, func(d map[string]any) {
		d["credentialStatus"].(map[string]any)["statusListCredential"] = "https://.other/1"
	})
	if _, err := v.Verify(t.Context(), moved, now); err == nil {
		t.Error("its status list is another, and the proof still verifies")
	}
}

// TestAnUndatedPresentationIsTaken, and one that says that it is old is not.
func TestAnUndatedPresentationIsTaken(t *testing.T) {
	t.Parallel()
	contexts := clinic(t)
	issuer, holder := newKey(t, ledger.CurveP256), newKey(t, ledger.CurveP256)
	c, s := ours(t, issuer, holder)
	token, err := vc.IssueJWT(contexts, issuer, c)
	if err != nil {
		t.Fatal(err)
	}
	s.Made = now.Add(-time.Hour)
	old, err := vc.PresentJWT(holder, s, token)
	if err != nil {
		t.Fatal(err)
	}
	v := &vc.Verifier{Contexts: contexts, Issuers: fromDIDKey, Holders: fromDIDKey}
	want := vc.Answer{Question: s.Question, At: now, MaxAge: time.Minute}
	if _, err := v.VerifyJWTPresentation(t.Context(), old, want); err == nil {
		t.Error("one that says that it is old is taken as undated")
	}
	payload, err := json.Marshal(map[string]any{
		"iss": s.Holder, "aud": s.Audience, "nonce": s.Nonce,
		"vp": map[string]any{"@context": []string{vc.ContextV1}, "type": []string{"VerifiablePresentation"}, "verifiableCredential": []string{token}},
	})
	if err != nil {
		t.Fatal(err)
	}
	undated, err := keys.Compact(holder, keys.Header{Type: "JWT", KeyID: s.KeyID}, payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.VerifyJWTPresentation(t.Context(), undated, want); err != nil {
		t.Error(err)
	}
}

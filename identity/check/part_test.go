package check_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/aries-framework-go/pkg/kms"
	"github.com/hyperledger/aries-framework-go/pkg/kms/localkms"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock/noop"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/vc"
)

// vault is key management in memory.
type vault struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (v *vault) StorageProvider() kms.Store     { return v }
func (v *vault) SecretLock() secretlock.Service { return &noop.NoLock{} }

func (v *vault) Put(id string, key []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys[id] = key
	return nil
}

func (v *vault) Delete(string) error { return nil }

func (v *vault) Get(id string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if key, there := v.keys[id]; there {
		return key, nil
	}
	return nil, kms.ErrKeyNotFound
}

func newBBS(tb testing.TB) *vc.BBSSigner {
	tb.Helper()
	manager, err := localkms.New("local-lock://check/test/", &vault{keys: map[string][]byte{}})
	if err != nil {
		tb.Fatal(err)
	}
	_, s, err := vc.CreateBBS(manager)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// bbsKeys are the issuer's keys for BBS+, from a time on.
type bbsKeys struct {
	from time.Time
	keys map[string][]byte
}

func (k *bbsKeys) BBSKey(_ context.Context, _, keyID string, at time.Time) ([]byte, error) {
	if key := k.keys[keyID]; key != nil && !at.Before(k.from) {
		return key, nil
	}
	return nil, ledger.Problemf(ledger.CodeNotFound, "no key %s", keyID)
}

// partForgery is a part of a BBS+ credential.
type partForgery struct {
	*scene
	signer     *vc.BBSSigner
	keys       *bbsKeys
	credential vc.Credential
	show       []string
	nonce      []byte
	whole      bool
	spoil      func(m)
}

func (s *scene) part(signer *vc.BBSSigner) *partForgery {
	s.tb.Helper()
	types, contexts := s.kinds()
	s.want.Anonymous = true
	return &partForgery{
		scene: s, signer: signer,
		keys: &bbsKeys{now.Add(-1000 * time.Hour), map[string][]byte{s.issuer + "#bbs-1": signer.PublicKey()}},
		credential: vc.Credential{
			Contexts: contexts, Types: types[1:], Issuer: s.issuer, KeyID: s.issuer + "#bbs-1",
			Issued: s.issued, Expires: s.expires, Subject: maps.Clone(s.claims),
		},
		show: []string{"profession"}, nonce: vc.AnonymousNonce(nonce, audience),
	}
}

func (f *partForgery) judge() (*check.Credential, error) {
	f.tb.Helper()
	credential, err := vc.IssueBBS(moreContexts(), f.signer, f.credential)
	if err != nil {
		f.tb.Fatal(err)
	}
	token := credential
	if !f.whole {
		holder := &vc.Verifier{Contexts: moreContexts(), BBS: func(context.Context, string, string, time.Time) ([]byte, error) {
			return f.signer.PublicKey(), nil
		}}
		if token, err = holder.Disclose(f.tb.Context(), credential, f.show, f.nonce, f.credential.Issued); err != nil {
			f.tb.Fatal(err)
		}
	}
	if f.spoil != nil {
		var d m
		if err := json.Unmarshal(token, &d); err != nil {
			f.tb.Fatal(err)
		}
		f.spoil(d)
		token = encode(f.tb, d)
	}
	o := check.Options{Keys: f.world, Trust: f.world, Status: f.world, Now: func() time.Time { return now }, Contexts: contexts()}
	if f.keys != nil {
		o.BBS = f.keys
	}
	v, err := check.New(o)
	if err != nil {
		f.tb.Fatal(err)
	}
	return v.Verify(f.tb.Context(), check.Presented{Format: catalogue.LD, Token: string(token)}, f.want)
}

// TestAPartIsShownAnonymously, and says neither more nor whose it is.
func TestAPartIsShownAnonymously(t *testing.T) {
	t.Parallel()
	f := newScene(t, "Practitioner").part(newBBS(t))
	got, err := f.judge()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m{"profession": "physician"}, got.Claims); diff != "" {
		t.Error(diff)
	}
	if got.HolderID() != "" || got.Subject != "" || got.Status != nil || got.Standing.Organisation != "hospital-north" {
		t.Errorf("it is judged as %+v", got)
	}
}

// TestForgedPartsAreRefused.
func TestForgedPartsAreRefused(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("proves parts of BBS+ credentials, which takes seconds")
	}
	honest, attacker := newBBS(t), newBBS(t)
	proof := func(d m) m { return d["proof"].(m) }
	for name, c := range map[string]struct {
		attack func(*partForgery)
		step   check.Step
	}{
		"nobody asked for an anonymous one": {func(f *partForgery) { f.want.Anonymous = false }, check.StepBinding},
		"a holder is expected":              {func(f *partForgery) { f.want.Holder = f.holder.JWK().Thumbprint() }, check.StepBinding},
		"a replayed nonce":                  {func(f *partForgery) { f.nonce = vc.AnonymousNonce("n-of-yesterday", audience) }, check.StepBinding},
		"a swapped audience":                {func(f *partForgery) { f.nonce = vc.AnonymousNonce(nonce, "x509_san_dns:south.example") }, check.StepBinding},
		"the bare nonce":                    {func(f *partForgery) { f.nonce = append([]byte(nonce), nonce...) }, check.StepBinding},
		"a nonce in the proof": {func(f *partForgery) {
			f.nonce = vc.AnonymousNonce("n-of-yesterday", audience)
			f.spoil = func(d m) { proof(d)["nonce"] = standard(vc.AnonymousNonce(nonce, audience)) }
		}, check.StepProof},
		"the hospital's name, an attacker's key": {func(f *partForgery) { f.signer = attacker }, check.StepProof},
		"a key of nobody's":                      {func(f *partForgery) { f.spoil = func(d m) { proof(d)["verificationMethod"] = "did:key:z6Mk#z6Mk" } }, check.StepKey},
		"a part of a key's id":                   {func(f *partForgery) { f.spoil = func(d m) { proof(d)["verificationMethod"] = f.issuer + "#bbs" } }, check.StepKey},
		"a key that was withdrawn":               {func(f *partForgery) { clear(f.keys.keys) }, check.StepKey},
		"a key that is younger than its hour":    {func(f *partForgery) { f.credential.Issued, f.keys.from = now.Add(-3*time.Hour), now.Add(-time.Minute) }, check.StepKey},
		"no keys of the kind":                    {func(f *partForgery) { f.keys = nil }, check.StepKey},
		"no proof":                               {func(f *partForgery) { f.spoil = func(d m) { delete(d, "proof") } }, check.StepKey},
		"a changed claim":                        {func(f *partForgery) { f.spoil = func(d m) { d["credentialSubject"].(m)["profession"] = "nurse" } }, check.StepProof},
		"a claim that is put in":                 {func(f *partForgery) { f.spoil = func(d m) { d["credentialSubject"].(m)["organisation"] = "medtech" } }, check.StepProof},
		"an undefined claim":                     {func(f *partForgery) { f.spoil = func(d m) { d["credentialSubject"].(m)["is_root"] = true } }, check.StepFormat},
		"the whole credential":                   {func(f *partForgery) { f.whole = true }, check.StepFormat},
		"expired":                                {func(f *partForgery) { f.credential.Issued, f.credential.Expires = now.Add(-9*time.Hour), now }, check.StepTime},
		"too long without a status":              {func(f *partForgery) { f.credential.Expires = f.credential.Issued.Add(25 * time.Hour) }, check.StepStatus},
		"struck off":                             {func(f *partForgery) { f.world.rows[f.issuer+" Practitioner"].State = ledger.TrustStruck }, check.StepIssuer},
		"removed": {func(f *partForgery) {
			f.world.roster.Organisations = slices.DeleteFunc(f.world.roster.Organisations, func(id string) bool { return id == "hospital-north" })
		}, check.StepIssuer},
		"a value that is none": {func(f *partForgery) { f.credential.Subject["profession"] = "superuser" }, check.StepSchema},
		"a claim that is kept": {func(f *partForgery) { f.want.Claims = []string{"organisation"} }, check.StepClaims},
		"two types": {func(f *partForgery) {
			f.credential.Types = append(f.credential.Types, "Patient")
			f.credential.Contexts = append(f.credential.Contexts, "https://secant-platform.github.io/credentials/Patient/v1")
			delete(f.credential.Subject, "given_name")
			delete(f.credential.Subject, "family_name")
		}, check.StepType},
	} {
		f := newScene(t, "Practitioner").part(honest)
		c.attack(f)
		_, err := f.judge()
		refused(t, name, err, c.step)
	}
}

package vc_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hyperledger/aries-framework-go/pkg/kms"
	"github.com/hyperledger/aries-framework-go/pkg/kms/localkms"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock/local"
	"github.com/hyperledger/aries-framework-go/pkg/secretlock/local/masterlock/hkdf"
	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/identity/vc"
)

// vault is key management in memory, its keys encrypted under a pass phrase.
type vault struct {
	keys map[string][]byte
	lock secretlock.Service
}

func (v *vault) StorageProvider() kms.Store      { return v }
func (v *vault) SecretLock() secretlock.Service  { return v.lock }
func (v *vault) Put(id string, key []byte) error { v.keys[id] = key; return nil }
func (v *vault) Delete(id string) error          { delete(v.keys, id); return nil }
func (v *vault) Get(id string) ([]byte, error) {
	if key, there := v.keys[id]; there {
		return key, nil
	}
	return nil, kms.ErrKeyNotFound
}

func newManager(tb testing.TB) kms.KeyManager {
	tb.Helper()
	master, err := hkdf.NewMasterLock("a pass phrase", sha256.New, nil)
	if err != nil {
		tb.Fatal(err)
	}
	sealed, err := master.Encrypt("", &secretlock.EncryptRequest{Plaintext: strings.Repeat("k", 32)})
	if err != nil {
		tb.Fatal(err)
	}
	lock, err := local.NewService(strings.NewReader(sealed.Ciphertext), master)
	if err != nil {
		tb.Fatal(err)
	}
	manager, err := localkms.New("local-lock://vc/test/", &vault{map[string][]byte{}, lock})
	if err != nil {
		tb.Fatal(err)
	}
	return manager
}

func newBBS(tb testing.TB) *vc.BBSSigner {
	tb.Helper()
	manager := newManager(tb)
	id, _, err := vc.CreateBBS(manager)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := vc.OpenBBS(manager, id) // as after a restart
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// anonymousSample is the sample as BBS+ has it.
func anonymousSample() vc.Credential {
	c := sample()
	c.ID, c.Holder = "", ""
	c.Subject = map[string]any{"profession": "nurse", "ward": []any{"A", "B"}, "level": 3, "number": "N-17", "shift": true}
	return c
}

func bbsVerifier(tb testing.TB, s *vc.BBSSigner) *vc.Verifier {
	tb.Helper()
	return &vc.Verifier{Contexts: clinic(tb), BBS: func(_ context.Context, issuer, keyID string, _ time.Time) ([]byte, error) {
		if issuer != hospital || keyID != hospital+"#key-1" {
			return nil, errNoKey
		}
		return s.PublicKey(), nil
	}}
}

var nonce = bytes.Repeat([]byte{7}, 32)

func TestAHolderDisclosesAPart(t *testing.T) {
	t.Parallel()
	s := newBBS(t)
	v := bbsVerifier(t, s)
	credential, err := vc.IssueBBS(v.Contexts, s, anonymousSample())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := v.VerifyBBS(t.Context(), credential, now)
	if err != nil {
		t.Fatalf("%v: %s", err, credential)
	}
	if whole.ID != "" || whole.Holder != "" || len(whole.Subject) != 5 {
		t.Errorf("the whole reads as %+v", whole)
	}
	part, err := v.Disclose(t.Context(), credential, []string{"profession", "ward"}, nonce, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.VerifyDisclosure(t.Context(), part, nonce, now)
	if err != nil {
		t.Fatalf("%v: %s", err, part)
	}
	want := map[string]any{"profession": "nurse", "ward": []any{"A", "B"}}
	if diff := cmp.Diff(want, got.Subject); diff != "" {
		t.Error(diff)
	}
	if got.ID != "" || got.Holder != "" || got.Issuer != hospital || !got.Expires.Equal(now.Add(24*time.Hour)) || got.Format != vc.FormatDisclosed {
		t.Errorf("the part reads as %+v", got)
	}
	for _, hidden := range []string{"number", "N-17", "level", "shift", "urn:uuid"} {
		if strings.Contains(string(part), hidden) {
			t.Errorf("the part discloses %q: %s", hidden, part)
		}
	}
	other := bytes.Repeat([]byte{8}, 32)
	if _, err := v.VerifyDisclosure(t.Context(), part, other, now); err == nil {
		t.Error("a part serves for another nonce")
	}
}

// TestManyComputeAtOnce: aries by itself would fail here.
func TestManyComputeAtOnce(t *testing.T) {
	t.Parallel()
	s := newBBS(t)
	v := bbsVerifier(t, s)
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			credential, err := vc.IssueBBS(v.Contexts, s, anonymousSample())
			if err != nil {
				return err
			}
			_, err = v.Disclose(t.Context(), credential, []string{"profession"}, nonce, now)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAnIdentityIsNotIssuedForDisclosure(t *testing.T) {
	t.Parallel()
	s := newBBS(t)
	contexts := clinic(t)
	for name, change := range map[string]func(*vc.Credential){
		"an id":    func(c *vc.Credential) { c.ID = "urn:uuid:6a1e9b58-7c5c-4a55-a3a5-9f0e6c0f3f6e" },
		"a holder": func(c *vc.Credential) { c.Holder = nurse },
		"a status": func(c *vc.Credential) {
			c.Status = []map[string]any{{"id": "urn:x:1", "type": "BitstringStatusListEntry"}}
		},
		"no end":        func(c *vc.Credential) { c.Expires = time.Time{} },
		"a nested part": func(c *vc.Credential) { c.Subject["licence"] = map[string]any{"number": "N"} },
	} {
		c := anonymousSample()
		change(&c)
		if b, err := vc.IssueBBS(contexts, s, c); err == nil {
			t.Errorf("%s: is issued: %s", name, b)
		}
	}
}

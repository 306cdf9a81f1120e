// Package keystest holds every keeper of keys to the same behaviour.
package keystest

import (
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

// Check runs the suite. Each call of open opens the same store, as another
// process would; algorithms are those that it can make keys of.
func Check(t *testing.T, algorithms []string, open func(t *testing.T) keys.Keeper) {
	t.Helper()
	k := open(t)
	for _, algorithm := range algorithms {
		t.Run("signs by "+algorithm, func(t *testing.T) { signs(t, k, algorithm) })
		t.Run("rotates "+algorithm, func(t *testing.T) { rotates(t, k, open(t), algorithm) })
	}
	t.Run("keeps keys", func(t *testing.T) { keeps(t, k, open, algorithms[0]) })
	t.Run("makes one key when many ask at once", func(t *testing.T) { races(t, open, algorithms[0]) })
	t.Run("refuses what it does not have", func(t *testing.T) { refuses(t, k, algorithms[0]) })
	if len(algorithms) > 1 {
		t.Run("changes the algorithm by rotation only", func(t *testing.T) { changes(t, k, algorithms[0], algorithms[1]) })
	}
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// verifies checks what a key signs, as verifiers elsewhere do.
func verifies(t *testing.T, k *keys.Key, algorithm string) {
	t.Helper()
	if got := keys.Algorithm(k); got != algorithm {
		t.Fatalf("the key is of %s, want %s", got, algorithm)
	}
	public := must(verify.NewKey(k.JWK()))(t)
	token := must(keys.Compact(k, keys.Header{Type: "test", KeyID: k.ID()}, []byte("payload")))(t)
	if err := must(verify.ParseJWS(token))(t).Verify(public); err != nil {
		t.Fatal(err)
	}
	// ECDSA's numbers have leading zeros now and then; their length must not shrink.
	for i := range 64 {
		message := []byte{byte(i)}
		if signature := must(k.Sign(message))(t); len(signature) != 64 || !public.Verify(message, signature) {
			t.Fatalf("a signature of %d bytes does not verify", len(signature))
		}
	}
	if signature := must(k.Sign(nil))(t); !public.Verify(nil, signature) {
		t.Fatal("a signature over nothing does not verify")
	}
}

// Name returns a purpose that no run before had: some stores outlive one.
func Name(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:12]) }

func signs(t *testing.T, k keys.Keeper, algorithm string) {
	t.Helper()
	purpose := Name("sign")
	key := must(k.Signer(purpose, algorithm))(t)
	if key.Generation != 1 || key.Purpose != purpose || key.ID() != key.Purpose+"-1" {
		t.Errorf("the first key is %s", key.ID())
	}
	verifies(t, key, algorithm)
	again := must(k.Signer(purpose, algorithm))(t)
	if again.JWK() != key.JWK() {
		t.Error("a second call answers another key")
	}
	other := must(k.Signer(purpose+"b", algorithm))(t)
	if other.JWK() == key.JWK() {
		t.Error("two purposes share a key")
	}
}

func rotates(t *testing.T, k, elsewhere keys.Keeper, algorithm string) {
	t.Helper()
	purpose := Name("rotate")
	first := must(k.Signer(purpose, algorithm))(t)
	if key := must(elsewhere.Signer(purpose, algorithm))(t); key.JWK() != first.JWK() {
		t.Fatal("another process sees another first key")
	}
	second := must(k.Rotate(purpose, algorithm))(t)
	if second.Generation != 2 || second.JWK() == first.JWK() {
		t.Fatalf("rotation answers %s", second.ID())
	}
	for _, keeper := range []keys.Keeper{k, elsewhere} {
		if diff := cmp.Diff([]int{1, 2}, must(keeper.Generations(purpose))(t)); diff != "" {
			t.Errorf("generations: %s", diff)
		}
		if key := must(keeper.Signer(purpose, algorithm))(t); key.JWK() != second.JWK() {
			t.Error("the newest does not sign")
		}
		old := must(keeper.At(purpose, 1))(t)
		if old.JWK() != first.JWK() {
			t.Error("the old generation is another key")
		}
		verifies(t, old, algorithm)
	}
	verifies(t, second, algorithm)
}

func keeps(t *testing.T, k keys.Keeper, open func(t *testing.T) keys.Keeper, algorithm string) {
	t.Helper()
	purpose := Name("keep")
	key := must(k.Signer(purpose, algorithm))(t)
	reopened := must(open(t).Signer(purpose, algorithm))(t)
	if reopened.JWK() != key.JWK() {
		t.Fatal("the key changed")
	}
	verifies(t, reopened, algorithm)
}

func races(t *testing.T, open func(t *testing.T) keys.Keeper, algorithm string) {
	t.Helper()
	const askers = 6
	purpose := Name("race")
	var all sync.WaitGroup
	thumbs, next := make([]string, askers), make([]string, askers)
	for i := range askers {
		k := open(t)
		all.Go(func() {
			key, err := k.Signer(purpose, algorithm)
			if err != nil {
				t.Error(err)
				return
			}
			thumbs[i] = key.JWK().Thumbprint()
		})
	}
	all.Wait()
	if slices.Sort(thumbs); thumbs[0] != thumbs[askers-1] {
		t.Errorf("several first keys: %v", thumbs)
	}
	for i := range askers {
		k := open(t)
		all.Go(func() {
			key, err := k.Rotate(purpose, algorithm)
			if err != nil {
				t.Error(err)
				return
			}
			again, err := k.At(purpose, key.Generation)
			if err != nil || again.JWK() != key.JWK() {
				t.Errorf("generation %d is two keys (%v)", key.Generation, err)
			}
			next[i] = key.ID() + key.JWK().Thumbprint()
		})
	}
	all.Wait()
	generations := must(open(t).Generations(purpose))(t)
	slices.Sort(next)
	if made := len(slices.Compact(next)); made != len(generations)-1 {
		t.Errorf("%d rotations made %d keys, in generations %v", askers, made, generations)
	}
}

func refuses(t *testing.T, k keys.Keeper, algorithm string) {
	t.Helper()
	want := func(code ledger.Code, err error) {
		t.Helper()
		if ledger.CodeOf(err) != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	purpose := Name("refuse")
	for _, wrong := range []string{"", "Issuer", "a.b", "../a", "a/b", "1a", "a\x00", "a*", "abcdefghijklmnopqrstuvwxyzabcdefg"} {
		_, err := k.Signer(wrong, algorithm)
		want(ledger.CodeInvalid, err)
		_, err = k.Rotate(wrong, algorithm)
		want(ledger.CodeInvalid, err)
		_, err = k.At(wrong, 1)
		want(ledger.CodeInvalid, err)
		_, err = k.Generations(wrong)
		want(ledger.CodeInvalid, err)
	}
	for _, other := range []string{"", "none", "RS256", verify.AlgMLDSA65} {
		_, err := k.Signer(purpose, other)
		want(ledger.CodeInvalid, err)
		_, err = k.Rotate(purpose, other)
		want(ledger.CodeInvalid, err)
	}
	if list := must(k.Generations(purpose))(t); len(list) > 0 {
		t.Errorf("a refused request made %v", list)
	}
	must(k.Signer(purpose, algorithm))(t)
	for _, generation := range []int{-1, 0, 2} {
		_, err := k.At(purpose, generation)
		want(ledger.CodeNotFound, err)
	}
}

func changes(t *testing.T, k keys.Keeper, from, to string) {
	t.Helper()
	purpose := Name("change")
	must(k.Signer(purpose, from))(t)
	if _, err := k.Signer(purpose, to); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("another algorithm: %v", err)
	}
	verifies(t, must(k.Rotate(purpose, to))(t), to)
	verifies(t, must(k.Signer(purpose, to))(t), to)
	verifies(t, must(k.At(purpose, 1))(t), from)
}

// Bench measures signatures over a token's usual size, by each algorithm.
func Bench(b *testing.B, k keys.Keeper, algorithms ...string) {
	b.Helper()
	for _, algorithm := range algorithms {
		b.Run(algorithm, func(b *testing.B) {
			key, err := k.Signer(Name("bench"), algorithm)
			if err != nil {
				b.Fatal(err)
			}
			message := make([]byte, 1024)
			for b.Loop() {
				if _, err := key.Sign(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package escrow

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var (
	words   = []byte(`{"sharer":"hospital-north"}`)
	context = []byte("network, report")
)

func seal(tb testing.TB, holders int) *Made {
	tb.Helper()
	m, err := Seal(words, context, holders)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// some takes the shares of so many holders, whichever come.
func some(m *Made, n int, r *rand.Rand) map[int]string {
	got := map[int]string{}
	for _, i := range r.Perm(len(m.Shares))[:n] {
		got[i+1] = m.Shares[i]
	}
	return got
}

func TestAMajorityOpensAndAMinorityDoesNot(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, holders := range []int{ledger.MinVoters, 4, 5, 8, ledger.MaxEscrow} {
		m := seal(t, holders)
		needed := ledger.EscrowNeeded(holders)
		if len(m.Shares) != holders || len(m.Commitment) != needed || 2*needed <= holders {
			t.Errorf("of %d holders %d have shares and %d open it", holders, len(m.Shares), len(m.Commitment))
		}
		for _, n := range []int{needed, holders} {
			got, err := Open(m.Sealed, context, m.Commitment, some(m, n, r))
			if err != nil || string(got) != string(words) {
				t.Errorf("%d of %d open %q: %v", n, holders, got, err)
			}
		}
		if _, err := Open(m.Sealed, context, m.Commitment, some(m, needed-1, r)); ledger.CodeOf(err) != ledger.CodeBusy {
			t.Errorf("%d of %d open it: %v", needed-1, holders, err)
		}
		// Nor by a shorter commitment, as if fewer were enough.
		less := some(m, needed-1, r)
		if _, err := Open(m.Sealed, context, m.Commitment[:needed-1], less); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%d of %d open it by another commitment: %v", needed-1, holders, err)
		}
	}
}

// TestAnotherNamesShareOpensNothing: it is named, and what is sealed tells nothing of the
// name, nor how long it is.
func TestAnotherNamesShareOpensNothing(t *testing.T) {
	t.Parallel()
	m := seal(t, 5)
	other, err := Seal([]byte("hospital-south"), context, 5)
	if err != nil {
		t.Fatal(err)
	}
	mixed := map[int]string{1: m.Shares[0], 2: m.Shares[1], 3: other.Shares[2]}
	if _, err := Open(m.Sealed, context, m.Commitment, mixed); ledger.CodeOf(err) != ledger.CodeDenied || !strings.Contains(err.Error(), "holder 3") {
		t.Errorf("another secret's share: %v", err)
	}
	if len(m.Sealed) != len(other.Sealed) {
		t.Error("the sealed name tells how long the name is")
	}
}

func TestAForgedShareIsNamed(t *testing.T) {
	t.Parallel()
	m := seal(t, 5)
	high, err := hex.DecodeString(m.Shares[1])
	if err != nil {
		t.Fatal(err)
	}
	high[31] |= 0x80 // which makes no other number of it where only 253 bits are read
	for what, share := range map[string]string{
		"of other bits": hex.EncodeToString(high), "plus the order": plusOrder(t, m.Shares[1]),
		"another holder's": m.Shares[3], "zero": strings.Repeat("0", 64), "not reduced": strings.Repeat("f", 64),
		"upper case": strings.ToUpper(m.Shares[1]), "none": "", "short": m.Shares[1][:62],
	} {
		shares := map[int]string{1: m.Shares[0], 2: share, 3: m.Shares[2]}
		if _, err := Open(m.Sealed, context, m.Commitment, shares); err == nil || !strings.Contains(err.Error(), "the share of holder 2") {
			t.Errorf("%s: %v", what, err)
		}
		if err := Check(m.Commitment, 2, share); err == nil {
			t.Errorf("%s is taken for holder 2's", what)
		}
	}
	if err := Check(m.Commitment, 2, m.Shares[1]); err != nil {
		t.Error(err)
	}
	for _, place := range []int{-1, 0, 1, 6} {
		if err := Check(m.Commitment, place, m.Shares[1]); err == nil {
			t.Errorf("the second share is taken for that of %d", place)
		}
	}
}

// plusOrder encodes the same share once more, not reduced by the order of the group (RFC
// 9496, section 4.4).
func plusOrder(t *testing.T, share string) string {
	t.Helper()
	b, err := hex.DecodeString(share)
	if err != nil {
		t.Fatal(err)
	}
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	slices.Reverse(b)
	order.Add(order, new(big.Int).SetBytes(b)).FillBytes(b)
	slices.Reverse(b)
	return hex.EncodeToString(b)
}

func TestNothingOpensUnderAnotherReport(t *testing.T) {
	t.Parallel()
	m := seal(t, 3)
	all := map[int]string{1: m.Shares[0], 2: m.Shares[1], 3: m.Shares[2]}
	if _, err := Open(m.Sealed, []byte("network, another report"), m.Commitment, all); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("another report: %v", err)
	}
	text, err := base64.StdEncoding.DecodeString(m.Sealed)
	if err != nil || len(text) != ledger.EscrowNameSize {
		t.Fatalf("%d bytes are sealed: %v", len(text), err)
	}
	for _, at := range []int{0, nonceSize, len(text) - 1} {
		bad := slices.Clone(text)
		bad[at] ^= 1
		if _, err := Open(base64.StdEncoding.EncodeToString(bad), context, m.Commitment, all); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("altered at %d: %v", at, err)
		}
	}
	again := seal(t, 3)
	if again.Sealed == m.Sealed || again.Commitment[0] == m.Commitment[0] {
		t.Error("two sealings have one secret")
	}
}

func TestWhatIsTooMuchIsRefused(t *testing.T) {
	t.Parallel()
	for _, holders := range []int{0, ledger.MinVoters - 1, ledger.MaxEscrow + 1} {
		if _, err := Seal(words, context, holders); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%d holders: %v", holders, err)
		}
	}
	full := make([]byte, MaxWords)
	m, err := Seal(full, context, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Open(m.Sealed, context, m.Commitment, map[int]string{1: m.Shares[0], 3: m.Shares[2]}); err != nil || len(got) != MaxWords {
		t.Errorf("%d bytes: %v", len(got), err)
	}
	if _, err := Seal(make([]byte, MaxWords+1), context, 3); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("one byte more: %v", err)
	}
}

// FuzzOpen reads whatever a ledger could hold: it opens by what Seal made, or it does not.
func FuzzOpen(f *testing.F) {
	m := seal(f, 3)
	f.Add(m.Sealed, m.Commitment[0], m.Commitment[1], m.Shares[0], m.Shares[1])
	f.Add("", "", "", "", "")
	f.Add(m.Sealed, strings.Repeat("0", 64), m.Commitment[1], m.Shares[0], strings.Repeat("0", 64))
	f.Fuzz(func(t *testing.T, sealed, first, second, one, two string) {
		commitment, shares := []string{first, second}, map[int]string{1: one, 2: two}
		before := maps.Clone(shares)
		if _, err := Open(sealed, context, commitment, shares); err == nil && (Check(commitment, 1, one) != nil || Check(commitment, 2, two) != nil) {
			t.Error("it opened by shares that are none")
		}
		if !maps.Equal(before, shares) {
			t.Error("the shares were changed")
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	for b.Loop() {
		m := seal(b, 5)
		if _, err := Open(m.Sealed, context, m.Commitment, map[int]string{1: m.Shares[0], 2: m.Shares[1], 3: m.Shares[2]}); err != nil {
			b.Fatal(err)
		}
	}
}

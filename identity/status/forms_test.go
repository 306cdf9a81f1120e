package status_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/status"
)

const (
	listURI = "https://north.example/status/staff-1"
	issuer  = "did:secant:dev:hospital-north:staff"
	outside = "did:web:clinic.example"
)

var (
	now     = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	edition = status.Edition{URI: listURI, Issued: now, Expires: now.Add(24 * time.Hour), TTL: 10 * time.Minute}
	header  = keys.Header{KeyID: issuer + "#1"}
)

func newSigner(tb testing.TB) (keys.Signer, *verify.Key) {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := keys.FromCrypto(key)
	if err != nil {
		tb.Fatal(err)
	}
	public, err := verify.NewKey(s.JWK())
	if err != nil {
		tb.Fatal(err)
	}
	return s, public
}

// marked is a list whose third place is revoked, fourth suspended, and last both
// taken and valid.
func marked(tb testing.TB, bits int) *status.List {
	tb.Helper()
	l := newList(tb, status.MinCapacity, bits)
	for i, s := range map[int]status.Status{3: status.Revoked, 4: status.Suspended, l.Capacity() - 1: status.Valid} {
		if bits == 1 && s == status.Suspended {
			continue
		}
		if err := l.Restore(i, s); err != nil {
			tb.Fatal(err)
		}
	}
	return l
}

func sign(tb testing.TB, l *status.List, s keys.Signer, e status.Edition) string {
	tb.Helper()
	token, err := l.Sign(s, header, e)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func TestASignedListSaysWhatTheListSays(t *testing.T) {
	t.Parallel()
	signer, key := newSigner(t)
	for _, bits := range []int{1, 2, 4, 8} {
		l := marked(t, bits)
		got, err := verify.ParseStatusList(sign(t, l, signer, edition), key)
		if err != nil {
			t.Fatal(err)
		}
		if got.URI != listURI || !got.Issued.Equal(edition.Issued) || !got.Expires.Equal(edition.Expires) || got.TTL != edition.TTL {
			t.Errorf("it reads as %+v", got)
		}
		for i := range l.Capacity() {
			want := 0
			if s, err := l.Get(i); err == nil {
				want = int(s)
			}
			if s, err := got.At(i); err != nil || s != want {
				t.Fatalf("of %d bits, place %d: %d, %v, want %d", bits, i, s, err, want)
			}
		}
		if _, err := got.At(l.Capacity()); err == nil {
			t.Errorf("of %d bits: the list has no end", bits)
		}
	}
}

// TestCertificatesStandInTheHeader: a wallet that trusts certificates finds the
// list's key as it found the credential's.
func TestCertificatesStandInTheHeader(t *testing.T) {
	t.Parallel()
	signer, _ := newSigner(t)
	token, err := marked(t, 1).Sign(signer, keys.Header{Type: "other", X5C: []string{"AAAA"}}, edition)
	if err != nil {
		t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(token[:strings.IndexByte(token, '.')])
	if err != nil {
		t.Fatal(err)
	}
	if got := string(b); got != `{"alg":"EdDSA","typ":"statuslist+jwt","x5c":["AAAA"]}` {
		t.Errorf("the header is %s", got)
	}
}

func TestEditionsHaveATime(t *testing.T) {
	t.Parallel()
	signer, _ := newSigner(t)
	l := marked(t, 2)
	for name, spoil := range map[string]func(*status.Edition){
		"nowhere":               func(e *status.Edition) { e.URI = "" },
		"of no time":            func(e *status.Edition) { e.Issued = time.Time{} },
		"ended":                 func(e *status.Edition) { e.Expires = e.Issued },
		"too long":              func(e *status.Edition) { e.Expires = e.Issued.Add(ledger.MaxStatusLife + time.Second) },
		"never kept":            func(e *status.Edition) { e.TTL = 0 },
		"kept for a fraction":   func(e *status.Edition) { e.TTL = 1500 * time.Millisecond },
		"kept longer than good": func(e *status.Edition) { e.TTL = 25 * time.Hour },
	} {
		e := edition
		spoil(&e)
		if _, err := l.Sign(signer, header, e); err == nil {
			t.Errorf("%s: is signed", name)
		}
		if _, err := l.Credential(issuer, status.Revocation, e); err == nil {
			t.Errorf("%s: is a credential", name)
		}
	}
	if _, err := l.Sign(signer, keys.Header{}, edition); err == nil {
		t.Error("a list by nobody is signed")
	}
	if _, err := l.Credential("", status.Revocation, edition); err == nil {
		t.Error("a list by nobody is a credential")
	}
	if _, err := l.Credential(issuer, "message", edition); err == nil {
		t.Error("a list of another purpose is a credential")
	}
	if _, err := marked(t, 1).Credential(issuer, status.Suspension, edition); err == nil {
		t.Error("a list that cannot suspend is a credential")
	}
}

func credential(tb testing.TB, l *status.List, by string, p status.Purpose, e status.Edition) map[string]any {
	tb.Helper()
	c, err := l.Credential(by, p, e)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestABitstringSaysWhatTheListSays(t *testing.T) {
	t.Parallel()
	l := marked(t, 2)
	for p, want := range map[status.Purpose][]int{status.Revocation: {3}, status.Suspension: {3, 4}} {
		got, err := status.ParseBitstring(encode(t, credential(t, l, issuer, p, edition)))
		if err != nil {
			t.Fatal(err)
		}
		if got.URI != listURI || got.Issuer != issuer || got.Purposes[0] != p || !got.Issued.Equal(edition.Issued) ||
			!got.Expires.Equal(edition.Expires) || got.TTL != edition.TTL {
			t.Errorf("it reads as %+v", got)
		}
		for i := range l.Capacity() {
			if is, err := got.At(i); err != nil || is != slices.Contains(want, i) {
				t.Fatalf("%s of place %d: %v, %v", p, i, is, err)
			}
		}
		for _, i := range []int{-1, l.Capacity(), 1 << 40} {
			if _, err := got.At(i); ledger.CodeOf(err) != ledger.CodeInvalid {
				t.Errorf("place %d: %v", i, err)
			}
		}
	}
}

// zipped is what a hostile list may hold: so many zeros.
func zipped(tb testing.TB, size int64) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.CopyN(z, zeros{}, size); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func multibase(b []byte) string { return "u" + base64.RawURLEncoding.EncodeToString(b) }

func TestOtherBitstringsAreRefused(t *testing.T) {
	t.Parallel()
	l := marked(t, 2)
	good := multibase(zipped(t, status.MinCapacity/8))
	for name, spoil := range map[string]func(c, subject map[string]any){
		"another type":        func(c, _ map[string]any) { c["type"] = "VerifiableCredential" },
		"a type of no text":   func(c, _ map[string]any) { c["type"] = []any{"BitstringStatusListCredential", 1} },
		"no subject":          func(c, _ map[string]any) { c["credentialSubject"] = []any{} },
		"another subject":     func(_, s map[string]any) { s["type"] = "StatusList2021" },
		"by nobody":           func(c, _ map[string]any) { delete(c, "issuer") },
		"by no text":          func(c, _ map[string]any) { c["issuer"] = map[string]any{"id": 1} },
		"nowhere":             func(c, _ map[string]any) { c["id"] = 1 },
		"of no time":          func(c, _ map[string]any) { c["validFrom"] = "today" },
		"of an empty end":     func(c, _ map[string]any) { c["validUntil"] = "" },
		"not kept":            func(_, s map[string]any) { s["ttl"] = 0 },
		"kept for a fraction": func(_, s map[string]any) { s["ttl"] = 1.5 },
		"kept for a text":     func(_, s map[string]any) { s["ttl"] = "1" },
		"kept for ever":       func(_, s map[string]any) { s["ttl"] = 1e30 },
		"a null":              func(_, s map[string]any) { s["ttl"] = nil },
		"no list":             func(_, s map[string]any) { delete(s, "encodedList") },
		"an empty list":       func(_, s map[string]any) { s["encodedList"] = "" },
		"another multibase":   func(_, s map[string]any) { s["encodedList"] = "z" + good[1:] },
		"no multibase":        func(_, s map[string]any) { s["encodedList"] = good[1:] },
		"padded":              func(_, s map[string]any) { s["encodedList"] = good + "=" },
		"broken into lines":   func(_, s map[string]any) { s["encodedList"] = good[:9] + "\n" + good[9:] },
		"not packed":          func(_, s map[string]any) { s["encodedList"] = "uAAAA" },
		"cut":                 func(_, s map[string]any) { s["encodedList"] = good[:len(good)-8] },
		"more behind":         func(_, s map[string]any) { s["encodedList"] = multibase(append(zipped(t, status.MinCapacity/8), 0)) },
		"two behind each other": func(_, s map[string]any) {
			s["encodedList"] = multibase(append(zipped(t, status.MinCapacity/8), zipped(t, 1)...))
		},
		"too short to hide in": func(_, s map[string]any) { s["encodedList"] = multibase(zipped(t, status.MinCapacity/8-1)) },
		"a bomb":               func(_, s map[string]any) { s["encodedList"] = multibase(zipped(t, 64<<20)) },
	} {
		c := credential(t, l, issuer, status.Revocation, edition)
		spoil(c, c["credentialSubject"].(map[string]any))
		if _, err := status.ParseBitstring(encode(t, c)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	twice := strings.Replace(string(encode(t, credential(t, l, issuer, status.Revocation, edition))), `"issuer"`, `"issuer":"x","issuer"`, 1)
	if _, err := status.ParseBitstring([]byte(twice)); ledger.CodeOf(err) != ledger.CodeInvalid {
		t.Errorf("a member twice: %v", err)
	}
	if _, err := status.ParseBitstring(make([]byte, verify.MaxStatusList+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one: %v", err)
	}
}

func TestACredentialNamesItsPlaces(t *testing.T) {
	t.Parallel()
	revocation := status.Entry{Purpose: status.Revocation, Index: 94567, URI: listURI}
	suspension := status.Entry{Purpose: status.Suspension, Index: 0, URI: listURI}
	for name, c := range map[string]struct {
		value any
		want  []status.Entry
	}{
		"one":   {revocation.Claim(), []status.Entry{revocation}},
		"two":   {[]any{revocation.Claim(), suspension.Claim()}, []status.Entry{revocation, suspension}},
		"sized": {with(revocation.Claim(), "statusSize", float64(1)), []status.Entry{revocation}},
	} {
		got, err := status.Entries(c.value)
		if err != nil || len(got) != len(c.want) || got[0] != c.want[0] || got[len(got)-1] != c.want[len(c.want)-1] {
			t.Errorf("%s: reads as %+v, %v", name, got, err)
		}
	}
	for name, value := range map[string]any{
		"none":            []any{},
		"nothing":         nil,
		"five":            []any{revocation.Claim(), revocation.Claim(), revocation.Claim(), revocation.Claim(), revocation.Claim()},
		"no object":       "revoked",
		"one of them not": []any{revocation.Claim(), 1},
		"another type":    with(revocation.Claim(), "type", "StatusList2021Entry"),
		"another purpose": with(revocation.Claim(), "statusPurpose", "message"),
		"no purpose":      with(revocation.Claim(), "statusPurpose", 1),
		"another size":    with(revocation.Claim(), "statusSize", float64(2)),
		"no list":         with(revocation.Claim(), "statusListCredential", ""),
		"a number":        with(revocation.Claim(), "statusListIndex", float64(7)),
		"before":          with(revocation.Claim(), "statusListIndex", "-1"),
		"no digits":       with(revocation.Claim(), "statusListIndex", "0x7"),
		"a zero before":   with(revocation.Claim(), "statusListIndex", "07"),
		"beyond":          with(revocation.Claim(), "statusListIndex", "2147483648"),
	} {
		if got, err := status.Entries(value); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: reads as %+v, %v", name, got, err)
		}
	}
}

func with(o map[string]any, name string, value any) map[string]any {
	o[name] = value
	return o
}

func FuzzBitstring(f *testing.F) {
	c, err := func() ([]byte, error) {
		l, err := status.New(status.MinCapacity, 1)
		if err != nil {
			return nil, err
		}
		c, err := l.Credential(issuer, status.Revocation, edition)
		if err != nil {
			return nil, err
		}
		return json.Marshal(c)
	}()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(c, 3)
	f.Add([]byte(`{"type":"BitstringStatusListCredential","issuer":{"id":"x"},"credentialSubject":{"type":"BitstringStatusList","encodedList":"u"}}`), -1)
	f.Fuzz(func(t *testing.T, credential []byte, index int) {
		b, err := status.ParseBitstring(credential)
		if err == nil {
			_, err = b.At(index)
		}
		if code := ledger.CodeOf(err); err != nil && code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			t.Errorf("the fault is not the caller's: %v", err)
		}
	})
}

func FuzzEntries(f *testing.F) {
	f.Add([]byte(`{"type":"BitstringStatusListEntry","statusPurpose":"revocation","statusListIndex":"7","statusListCredential":"https://x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if json.Unmarshal(b, &v) != nil {
			return
		}
		entries, err := status.Entries(v)
		for _, e := range entries {
			if e.Index < 0 || e.URI == "" {
				t.Errorf("reads as %+v", e)
			}
		}
		if err != nil && ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("the fault is not the caller's: %v", err)
		}
	})
}

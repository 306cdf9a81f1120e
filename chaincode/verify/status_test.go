package verify_test

import (
	"bytes"
	"compress/zlib"
	"encoding/json"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

const listURI = "https://north.example/status/staff-1"

func packed(tb testing.TB, list []byte) string {
	tb.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(list); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return segment(b.Bytes())
}

// statusList is a signed list, as its issuer publishes it.
func statusList(tb testing.TB, bits any, list []byte) token {
	tb.Helper()
	return token{
		by: edwards(tb), header: m{"alg": "EdDSA", "typ": "statuslist+jwt"},
		payload: m{"sub": listURI, "iat": now.Unix(), "status_list": m{"bits": bits, "lst": packed(tb, list)}},
	}
}

// TestStatusesOfTheStandardAreRead: Token Status List, section 4.1, one bit and two
// bits for each credential.
func TestStatusesOfTheStandardAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bits  int
		lst   string
		valid []bool
	}{
		{1, "eNrbuRgAAhcBXQ", []bool{false, true, true, false, false, false, true, false, false, false, true, true, true, false, true, false}},
		{2, "eNo76fITAAPfAgc", []bool{false, false, true, false, true, false, true, false, false, false, false, false}},
	} {
		list := statusList(t, c.bits, nil)
		list.payload["status_list"] = m{"bits": c.bits, "lst": c.lst}
		compact := list.compact(t)
		for i, valid := range c.valid {
			err := (&verify.StatusRef{URI: listURI, Index: i}).Valid(compact)
			if valid && err != nil || !valid && ledger.CodeOf(err) != ledger.CodeDenied {
				t.Errorf("status %d of %d bits: %v, want valid %v", i, c.bits, err, valid)
			}
		}
		err := (&verify.StatusRef{URI: listURI, Index: len(c.valid)}).Valid(compact)
		if ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("the status behind the last of %d bits: %v", c.bits, err)
		}
	}
}

func TestOtherStatusListsAreRefused(t *testing.T) {
	t.Parallel()
	good := statusList(t, 1, []byte{0})
	if err := (&verify.StatusRef{URI: listURI}).Valid(good.compact(t)); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*token){
		"another type":     func(l *token) { l.header["typ"] = "JWT" },
		"another list":     func(l *token) { l.payload["sub"] = listURI + "0" },
		"of nothing":       func(l *token) { delete(l.payload, "sub") },
		"no list":          func(l *token) { delete(l.payload, "status_list") },
		"no bits":          func(l *token) { l.payload["status_list"] = m{"lst": packed(t, []byte{0})} },
		"three bits":       func(l *token) { l.payload["status_list"] = m{"bits": 3, "lst": packed(t, []byte{0})} },
		"bits as text":     func(l *token) { l.payload["status_list"] = m{"bits": "1", "lst": packed(t, []byte{0})} },
		"no bytes":         func(l *token) { l.payload["status_list"] = m{"bits": 1} },
		"bytes of no text": func(l *token) { l.payload["status_list"] = m{"bits": 1, "lst": 1} },
		"not packed":       func(l *token) { l.payload["status_list"] = m{"bits": 1, "lst": "AAAA"} },
		"cut": func(l *token) {
			s := packed(t, make([]byte, 900))
			l.payload["status_list"] = m{"bits": 1, "lst": s[:len(s)-8]}
		},
		"padded": func(l *token) { l.payload["status_list"] = m{"bits": 1, "lst": packed(t, []byte{0}) + "="} },
		"too large": func(l *token) {
			l.payload["status_list"] = m{"bits": 1, "lst": packed(t, make([]byte, verify.MaxStatusBytes+1))}
		},
		"a member twice": func(l *token) { l.raw = `{"sub":"` + listURI + `","sub":"` + listURI + `"}` },
		"no token":       func(l *token) { l.spoil = func(string) string { return "x" } },
	} {
		list := statusList(t, 1, []byte{0})
		spoil(&list)
		if err := (&verify.StatusRef{URI: listURI}).Valid(list.compact(t)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACredentialNamesItsStatus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status any
		ok     bool
	}{
		"none":              {nil, true},
		"a place":           {m{"status_list": m{"idx": 7, "uri": listURI}}, true},
		"another kind":      {m{"bitstring": m{"idx": 7, "uri": listURI}}, false},
		"two kinds":         {m{"status_list": m{"idx": 7, "uri": listURI}, "other": m{}}, false},
		"no object":         {"revoked", false},
		"no list":           {m{"status_list": 1}, false},
		"no place":          {m{"status_list": m{"uri": listURI}}, false},
		"a place before":    {m{"status_list": m{"idx": -1, "uri": listURI}}, false},
		"a fraction":        {m{"status_list": m{"idx": json.Number("1.5"), "uri": listURI}}, false},
		"beyond all places": {m{"status_list": m{"idx": 1 << 40, "uri": listURI}}, false},
		"no address":        {m{"status_list": m{"idx": 1}}, false},
	} {
		f := forge(t, edwards(t), edwards(t))
		if c.status != nil {
			f.credential.payload["status"] = c.status
		}
		agreed, err := f.judge()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ref, has, err := agreed.Credential.Status()
		if (err == nil) != c.ok || has != (c.status != nil) || err != nil && ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v, %v, %v", name, ref, has, err)
		}
		if ref != nil && (ref.Index != 7 || ref.URI != listURI || ref.List() != "staff-1") {
			t.Errorf("%s: reads as %+v", name, ref)
		}
	}
}

func TestStatusListsTravelAsTexts(t *testing.T) {
	t.Parallel()
	for s, n := range map[string]int{`[]`: 0, `["a"]`: 1, `["a","b","c","d"]`: 4} {
		if got, err := verify.ParseStatusLists([]byte(s)); err != nil || len(got) != n {
			t.Errorf("%s reads as %v, %v", s, got, err)
		}
	}
	for _, s := range []string{``, `null`, `{}`, `"a"`, `[1]`, `["a","b","c","d","e"]`, `["a"]x`, `[["a"]]`} {
		if got, err := verify.ParseStatusLists([]byte(s)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s reads as %v, %v", s, got, err)
		}
	}
	if _, err := verify.ParseStatusLists(make([]byte, ledger.MaxTransient+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one: %v", err)
	}
}

func FuzzStatusList(f *testing.F) {
	f.Add(`{"sub":"`+listURI+`","status_list":{"bits":2,"lst":"eNo76fITAAPfAgc"}}`, 3)
	f.Add(`{"sub":"x","iat":1,"exp":2,"ttl":3,"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ"}}`, 15)
	f.Add(`{"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ"}}`, 1<<30)
	f.Fuzz(func(t *testing.T, payload string, index int) {
		list := token{by: edwards(t), header: m{"alg": "EdDSA", "typ": "statuslist+jwt"}, raw: payload + " "}
		compact := list.compact(t)
		err := (&verify.StatusRef{URI: listURI, Index: max(index, 0)}).Valid(compact)
		if code := ledger.CodeOf(err); err != nil && code != ledger.CodeInvalid && code != ledger.CodeDenied && code != ledger.CodeTooLarge {
			t.Errorf("the fault is not the caller's: %v", err)
		}
		read, err := verify.ParseStatusList(compact, public(t, list.by))
		if err == nil {
			_, err = read.At(index)
		}
		if code := ledger.CodeOf(err); err != nil && code != ledger.CodeInvalid {
			t.Errorf("the fault is not the caller's: %v", err)
		}
	})
}

func TestAListIsReadWithItsTimes(t *testing.T) {
	t.Parallel()
	issuer := edwards(t)
	signed := func(bits int, list []byte) token {
		l := statusList(t, bits, list)
		l.by = issuer
		return l
	}
	key := public(t, issuer)
	whole := signed(2, []byte{0b10_01_00_11, 0})
	whole.payload["exp"], whole.payload["ttl"] = now.Unix()+60, 30
	list, err := verify.ParseStatusList(whole.compact(t), key)
	if err != nil {
		t.Fatal(err)
	}
	if list.URI != listURI || !list.Issued.Equal(now.Truncate(time.Second)) || list.TTL != 30*time.Second ||
		!list.Expires.Equal(list.Issued.Add(time.Minute)) || list.Size() != 2 {
		t.Errorf("it reads as %+v", list)
	}
	for i, want := range []int{3, 0, 1, 2, 0, 0, 0, 0} {
		if got, err := list.At(i); err != nil || got != want {
			t.Errorf("status %d: %d, %v, want %d", i, got, err, want)
		}
	}
	for _, i := range []int{-1, 8, 1 << 40} {
		if _, err := list.At(i); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("status %d: %v", i, err)
		}
	}
	for name, spoil := range map[string]func(*token){
		"another key's":         func(l *token) { l.by = edwards(t) },
		"of another algorithm":  func(l *token) { l.header["alg"] = "ES256" },
		"of no time":            func(l *token) { delete(l.payload, "iat") },
		"of another time":       func(l *token) { l.payload["iat"] = "now" },
		"of no end":             func(l *token) { l.payload["exp"] = 1.5 },
		"with no time to live":  func(l *token) { l.payload["ttl"] = 0 },
		"alive before it began": func(l *token) { l.payload["ttl"] = -1 },
		"another type":          func(l *token) { l.header["typ"] = "JWT" },
	} {
		l := signed(1, []byte{0})
		spoil(&l)
		if _, err := verify.ParseStatusList(l.compact(t), key); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := verify.ParseStatusList(string(make([]byte, verify.MaxStatusList+1)), key); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a long one: %v", err)
	}
}

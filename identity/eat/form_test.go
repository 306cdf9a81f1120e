package eat_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/eat"
)

// raw signs any header and payload, and puts them together as it is told.
type raw struct {
	protected   any // map, or bytes as they are
	unprotected any
	payload     any // map, or bytes as they are
	tags        []uint64
	more        []any
}

func cborOf(tb testing.TB, v any) []byte {
	tb.Helper()
	if b, ok := v.(cbor.RawMessage); ok {
		return b
	}
	b, err := cbor.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func (r raw) token(tb testing.TB) []byte {
	tb.Helper()
	if r.protected == nil {
		r.protected = map[any]any{1: -8}
	}
	if r.unprotected == nil {
		r.unprotected = map[any]any{}
	}
	header, payload := cborOf(tb, r.protected), cborOf(tb, r.payload)
	signed := cborOf(tb, []any{"Signature1", header, []byte{}, payload})
	b := cborOf(tb, append([]any{header, r.unprotected, payload, ed25519.Sign(key, signed)}, r.more...))
	for _, tag := range r.tags {
		b = cborOf(tb, cbor.RawTag{Number: tag, Content: b})
	}
	return b
}

// minimal is the least that a payload may have.
func minimal(nonce []byte, more map[any]any) map[any]any {
	m := map[any]any{10: nonce, 256: append([]byte{1}, unit[:]...)}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func files(list ...any) any {
	b, err := cbor.Marshal(map[any]any{0: "t", 12: 0, 1: "n", 2: map[any]any{31: "e", 33: 1}, 3: map[any]any{17: list}})
	if err != nil {
		panic(err)
	}
	return []any{[]any{258, b}}
}

func file(name string, alg int, size int) any {
	return map[any]any{24: name, 7: []any{alg, make([]byte, size)}}
}

func TestFormsThatAreTaken(t *testing.T) {
	t.Parallel()
	nonce := challenges.New(unit, now)
	one, err := cbor.Marshal(map[any]any{0: "t", 12: 0, 1: "n", 3: map[any]any{17: file("a", 1, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]raw{
		"untagged":           {payload: minimal(nonce, nil)},
		"of COSE":            {payload: minimal(nonce, nil), tags: []uint64{18}},
		"of CWT":             {payload: minimal(nonce, nil), tags: []uint64{18, 61}},
		"Ed25519":            {payload: minimal(nonce, nil), protected: map[any]any{1: -19}},
		"its type":           {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 16: eat.MediaType}},
		"its content format": {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 16: 263}},
		"a key id":           {payload: minimal(nonce, nil), unprotected: map[any]any{4: []byte("k")}},
		"unknown claims":     {payload: minimal(nonce, map[any]any{-70000: []any{1, "x"}, 260: []any{"1"}, "own": true})},
		"an oemid of IEEE":   {payload: minimal(nonce, map[any]any{258: []byte{1, 2, 3}})},
		"an oemid of a PEN":  {payload: minimal(nonce, map[any]any{258: 7})},
		"a fraction":         {payload: minimal(nonce, map[any]any{6: float64(now.Unix()) + 0.5})},
		"a version's scheme": {payload: minimal(nonce, map[any]any{271: []any{"1.0", 1}})},
		"many files":         {payload: minimal(nonce, map[any]any{273: files(file("a", 1, 32), file("b", 7, 48), file("c", 8, 64))})},
		"one file":           {payload: minimal(nonce, map[any]any{273: []any{[]any{258, one}}})},
		"good for a while":   {payload: minimal(nonce, map[any]any{4: now.Unix() + 60, 5: now.Unix() - 60})},
	} {
		if _, err := take(r.token(t), answer(nonce)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFormsThatAreRefused: each is signed by the unit.
func TestFormsThatAreRefused(t *testing.T) {
	t.Parallel()
	nonce := challenges.New(unit, now)
	deep := cborOf(t, 1)
	for range 40 {
		deep = cborOf(t, []any{cbor.RawMessage(deep)})
	}
	hexed := func(s string) cbor.RawMessage {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ueid := "190100" + "5821" + "01" + hex.EncodeToString(unit[:])
	pair := "0a" + "5820" + hex.EncodeToString(nonce)
	many := []any{}
	for i := range eat.MaxMeasurements + 1 {
		many = append(many, file(strconv.Itoa(i), 1, 32))
	}
	for name, r := range map[string]raw{
		"no algorithm":              {payload: minimal(nonce, nil), protected: map[any]any{}},
		"ES256":                     {payload: minimal(nonce, nil), protected: map[any]any{1: -7}},
		"a MAC":                     {payload: minimal(nonce, nil), protected: map[any]any{1: 5}},
		"no protected algorithm":    {payload: minimal(nonce, nil), protected: map[any]any{}, unprotected: map[any]any{1: -8}},
		"an algorithm twice":        {payload: minimal(nonce, nil), unprotected: map[any]any{1: -8}},
		"a header twice":            {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 4: []byte("k")}, unprotected: map[any]any{4: []byte("k")}},
		"what is critical":          {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 2: []any{-70000}, -70000: 1}},
		"another type":              {payload: minimal(nonce, nil), protected: map[any]any{1: -8, 16: "application/cwt"}},
		"a header's name twice":     {payload: minimal(nonce, nil), protected: hexed("a201270127")},
		"another tag":               {payload: minimal(nonce, nil), tags: []uint64{98}},
		"a tag twice":               {payload: minimal(nonce, nil), tags: []uint64{18, 18}},
		"five parts":                {payload: minimal(nonce, nil), more: []any{1}},
		"no payload":                {payload: cbor.RawMessage{}},
		"a payload of a list":       {payload: []any{1}},
		"more behind the payload":   {payload: cbor.RawMessage(append(cborOf(t, minimal(nonce, nil)), 1))},
		"a claim twice":             {payload: hexed("a3" + pair + pair + ueid)},
		"a claim twice, deep in":    {payload: hexed("a3" + pair + ueid + "01" + "81a2010201" + "03")},
		"an indefinite map":         {payload: hexed("bf" + pair + ueid + "ff")},
		"an indefinite string":      {payload: hexed("a3" + pair + ueid + "19010e" + "7f6161ff")},
		"too deep":                  {payload: minimal(nonce, map[any]any{-70000: cbor.RawMessage(deep)})},
		"not a number":              {payload: minimal(nonce, map[any]any{6: cbor.RawMessage{0xf9, 0x7e, 0x00}})},
		"no nonce":                  {payload: map[any]any{256: append([]byte{1}, unit[:]...)}},
		"two nonces":                {payload: minimal(nonce, map[any]any{10: []any{nonce, nonce}})},
		"a nonce of text":           {payload: minimal(nonce, map[any]any{10: string(nonce)})},
		"no ueid":                   {payload: map[any]any{10: nonce}},
		"a ueid of another type":    {payload: minimal(nonce, map[any]any{256: append([]byte{2}, unit[:]...)})},
		"a short ueid":              {payload: minimal(nonce, map[any]any{256: []byte{1, 2, 3}})},
		"a time of text":            {payload: minimal(nonce, map[any]any{6: "now"})},
		"a time before all":         {payload: minimal(nonce, map[any]any{6: -1})},
		"a time of null":            {payload: minimal(nonce, map[any]any{6: nil})},
		"a time too far":            {payload: minimal(nonce, map[any]any{6: int64(1) << 62})},
		"another profile":           {payload: minimal(nonce, map[any]any{265: "tag:psacertified.org,2023:psa#tfm"})},
		"sub-modules":               {payload: minimal(nonce, map[any]any{266: map[any]any{"a": map[any]any{}}})},
		"debugging beyond":          {payload: minimal(nonce, map[any]any{263: 5})},
		"debugging of text":         {payload: minimal(nonce, map[any]any{263: "off"})},
		"a version of text":         {payload: minimal(nonce, map[any]any{271: "1.0"})},
		"no version in it":          {payload: minimal(nonce, map[any]any{271: []any{}})},
		"a name too long":           {payload: minimal(nonce, map[any]any{270: strings.Repeat("x", 300)})},
		"a name that rings":         {payload: minimal(nonce, map[any]any{270: "a\a"})},
		"measurements of text":      {payload: minimal(nonce, map[any]any{273: "x"})},
		"no measurements":           {payload: minimal(nonce, map[any]any{273: []any{}})},
		"measurements in JSON":      {payload: minimal(nonce, map[any]any{273: []any{[]any{50, []byte("{}")}}})},
		"measurements of no CoSWID": {payload: minimal(nonce, map[any]any{273: []any{[]any{258, []byte{1}}}})},
		"what ought to be":          {payload: minimal(nonce, map[any]any{273: []any{[]any{258, cborOf(t, map[any]any{6: map[any]any{17: file("a", 1, 32)}})}}})},
		"too many files":            {payload: minimal(nonce, map[any]any{273: files(many...)})},
		"a file twice":              {payload: minimal(nonce, map[any]any{273: files(file("a", 1, 32), file("a", 1, 32))})},
		"a file without a name":     {payload: minimal(nonce, map[any]any{273: files(file("", 1, 32))})},
		"a file without a hash":     {payload: minimal(nonce, map[any]any{273: files(map[any]any{24: "a"})})},
		"MD5":                       {payload: minimal(nonce, map[any]any{273: files(file("a", 9, 16))})},
		"a short hash":              {payload: minimal(nonce, map[any]any{273: files(file("a", 1, 16))})},
	} {
		_, err := take(r.token(t), answer(nonce))
		if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "a lone tag": {0xd2}, "text": []byte("eyJhbGciOiJFZERTQSJ9.e30.AA"),
		"a length beyond the end": {0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"detached":                cborOf(t, []any{cborOf(t, map[any]any{1: -8}), map[any]any{}, nil, make([]byte, 64)}),
	} {
		if _, err := eat.Read(b); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := eat.Read(make([]byte, eat.MaxBytes+1)); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Errorf("a huge one: %v", err)
	}
}

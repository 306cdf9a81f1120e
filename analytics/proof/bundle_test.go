package proof_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

var update = flag.Bool("update", false, "make the golden files anew")

// The golden bundles and their trust files were made once, with keys that nobody
// has any more. They must verify for ever and encode to the same bytes, so that
// -update rewrites them and makes new ones only where they are missing.
func TestGoldenBundles(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]proof.Voucher{"device": proof.VouchedByDevice, "node": proof.VouchedByNode, "lasting": proof.VouchedByNode} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bundleFile := filepath.Join("testdata", name+".golden.json")
			trustFile := filepath.Join("testdata", name+".trust.golden.json")
			if _, err := os.Stat(bundleFile); *update && err != nil {
				makeGolden(t, by, name == "lasting", bundleFile, trustFile)
			}
			words, err := proof.VerifyFiles(trustFile, bundleFile, "")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", name+".golden.txt"), []byte(words))
			b, err := proof.ParseBundle(read(t, bundleFile))
			if err != nil {
				t.Fatal(err)
			}
			again, err := b.Encode()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, bundleFile, again)
		})
	}
}

// golden compares got with a file byte for byte, or writes the file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		write(t, name, got)
	}
	if diff := cmp.Diff(string(read(t, name)), string(got)); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func makeGolden(t *testing.T, by proof.Voucher, lasting bool, bundleFile, trustFile string) {
	t.Helper()
	w := newWorld(t, by)
	b := w.bundle(t)
	if lasting {
		b.Lasting = w.lasting(t, lastingKey(1))
	}
	raw, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	trust, err := json.MarshalIndent(w.trust, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	write(t, bundleFile, raw)
	write(t, trustFile, append(trust, '\n'))
}

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func write(tb testing.TB, name string, b []byte) {
	tb.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		tb.Fatal(err)
	}
}

// The formats in numbers: what another implementation has to arrive at.
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	var seed proof.Seed
	for i := range seed {
		seed[i] = byte(i)
	}
	s := proof.Statement{
		Request: proof.RequestID{1, 2, 3}, Organisation: "hospital-north", Unit: proof.Hash{4, 5},
		VouchedBy: proof.VouchedByDevice, Count: 2, MediaType: "application/json",
		Received: 1795358400123, Content: proof.ContentDigest(&seed, sha256.Sum256([]byte("content"))), Signature: proof.Signature{6, 7},
	}
	leaves := proof.LeafHashes(nil, &seed, [][]byte{[]byte("first"), []byte("second")})
	s.Root = proof.Root(leaves)
	encoded, err := s.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := s.EntryHash(&proof.Hash{8, 9})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join([]string{
		"salt 1: " + proof.SaltOf(&seed, 1).String(),
		"leaf 1: " + leaves[1].String(),
		"root: " + s.Root.String(),
		"content: " + s.Content.String(),
		"signing message: " + hex.EncodeToString(proof.SigningMessage(s.Unit, 2, s.Root)),
		"statement: " + hex.EncodeToString(encoded),
		"entry: " + entry.String(), "",
	}, "\n")
	golden(t, filepath.Join("testdata", "answers.golden.txt"), []byte(got))
}

func TestBundlesThatAnotherReaderCouldMisunderstand(t *testing.T) {
	t.Parallel()
	good := string(read(t, filepath.Join("testdata", "node.golden.json")))
	replace := func(old, with string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the golden bundle lacks %s", old)
		}
		return strings.Replace(good, old, with, 1)
	}
	const text = `"text": "{\"spo2\":94,\"pulse\":64}"`
	const altered = `"text": "{\"spo2\":99,\"pulse\":64}"`
	for name, raw := range map[string]string{
		"record twice":              replace(text, altered+",\n    "+text),
		"record in other case":      replace(text, text+",\n    "+strings.Replace(altered, "text", "Text", 1)),
		"record only in other case": replace(`"text"`, `"Text"`),
		"record in both forms":      replace(text, text+`, "base64": "e30="`),
		"no record":                 replace(text+",", ""),
		"unknown name":              replace(text, text+`, "note": "checked by me"`),
		"misplaced name":            replace(text, text+`, "checkpoint": ""`),
		"other format":              replace("secant/proof/v1", "secant/proof/v2"),
		"null device":               replace(`"checkpoint"`, `"device": null, "checkpoint"`),
		"null path":                 replace(`"path": [`, `"path": null, "path2": [`),
		"missing index":             replace(`"index": 4,`, ""),
		"upper-case hash":           replace(`"digest": "`, `"digest": "A`),
		"negative index":            replace(`"index": 4`, `"index": -4`),
		"fraction":                  replace(`"index": 4`, `"index": 4.0`),
		"two bundles":               good + good,
		"cut off":                   good[:len(good)/2],
		"empty":                     "",
		"a list":                    "[" + good + "]",
		"not JSON":                  "proof",
		"not UTF-8":                 replace("spo2", "sp\xff2"),
		"deep":                      strings.Repeat(`{"record":`, 50),
	} {
		_, err := proof.ParseBundle([]byte(raw))
		if err == nil || !strings.HasPrefix(err.Error(), "format: ") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "spo2") {
			t.Errorf("%s: the error repeats what was submitted: %v", name, err)
		}
	}
	// Another layout of the same JSON is the same bundle.
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(good)); err != nil {
		t.Fatal(err)
	}
	if _, err := proof.ParseBundle(compact.Bytes()); err != nil {
		t.Error(err)
	}
}

func TestBundleTooLarge(t *testing.T) {
	t.Parallel()
	if _, err := proof.ParseBundle(make([]byte, proof.MaxBundle+1)); err == nil {
		t.Error("taken")
	}
}

func TestContentSurvivesTheBundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	v, err := proof.NewVerifier(w.trust)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		content := rapid.OneOf(
			rapid.SliceOfN(rapid.Byte(), 1, 300),
			rapid.Map(rapid.StringN(1, 200, -1), func(s string) []byte { return []byte(s) }),
			rapid.Just([]byte("MSH|^~\\&|monitor\rOBX|1|NM|\u2028\ufffd<&>\t\n\"")),
		).Draw(rt, "content")
		w.request.Records[recordIndex] = content
		w.request.Seal()
		w.relog(t)
		raw, err := w.bundle(t).Encode()
		if err != nil {
			rt.Fatal(err)
		}
		b, err := proof.ParseBundle(raw)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(b.Record.Content(), content) {
			rt.Fatalf("got %q, want %q", b.Record.Content(), content)
		}
		if _, err := v.Verify(b); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestVerifyFilesSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	trust, bundle := filepath.Join("testdata", "node.trust.golden.json"), filepath.Join("testdata", "node.golden.json")
	altered, text, huge := filepath.Join(dir, "altered"), filepath.Join(dir, "text"), filepath.Join(dir, "huge")
	lasting, lastingTrust := filepath.Join("testdata", "lasting.golden.json"), filepath.Join("testdata", "lasting.trust.golden.json")
	first, second := lastingKey(1).JWK().Thumbprint(), lastingKey(2).JWK().Thumbprint()
	write(t, altered, bytes.Replace(read(t, bundle), []byte(`94`), []byte(`99`), 1))
	write(t, text, []byte("hello"))
	write(t, huge, make([]byte, proof.MaxBundle+1))
	for _, c := range []struct{ trust, bundle, want, key string }{
		{trust, altered, "the proof does not hold: content: the record's bytes are not those that were committed to", ""},
		{trust, text, "the proof does not hold: format: ", ""},
		{trust, huge, "reading the bundle: [too_large]", ""},
		{trust, filepath.Join(dir, "absent"), "reading the bundle: open ", ""},
		{text, bundle, "reading the trust file: ", ""},
		{filepath.Join(dir, "absent"), bundle, "reading the trust file: open ", ""},
		{filepath.Join("testdata", "device.trust.golden.json"), bundle, "the proof does not hold: policy: ", ""},
		{trust, bundle, "the proof does not hold: lasting: the bundle has no lasting signature", first},
		{lastingTrust, lasting, "the proof does not hold: lasting: it is by another key than was asked for", second},
		{lastingTrust, lasting, "the proof does not hold: [invalid] ", "key"},
	} {
		words, err := proof.VerifyFiles(c.trust, c.bundle, c.key)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || words != "" {
			t.Errorf("got %q, %v; want %q", words, err, c.want)
		}
	}
	words, err := proof.VerifyFiles(lastingTrust, lasting, first)
	if err != nil || !strings.Contains(words, "by the key "+first+", which is known to be that of hospital-north.") {
		t.Errorf("%s, %v", words, err)
	}
}

// TestOtherFilesInAFolderAreNoProofs: they are told of and passed over. Half a bundle, one
// of another version, and whatever is named are proofs that do not hold.
func TestOtherFilesInAFolderAreNoProofs(t *testing.T) {
	t.Parallel()
	trust, bundle := filepath.Join("testdata", "node.trust.golden.json"), filepath.Join("testdata", "node.golden.json")
	folder := func(more map[string]string) string {
		dir := filepath.Join(t.TempDir(), "proofs [1]") // no pattern
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range more {
			write(t, filepath.Join(dir, name), []byte(text))
		}
		return dir
	}
	good, trustText := string(read(t, bundle)), string(read(t, trust))
	others := map[string]string{"trust.json": trustText, "list.json": `[1]`, "readings.ndjson.manifest.json": `{"format":"secant/export/v1"}`, "odd.json": `{"format":7}`}
	dir := folder(others)
	write(t, filepath.Join(dir, "good.json"), []byte(good))
	var out bytes.Buffer
	if err := proof.VerifyAll(trust, []string{dir}, "", &out); err != nil ||
		!strings.HasSuffix(out.String(), "1 proofs hold; 4 other files were passed over\n") || strings.Count(out.String(), ": passed over: ") != 4 {
		t.Errorf("%v\n%s", err, out.String())
	}
	for name, c := range map[string]struct {
		paths []string
		want  string
	}{
		"others alone":    {[]string{folder(others)}, "the folder holds no proof bundle"},
		"half a bundle":   {[]string{dir, folder(map[string]string{"half.json": good[:len(good)/2]})}, "1 of 2 proofs do not hold"},
		"another version": {[]string{dir, folder(map[string]string{"v9.json": strings.Replace(good, "secant/proof/v1", "secant/proof/v9", 1)})}, "1 of 2 proofs do not hold"},
		"named":           {[]string{bundle, trust}, "1 of 2 proofs do not hold"},
	} {
		if err := proof.VerifyAll(trust, c.paths, "", io.Discard); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPartsThatDoNotBelongTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	if _, err := proof.NewRecord([]byte("another"), &w.request.Seed, w.request.Tree(), 0); err == nil {
		t.Error("a record was made of other bytes")
	}
	if _, err := proof.NewRecord(w.request.Records[0], &w.request.Seed, w.request.Tree(), 11); err == nil {
		t.Error("a record was made beyond the request")
	}
	if _, err := proof.NewLogProof(&w.request.Statement, w.request.Salt, 0, [][]byte{{1}}); err == nil {
		t.Error("a log proof was made with a short hash")
	}
	b := w.bundle(t)
	b.Checkpoint = strings.Repeat("x", ledger.MaxCheckpoint+1)
	w.refused(t, b, proof.StepCheckpoint, "longer")
	b = w.bundle(t)
	b.Record.Text = ""
	w.refused(t, b, proof.StepFormat, "once")
}

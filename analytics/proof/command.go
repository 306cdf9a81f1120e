package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxTrust bounds a trust file, in bytes.
const maxTrust = 16 << 20

// VerifyFiles judges the bundle in one file by the trust file in another and
// returns the verdict in words. Without a verdict the error says what does not
// fit, or what could not be read. It touches nothing but the two files. When
// lasting is not empty, the bundle must have a lasting signature by the key with
// that thumbprint.
func VerifyFiles(trustFile, bundleFile, lasting string) (string, error) {
	v, err := openVerifier(trustFile)
	if err != nil {
		return "", err
	}
	verdict, err := v.file(bundleFile, lasting)
	if err != nil {
		return "", err
	}
	return verdict.Text(), nil
}

// VerifyAll is VerifyFiles for several bundles: those named, and each file that ends in
// .json of the folders named, but for JSON that does not say that it is a bundle: it is
// told of and passed over. It writes a line for each, and then what the numbers in them
// show: which requests of a device are missing between them. It fails when one does not
// hold, or there is none.
func VerifyAll(trustFile string, paths []string, lasting string, out io.Writer) error {
	v, err := openVerifier(trustFile)
	if err != nil {
		return err
	}
	files, err := bundlesIn(paths)
	if err != nil {
		return err
	}
	bad, others := 0, 0
	verdicts := make([]*Verdict, 0, len(files))
	for _, f := range files {
		verdict, err := v.file(f.name, lasting)
		var says string
		switch {
		case err == nil:
			says = verdict.String()
			verdicts = append(verdicts, verdict)
		case f.found && isOther(f.name):
			others++
			says = "passed over: it does not say that it is a proof bundle"
		default:
			bad++
			says = err.Error()
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", f.name, says); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	last := Counted(verdicts)
	switch {
	case bad > 0:
		return fmt.Errorf("%d of %d proofs do not hold", bad, len(files)-others)
	case len(files) == 0:
		return errors.New("the folder holds no file that ends in .json")
	case len(verdicts) == 0:
		return errors.New("the folder holds no proof bundle")
	}
	end := fmt.Sprintf("%d proofs hold", len(verdicts))
	if others > 0 {
		end += fmt.Sprintf("; %d other files were passed over", others)
	}
	for _, line := range append(last, end) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return nil
}

// bundleFile is a file to judge.
type bundleFile struct {
	name  string
	found bool // in a folder, rather than named
}

// isOther reports whether a file is JSON that does not say that it is a bundle
// of any version, as a trust file or a manifest. What is no JSON may be half a bundle.
func isOther(name string) bool {
	raw, err := readBounded(name, MaxBundle)
	if err != nil || strictjson.Check("the file", raw, otherLimits) != nil {
		return false
	}
	var says struct {
		Format json.RawMessage `json:"format"`
	}
	_ = json.Unmarshal(raw, &says) // a list has none
	var format string
	_ = json.Unmarshal(says.Format, &format) // whatever else it is, it is no bundle's
	return !strings.HasPrefix(format, formats)
}

// formats begins the format of a bundle of any version.
const formats = "secant/proof/"

var otherLimits = strictjson.Limits{Bytes: MaxBundle, Depth: 64, Values: 1_000_000}

// bundlesIn lists files, and those of folders that end in .json.
func bundlesIn(paths []string) ([]bundleFile, error) {
	var files []bundleFile
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("looking for bundles: %w", err)
		}
		if !info.IsDir() {
			files = append(files, bundleFile{path, false})
			continue
		}
		all, err := os.ReadDir(path) // by name
		if err != nil {
			return nil, fmt.Errorf("looking for bundles: %w", err)
		}
		for _, f := range all {
			if filepath.Ext(f.Name()) == ".json" {
				files = append(files, bundleFile{filepath.Join(path, f.Name()), true})
			}
		}
	}
	return files, nil
}

func openVerifier(trustFile string) (*Verifier, error) {
	raw, err := readBounded(trustFile, maxTrust)
	if err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	trust, err := ledger.ParseTrust(raw)
	if err != nil {
		return nil, err
	}
	return NewVerifier(trust)
}

// file judges the bundle in a file.
func (v *Verifier) file(name, lasting string) (*Verdict, error) {
	raw, err := readBounded(name, MaxBundle)
	if err != nil {
		return nil, fmt.Errorf("reading the bundle: %w", err)
	}
	verdict, err := v.VerifyJSON(raw)
	if err == nil && lasting != "" {
		err = verdict.RequireLasting(lasting)
	}
	if err != nil {
		return nil, fmt.Errorf("the proof does not hold: %w", err)
	}
	return verdict, nil
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the file has more than %d bytes", limit)
	}
	return b, nil
}

package proof

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

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
// .json of the folders named. It writes a line for each, and then what the numbers in
// them show: which requests of a device are missing between them. It fails when one does
// not hold, or there is none.
func VerifyAll(trustFile string, paths []string, lasting string, out io.Writer) error {
	v, err := openVerifier(trustFile)
	if err != nil {
		return err
	}
	files, err := bundlesIn(paths)
	if err != nil {
		return err
	}
	bad := 0
	verdicts := make([]*Verdict, 0, len(files))
	for _, name := range files {
		verdict, err := v.file(name, lasting)
		var says string
		if err != nil {
			bad++
			says = err.Error()
		} else {
			says = verdict.String()
			verdicts = append(verdicts, verdict)
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", name, says); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	last := Counted(verdicts)
	switch {
	case bad > 0:
		return fmt.Errorf("%d of %d proofs do not hold", bad, len(files))
	case len(files) == 0:
		return errors.New("the folder holds no file that ends in .json")
	}
	for _, line := range append(last, fmt.Sprintf("%d proofs hold", len(verdicts))) {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return nil
}

// bundlesIn lists files, and those of folders that end in .json.
func bundlesIn(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("looking for bundles: %w", err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		all, err := filepath.Glob(filepath.Join(path, "*.json"))
		if err != nil {
			return nil, fmt.Errorf("looking for bundles: %w", err)
		}
		slices.Sort(all)
		files = append(files, all...)
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

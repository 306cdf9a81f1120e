package proof

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

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

// VerifyFolder judges all bundles of a folder, each file that ends in .json, as
// VerifyFiles does, and writes a line for each. It fails when one does not hold, or
// there is none.
func VerifyFolder(trustFile, folder, lasting string, out io.Writer) error {
	v, err := openVerifier(trustFile)
	if err != nil {
		return err
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("reading the folder: %w", err)
	}
	good, bad := 0, 0
	for _, f := range files {
		if f.IsDir() || filepath.Ext(f.Name()) != ".json" {
			continue
		}
		verdict, err := v.file(filepath.Join(folder, f.Name()), lasting)
		var says string
		if err != nil {
			bad++
			says = err.Error()
		} else {
			good++
			says = verdict.String()
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", f.Name(), says); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	switch {
	case bad > 0:
		return fmt.Errorf("%d of %d proofs do not hold", bad, good+bad)
	case good == 0:
		return errors.New("the folder holds no file that ends in .json")
	}
	if _, err := fmt.Fprintf(out, "%d proofs hold\n", good); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
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

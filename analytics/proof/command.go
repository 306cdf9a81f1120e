package proof

import (
	"fmt"
	"io"
	"os"
	"strings"

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
	verdict, err := v.verifyFile(bundleFile, lasting)
	if err != nil {
		return "", err
	}
	return verdict.Text(), nil
}

// VerifySet is VerifyFiles for several bundles, one line each, and then what the numbers
// in them show: which requests of a device are missing between them. All must hold.
func VerifySet(trustFile string, bundleFiles []string, lasting string) (string, error) {
	v, err := openVerifier(trustFile)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	verdicts := make([]*Verdict, 0, len(bundleFiles))
	for _, name := range bundleFiles {
		verdict, err := v.verifyFile(name, lasting)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		verdicts = append(verdicts, verdict)
		fmt.Fprintf(&b, "%s: %s\n", name, verdict)
	}
	for _, line := range Counted(verdicts) {
		fmt.Fprintln(&b, line)
	}
	return b.String(), nil
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

func (v *Verifier) verifyFile(bundleFile, lasting string) (*Verdict, error) {
	raw, err := readBounded(bundleFile, MaxBundle)
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

package proof

import (
	"fmt"
	"io"
	"os"

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
	raw, err := readBounded(trustFile, maxTrust)
	if err != nil {
		return "", fmt.Errorf("reading the trust file: %w", err)
	}
	trust, err := ledger.ParseTrust(raw)
	if err != nil {
		return "", err
	}
	v, err := NewVerifier(trust)
	if err != nil {
		return "", err
	}
	if raw, err = readBounded(bundleFile, MaxBundle); err != nil {
		return "", fmt.Errorf("reading the bundle: %w", err)
	}
	verdict, err := v.VerifyJSON(raw)
	if err == nil && lasting != "" {
		err = verdict.RequireLasting(lasting)
	}
	if err != nil {
		return "", fmt.Errorf("the proof does not hold: %w", err)
	}
	return verdict.Text(), nil
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

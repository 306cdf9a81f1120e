package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// certificateFolder holds the issuer's certificates. What is in it is public. An
// operator takes a root back by moving its file elsewhere: within a minute the
// ledger, and with it every member, no longer has it.
const certificateFolder = "certificates"

const certificateEnding = ".cer" // RFC 2585, section 3

// certificateFiles keeps certificates in a folder, each in a file named by its
// thumbprint.
type certificateFiles string

// Certificates reads all.
func (f certificateFiles) Certificates() ([][]byte, error) {
	names, err := filepath.Glob(filepath.Join(string(f), "*"+certificateEnding))
	if err != nil {
		return nil, fmt.Errorf("listing certificates: %w", err)
	}
	all := make([][]byte, len(names))
	for i, name := range names {
		if all[i], err = os.ReadFile(name); err != nil { //nolint:gosec // the operator names the folder
			return nil, fmt.Errorf("reading a certificate: %w", err)
		}
	}
	return all, nil
}

// AddCertificate writes one, whole or not at all.
func (f certificateFiles) AddCertificate(name string, der []byte) error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return fmt.Errorf("making the certificates' folder: %w", err)
	}
	file, err := os.CreateTemp(string(f), ".new-*")
	if err != nil {
		return fmt.Errorf("making a certificate's file: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(der)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing a certificate: %w", err)
	}
	if err := os.Rename(file.Name(), filepath.Join(string(f), name+certificateEnding)); err != nil {
		return fmt.Errorf("placing a certificate: %w", err)
	}
	return nil
}

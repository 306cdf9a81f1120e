// Package lifecycle deploys the chaincode the way Fabric wants it: the same
// package installed on every peer, the definition approved by every
// organisation, then committed. It asks what is there before each step, so that
// it resumes wherever an earlier attempt ended, and a changed program becomes
// the next sequence by itself.
package lifecycle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Names that the external builder (network/ccbuilder) expects in a package.
const (
	packageType = "secant"
	program     = "chaincode"
)

// Package is an installable chaincode package.
type Package struct {
	ID      string // label and digest: what organisations approve
	Version string // of the definition; changes with the program
	bytes   []byte
}

// Reader returns the package's bytes, as a peer takes them.
func (p *Package) Reader() io.Reader { return bytes.NewReader(p.bytes) }

// Pack makes the package of a built program. The same program always gives the
// same bytes: every organisation that builds the code itself arrives at the id
// that it is asked to approve.
func Pack(label, path string) (*Package, error) {
	code, err := os.ReadFile(path) //nolint:gosec // a program that was just built
	if err != nil {
		return nil, fmt.Errorf("reading the chaincode program: %w", err)
	}
	inner, err := archive(entry{program, 0o755, code})
	if err != nil {
		return nil, err
	}
	meta, err := json.Marshal(struct {
		Type  string `json:"type"`
		Path  string `json:"path"`
		Label string `json:"label"`
	}{packageType, "", label})
	if err != nil {
		return nil, fmt.Errorf("encoding the package's metadata: %w", err)
	}
	outer, err := archive(entry{"metadata.json", 0o644, meta}, entry{"code.tar.gz", 0o644, inner})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(outer)
	digest := hex.EncodeToString(sum[:])
	return &Package{ID: label + ":" + digest, Version: digest[:16], bytes: outer}, nil
}

type entry struct {
	name string
	mode int64
	b    []byte
}

// archive makes a gzipped tar in which nothing depends on when or where it was
// made.
func archive(entries ...entry) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	for _, e := range entries {
		err := t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.b)),
			ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		})
		if err == nil {
			_, err = t.Write(e.b)
		}
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", e.name, err)
		}
	}
	if err := t.Close(); err != nil {
		return nil, fmt.Errorf("closing the package: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("closing the package: %w", err)
	}
	return out.Bytes(), nil
}

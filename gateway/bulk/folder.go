package bulk

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// folder is a folder that an export fills, a file for each thing.
type folder struct {
	path string
	m    manifest
}

const (
	// folderManifest has no ending, so that nobody takes it for one of the files.
	folderManifest = "MANIFEST"
	documentEnding = ".json"
)

// openFolder opens a folder for an export: one that is empty or not there yet, or that
// the same export began or filled.
func openFolder(path string, m manifest) (*folder, error) {
	m.Format = exportFormat
	d := &folder{path: path, m: m}
	if path == standard {
		return nil, errors.New("this export fills a folder, which the standard output is not")
	}
	was, err := readManifest(filepath.Join(path, folderManifest))
	switch {
	case err == nil && (was.Kind != m.Kind || was.Node != m.Node || !maps.Equal(was.Filter, m.Filter)):
		return nil, fmt.Errorf("%s is an export of something else: name another", path)
	case err == nil:
		return d, d.goOn(was)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if there, err := os.ReadDir(path); err == nil && len(there) > 0 {
		return nil, fmt.Errorf("%s is not empty, and is no export: name another", path)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder: %w", err)
	}
	return d, d.note()
}

// goOn takes up a folder, whose files must be those that were written.
func (d *folder) goOn(was *manifest) error {
	if was.Complete {
		for _, f := range was.Files {
			text, err := os.ReadFile(filepath.Join(d.path, filepath.Base(f.Name)))
			if err != nil || ledger.BodyDigest(text) != f.SHA256 {
				return fmt.Errorf("%s was changed since it was exported: name another folder", f.Name)
			}
		}
		d.m.Since = was.Until // zero where things have no time
	} else {
		d.m.Since, d.m.Until = was.Since, was.Until
	}
	d.m.Files = was.Files
	return d.note()
}

// has tells whether a file was written.
func (d *folder) has(name string) bool {
	_, err := os.Lstat(filepath.Join(d.path, name))
	return err == nil
}

// put writes a file as a whole, or not at all.
func (d *folder) put(name string, text []byte) error {
	if name == ".." || filepath.Base(name) != name || strings.ContainsRune(name, '\\') {
		return errors.New("the node names what would not be a file in the folder")
	}
	path := filepath.Join(d.path, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	return nil
}

// close says in the manifest that the export is whole, and what its files are.
func (d *folder) close() error {
	files, err := os.ReadDir(d.path)
	if err != nil {
		return fmt.Errorf("reading the folder: %w", err)
	}
	d.m.Files = nil
	for _, f := range files { // by name
		if filepath.Ext(f.Name()) != documentEnding {
			continue
		}
		text, err := os.ReadFile(filepath.Join(d.path, f.Name()))
		if err != nil {
			return fmt.Errorf("reading a file: %w", err)
		}
		d.m.Files = append(d.m.Files, exported{Name: f.Name(), Bytes: int64(len(text)), SHA256: ledger.BodyDigest(text)})
	}
	d.m.Complete = true
	return d.note()
}

func (d *folder) note() error { return writeManifest(filepath.Join(d.path, folderManifest), &d.m) }

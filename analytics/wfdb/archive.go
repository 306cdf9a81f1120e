package wfdb

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MaxFiles is how many files an archive has at most: a header and a file of samples for
// each segment.
const MaxFiles = 2*MaxSegments + 100

// ReadArchive reads the one record that a ZIP archive holds: its header,
// all files that the header names, its annotations, and nothing else, in one folder or
// in none. All files together have at most limit bytes when decompressed. Problems:
// invalid with what is wrong, and too_large.
func ReadArchive(archive []byte, limit int64) (*Record, error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, damaged(err)
	}
	folder, names, err := list(z, limit)
	if err != nil {
		return nil, err
	}
	var fsys fs.FS = z
	if folder != "." {
		if fsys, err = fs.Sub(z, folder); err != nil {
			return nil, damaged(err)
		}
	}
	name, err := master(fsys, names)
	if err != nil {
		return nil, damaged(err)
	}
	r, err := Read(fsys, name)
	return r, damaged(err)
}

// damaged turns what an archive reports of its own form into what its sender is told.
// It is in memory: whatever cannot be read of it is its own fault.
func damaged(err error) error {
	if _, ok := errors.AsType[*ledger.Problem](err); ok || err == nil {
		return err
	}
	return invalid("the archive is no ZIP file, or it is damaged, encrypted or compressed in another way than by deflate")
}

// list returns the folder in which an archive's files are, and their names.
func list(z *zip.Reader, limit int64) (folder string, names map[string]bool, err error) {
	names = map[string]bool{}
	total := uint64(0)
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		dir, name := path.Split(f.Name)
		if dir = path.Clean(dir); !fs.ValidPath(f.Name) || !fileName.MatchString(name) || !f.Mode().IsRegular() {
			return "", nil, invalid("the archive has a file whose name is none of a record's, or leads elsewhere")
		}
		if folder == "" {
			folder = dir
		}
		switch {
		case dir != folder:
			return "", nil, invalid("the files of a record are in one folder of the archive")
		case names[name]:
			return "", nil, invalid("the archive has a file twice")
		case len(names) == MaxFiles:
			return "", nil, ledger.Problemf(ledger.CodeTooLarge, "the archive has more than %d files", MaxFiles)
		case f.UncompressedSize64 > uint64(limit)-total: //nolint:gosec // not negative
			return "", nil, ledger.Problemf(ledger.CodeTooLarge, "the files have more than %d bytes together when decompressed", limit)
		}
		total += f.UncompressedSize64
		names[name] = true
	}
	return folder, names, nil
}

// master finds the record in a folder: the one whose header no other names, and to
// which all files belong.
func master(fsys fs.FS, names map[string]bool) (string, error) {
	headers := map[string]*header{}
	segment := map[string]bool{}
	for file := range names {
		name, ok := strings.CutSuffix(file, ".hea")
		if !ok {
			continue
		}
		h, err := readHeader(fsys, name)
		if err != nil {
			return "", err
		}
		headers[name] = h
		for _, s := range h.segments {
			segment[s.name] = true
		}
	}
	found := ""
	used := map[string]bool{}
	for name, h := range headers {
		if !segment[name] {
			if found != "" {
				return "", invalid("the archive holds more than one record")
			}
			found = name
		}
		used[name+".hea"] = true
		for _, s := range h.signals {
			used[s.file] = true
		}
	}
	if found == "" {
		return "", invalid("the archive holds no record: there is no header that no other header names")
	}
	for file := range names {
		if !used[file] && !strings.HasPrefix(file, found+".") {
			return "", invalid("the archive holds a file that belongs to no record in it")
		}
	}
	return found, nil
}

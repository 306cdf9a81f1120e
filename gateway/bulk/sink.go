package bulk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// exportFormat names the one form of a manifest that exists.
const exportFormat = "secant/export/v1"

// manifest stands beside an exported file, and says what it is.
type manifest struct {
	Format   string            `json:"format"`
	Kind     string            `json:"kind"`           // units, readings, ...
	Node     string            `json:"node"`           // its address
	Filter   map[string]string `json:"filter"`         // what was asked for
	Complete bool              `json:"complete"`       // all of it was written
	Since    time.Time         `json:"since,omitzero"` // of the run that is under way, or of the next
	Until    time.Time         `json:"until,omitzero"` // up to which things are, or will be, there
	Base     int64             `json:"base"`           // bytes that the run under way found
	Files    []exported        `json:"files"`          // once complete
}

// exported is a file, as it was written.
type exported struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Lines  int    `json:"lines,omitempty"`
}

const (
	manifestEnding = ".manifest.json"
	maxManifest    = 64 << 20 // bytes
)

// sink is the file that an export writes, line by line.
type sink struct {
	path  string // empty: the standard output
	to    io.Writer
	file  *os.File
	hash  hash.Hash
	bytes int64
	lines int
	m     manifest
	// last is the last whole line that the run under way had written before it was
	// interrupted, or for what goes on, the file's last; nil: none.
	last []byte
}

// mode is what becomes of a file that is there.
type mode int

const (
	anew    mode = iota // it is written from its beginning
	resumed             // one that is not whole goes on where it ends
	grown               // one that is whole goes on where it ends, too
)

// openSink opens a target for an export.
func openSink(target string, stdout io.Writer, m manifest, how mode) (*sink, error) {
	s := &sink{hash: sha256.New(), m: m}
	s.m.Format = exportFormat
	if target == standard {
		s.to = stdout
		return s, nil
	}
	s.path = target
	was, err := readManifest(target + manifestEnding)
	_, stands := os.Lstat(target)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil && stands == nil:
		return nil, fmt.Errorf("%s stands there and is no export: name another", target)
	case err != nil: // nothing is there
		return s, s.begin(os.O_EXCL)
	case was.Kind != m.Kind || was.Node != m.Node || !maps.Equal(was.Filter, m.Filter):
		return nil, fmt.Errorf("%s is an export of something else: name another", target)
	case how == anew && !was.Complete:
		return s, s.begin(os.O_TRUNC)
	case how != grown && was.Complete:
		// Anew, beside the old one, which stands until this is whole.
		s.path = target + ".part"
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("making the file anew: %w", err)
		}
		return s, s.create(os.O_EXCL)
	}
	return s, s.resume(was)
}

// begin makes the file and says in the manifest that it is under way.
func (s *sink) begin(flag int) error {
	if err := s.create(flag); err != nil {
		return err
	}
	return s.note()
}

func (s *sink) create(flag int) error {
	var err error
	if s.file, err = os.OpenFile(s.path, os.O_CREATE|os.O_RDWR|flag, 0o600); err != nil {
		return fmt.Errorf("making the file: %w", err)
	}
	s.to = s.file
	return nil
}

// resume reads what is there, drops half a line at its end, and goes on behind it.
func (s *sink) resume(was *manifest) error {
	if err := s.create(0); err != nil {
		return err
	}
	err := s.read(was)
	if err != nil {
		return errors.Join(err, s.file.Close())
	}
	now := s.m
	s.m = *was
	if was.Complete { // a run of its own, behind the end
		s.m.Since, s.m.Until, s.m.Base, s.m.Complete, s.m.Files = was.Until, now.Until, s.bytes, false, nil
	}
	if s.bytes <= s.m.Base && s.m.Kind != kindEvents {
		s.last = nil // this run has written nothing yet
	}
	return s.note()
}

// read hashes the file up to its last line feed, and cuts off what stands behind it.
func (s *sink) read(was *manifest) error {
	var tail []byte // the line that has not ended yet
	block := make([]byte, 256<<10)
	for {
		n, err := s.file.Read(block)
		part := block[:n]
		for {
			at := bytes.IndexByte(part, '\n')
			if at < 0 {
				break
			}
			line := append(tail, part[:at+1]...) //nolint:gocritic // tail begins anew
			s.hash.Write(line)
			s.bytes += int64(len(line))
			s.lines++
			s.last, tail, part = bytes.Clone(line[:len(line)-1]), nil, part[at+1:]
		}
		if tail = append(tail, part...); len(tail) > maxManifest {
			return errors.New("the file is no export: a line of it has no end")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("reading what was exported: %w", err)
		}
	}
	if was.Complete && (len(was.Files) != 1 || len(tail) > 0 || was.Files[0].SHA256 != s.sum()) {
		return errors.New("the file was changed since it was exported: name another")
	}
	if s.bytes < was.Base {
		return errors.New("the file was cut since it was exported: name another")
	}
	if err := s.file.Truncate(s.bytes); err != nil {
		return fmt.Errorf("cutting off half a line: %w", err)
	}
	if _, err := s.file.Seek(s.bytes, io.SeekStart); err != nil {
		return fmt.Errorf("going to the file's end: %w", err)
	}
	return nil
}

func (s *sink) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// line writes a value as a line.
func (s *sink) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding a line: %w", err)
	}
	return s.text(append(text, '\n'))
}

// text writes a line as it is.
func (s *sink) text(line []byte) error {
	if _, err := s.to.Write(line); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	s.hash.Write(line)
	s.bytes += int64(len(line))
	s.lines++
	return nil
}

// close ends the file; when the export is whole, the manifest says so.
func (s *sink) close(whole bool) error {
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Sync(), s.file.Close())
	if err != nil {
		return fmt.Errorf("closing the file: %w", err)
	}
	if !whole {
		return nil
	}
	target, anew := trimEnding(s.path, ".part")
	s.m.Complete, s.m.Base = true, s.bytes
	s.m.Files = []exported{{filepath.Base(target), s.bytes, s.sum(), s.lines}}
	if anew {
		if err := os.Rename(s.path, target); err != nil {
			return fmt.Errorf("putting the file in its place: %w", err)
		}
		s.path = target
	}
	return s.note()
}

func trimEnding(name, ending string) (string, bool) {
	if n := len(name) - len(ending); n > 0 && name[n:] == ending {
		return name[:n], true
	}
	return name, false
}

// note writes the manifest.
func (s *sink) note() error {
	if s.file == nil {
		return nil
	}
	return writeManifest(s.path+manifestEnding, &s.m)
}

func writeManifest(name string, m *manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the manifest: %w", err)
	}
	// In one step: half a manifest would lose the file it speaks of.
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return nil
}

func readManifest(name string) (*manifest, error) {
	text, err := readFile(name, maxManifest)
	if err != nil {
		return nil, err
	}
	m := new(manifest)
	if err := json.Unmarshal(text, m); err != nil || m.Format != exportFormat {
		return nil, fmt.Errorf("%s is no manifest of an export", name)
	}
	return m, nil
}

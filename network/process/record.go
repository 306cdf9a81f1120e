// Package process runs programs in the background that outlive their parent,
// finds them again, and ends them. It knows a process by its number together
// with the moment it started, so that a number which the system has given to
// somebody else since is never mistaken for ours.
package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/network/disk"
)

// Record is what is known about a process that was started. It is kept in a
// file of its own until the process has been seen to end.
type Record struct {
	Name         string    `json:"name"`
	Kind         string    `json:"kind"`
	Organisation string    `json:"organisation"`
	PID          int       `json:"pid"`
	Birth        string    `json:"birth"`       // when the system says it started; opaque
	Started      time.Time `json:"started"`     // for people
	Command      []string  `json:"command"`     // program and arguments
	Fingerprint  string    `json:"fingerprint"` // of program and configuration
	Log          string    `json:"log"`
}

// Alive reports whether this very process still runs.
func (r Record) Alive() bool { return alive(r.PID, r.Birth) }

// Owner is a process that holds a port.
type Owner struct {
	PID  int
	Name string
	Dir  string // its working directory, empty when the system does not tell
}

// Table is the set of records below a folder, one file for each name.
type Table struct{ Dir string }

const suffix = ".json"

// Find returns the record of a name, and false when there is none.
func (t Table) Find(name string) (Record, bool, error) {
	b, err := os.ReadFile(filepath.Join(t.Dir, name+suffix)) //nolint:gosec // a path of our own layout
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("reading the record of %s: %w", name, err)
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil || r.Name != name {
		return Record{}, false, fmt.Errorf("the record of %s in %s is damaged", name, t.Dir)
	}
	return r, true, nil
}

// List returns all records, by name.
func (t Table) List() ([]Record, error) {
	entries, err := os.ReadDir(t.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the records: %w", err)
	}
	var out []Record
	for _, e := range entries {
		name, ours := strings.CutSuffix(e.Name(), suffix)
		if !ours {
			continue
		}
		r, ok, err := t.Find(name)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Record) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Put keeps a record.
func (t Table) Put(r Record) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the record of %s: %w", r.Name, err)
	}
	return disk.WriteFile(filepath.Join(t.Dir, r.Name+suffix), append(b, '\n'), 0o600)
}

// Forget drops the record of a process that is known to have ended.
func (t Table) Forget(name string) error {
	if err := os.Remove(filepath.Join(t.Dir, name+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("dropping the record of %s: %w", name, err)
	}
	return nil
}

// Self makes the record of the calling process under a name. A program that
// replaces itself by another keeps number and birth, so the record stays true.
func Self(name, kind, organisation string) (Record, error) {
	b, err := birth(os.Getpid())
	if err != nil {
		return Record{}, err
	}
	return Record{
		Name: name, Kind: kind, Organisation: organisation, PID: os.Getpid(), Birth: b,
		Started: time.Now().UTC().Truncate(time.Millisecond), Command: os.Args,
	}, nil
}

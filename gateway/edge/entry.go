package edge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/analytics/proof"
)

// What the end of a file's name says of it.
const (
	waiting = ".msg"     // of a message that the node does not have yet
	refused = ".refused" // of one that it will never take
	handed  = ".done"    // of one that it has: empty
	partial = ".part"    // of one that was being written
)

// entry is what a file's name says of a message.
type entry struct {
	place  uint64     // in the order of all messages
	unit   proof.Hash // the device; zero in names of an earlier version
	epoch  uint64     // of the device's count
	number uint64     // in it; 0: not counted, in names of an earlier version
	name   proof.Hash // what the message is known by, wherever it comes from
}

func (e *entry) file(end string) string {
	if e.number == 0 {
		return fmt.Sprintf("%020d-%s%s", e.place, e.name, end)
	}
	return fmt.Sprintf("%020d-%s-%d-%d-%s%s", e.place, e.unit, e.epoch, e.number, e.name, end)
}

// parseEntry reads a name as file writes it.
func parseEntry(file, end string) (e entry, err error) {
	parts := strings.Split(strings.TrimSuffix(file, end), "-")
	if e.place, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return e, errors.New("no message of this box")
	}
	if len(parts) == 5 {
		var errs [3]error
		errs[0] = e.unit.UnmarshalText([]byte(parts[1]))
		e.epoch, errs[1] = strconv.ParseUint(parts[2], 10, 64)
		e.number, errs[2] = strconv.ParseUint(parts[3], 10, 64)
		err = errors.Join(errs[:]...)
	}
	if err == nil {
		err = e.name.UnmarshalText([]byte(parts[len(parts)-1]))
	}
	if err != nil || max(e.epoch, e.number) > proof.MaxSequence || e.file(end) != file {
		return e, errors.New("no message of this box")
	}
	return e, nil
}

// resume takes up what lies in the spool's directory.
func (s *spool) resume() error {
	files, err := os.ReadDir(s.dir) // sorted, so in order
	if err != nil {
		return fmt.Errorf("reading the spool: %w", err)
	}
	for _, f := range files {
		if err := s.find(f); err != nil {
			return err
		}
	}
	return nil
}

func (s *spool) find(f fs.DirEntry) error {
	end := filepath.Ext(f.Name())
	switch end {
	case partial:
		return wrap("clearing the spool", os.Remove(filepath.Join(s.dir, f.Name())))
	case waiting, refused, handed:
	default:
		return nil
	}
	e, err := parseEntry(f.Name(), end)
	if err != nil {
		return fmt.Errorf("reading the spool: %s is %w", f.Name(), err)
	}
	info, err := f.Info()
	if err != nil {
		return fmt.Errorf("reading the spool: %w", err)
	}
	s.next = max(s.next, e.place+1)
	if e.epoch > s.epoch {
		s.epoch = e.epoch
		for _, u := range s.units { // what was counted before is of another count
			u.next, u.mark = 1, nil
		}
	}
	if e.epoch == s.epoch && e.number > 0 {
		u := s.unit(e.unit)
		u.next = max(u.next, e.number+1)
	}
	if end != waiting {
		return s.pass(mark{e, end, info.Size()})
	}
	i := &item{entry: e, size: info.Size()}
	if e.number == 0 { // whose it is stands within
		if m, err := s.read(i); err == nil {
			i.unit = m.Unit
		}
	}
	s.hold(s.unit(i.unit), i.size)
	s.known[e.name] = true
	s.ready.push(i)
	return nil
}

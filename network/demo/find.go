package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Bounds on what is read of a data directory.
const (
	maxFiles    = 50_000   // looked at
	maxFile     = 64 << 20 // bytes read of one
	sniffed     = 8 << 10  // bytes by which a file's kind is told
	maxMessages = 20       // HL7 messages that one run sends
	maxAlerts   = 20_000
	maxBills    = 200
	maxDamaged  = 10 // damaged files that get a line each; the rest is counted
)

// found is the real input that a data directory holds.
type found struct {
	profiled []batch // HL7 v2 ORU^R01 that claim IHE PCD-01, one message a batch
	messages []batch // all HL7 v2 ORU^R01, the profiled first, once find is done
	people   []batch // FHIR Observations of one person each
	bills    []bill  // CycloneDX, the richest first
	alerts   []alert // Suricata EVE

	damaged int // files of one of these kinds that cannot be read
}

// find looks through a directory for input of the kinds that the demo knows, by
// what files hold and not by what they are called. It tells of each file that
// looks like one and cannot be read.
func find(ctx context.Context, dir string, say *narrator) (*found, error) {
	f := &found{}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && path == dir:
			return err
		case err != nil:
			say.note("skipped %s: it cannot be opened", path)
			return nil //nolint:nilerr // the rest of the directory may hold what is wanted
		case !d.Type().IsRegular(): // links are not followed: they may lead in a circle
			return nil
		}
		if files++; files > maxFiles {
			say.note("looked at the first %d files only", maxFiles)
			return fs.SkipAll
		}
		if err := f.look(path); err != nil {
			f.damaged++
			if f.damaged <= maxDamaged {
				say.note("skipped %s: %v", path, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for input in %s: %w", dir, err)
	}
	if more := f.damaged - maxDamaged; more > 0 {
		say.note("skipped %d more files that cannot be read", more)
	}
	f.order()
	return f, nil
}

// look tells a file's kind and takes what it holds. An error means that the file
// looks like something it is not.
func (f *found) look(path string) error {
	file, err := os.Open(path) //nolint:gosec // the directory is the user's choice
	if err != nil {
		return nil // not ours to read, not of interest
	}
	defer file.Close()
	head := make([]byte, sniffed)
	n, err := io.ReadFull(file, head)
	if n == 0 || err != nil && n == sniffed {
		return nil // empty or unreadable: no input
	}
	take := f.taker(head[:n])
	if take == nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(io.MultiReader(bytes.NewReader(head[:n]), file), maxFile))
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	return take(path, b)
}

// taker returns what reads a file that begins like this; nil when nothing does.
func (f *found) taker(head []byte) func(path string, b []byte) error {
	head = bytes.TrimSpace(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	switch {
	case bytes.HasPrefix(head, []byte("MSH|")):
		return f.takeMessage
	case bytes.HasPrefix(head, []byte("<")) && bytes.Contains(head, []byte("http://cyclonedx.org/schema/bom/")):
		return f.takeBill
	case !bytes.HasPrefix(head, []byte("{")) && !bytes.HasPrefix(head, []byte("[")):
		return nil
	case bytes.Contains(head, []byte(`"event_type"`)) && bytes.Contains(head, []byte(`"timestamp"`)):
		return f.takeAlerts
	case bytes.Contains(head, []byte(`"bomFormat"`)):
		return f.takeBill
	case bytes.Contains(head, []byte(`"resourceType"`)):
		return f.takeResources
	}
	return nil
}

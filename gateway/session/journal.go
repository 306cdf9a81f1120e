package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// journal keeps two generations of marks in two files, of which the older is written
// over: the time at which the generation began, in ms, and the marks behind it.
type journal struct {
	files  [2]*os.File // the younger generation's first
	end    int64       // of the younger's last whole mark, in bytes
	synced time.Time
	read   [2]generation // as they were found, the younger first
}

type generation struct {
	turned time.Time
	marks  map[mark]struct{}
	end    int64 // of what was read of its file, in bytes
}

const (
	journalHead = 8
	syncPause   = time.Second
)

func openJournal(dir string) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of used proofs: %w", err)
	}
	j := new(journal)
	for i, name := range []string{"used-0", "used-1"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // names of ours
		if err == nil {
			j.files[i] = f
			j.read[i], err = readGeneration(f)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("reading used proofs: %w", err), j.close())
		}
	}
	if j.read[1].turned.After(j.read[0].turned) {
		j.files[0], j.files[1] = j.files[1], j.files[0]
		j.read[0], j.read[1] = j.read[1], j.read[0]
	}
	j.end = j.read[0].end
	return j, nil
}

// readGeneration reads a file, and cuts off a last mark that is not whole, whose request
// was not let pass.
func readGeneration(f *os.File) (generation, error) {
	g := generation{marks: map[mark]struct{}{}}
	b, err := io.ReadAll(io.LimitReader(f, journalHead+maxUsed*int64(len(mark{}))))
	if err != nil {
		return g, err
	}
	if len(b) >= journalHead {
		g.turned = time.UnixMilli(int64(binary.BigEndian.Uint64(b))).UTC() //nolint:gosec // ours
		g.end = journalHead
	}
	for whole := int(g.end); whole > 0 && len(b) >= whole+len(mark{}); whole += len(mark{}) {
		g.marks[mark(b[whole:])] = struct{}{}
		g.end = int64(whole + len(mark{}))
	}
	return g, f.Truncate(g.end)
}

// turn begins the next generation.
func (j *journal) turn(now time.Time) error {
	if j == nil {
		return nil
	}
	f := j.files[1]
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli())), 0)
	}
	if err != nil {
		return unkept(errors.Join(err, f.Truncate(0)))
	}
	j.files[0], j.files[1], j.end = f, j.files[0], journalHead
	return nil
}

func (j *journal) add(m mark, now time.Time) error {
	if j == nil {
		return nil
	}
	if _, err := j.files[0].WriteAt(m[:], j.end); err != nil {
		// What was written of it goes, and where it cannot, the next mark goes over it: one
		// behind a part of another would be read as neither.
		return unkept(errors.Join(err, j.files[0].Truncate(j.end)))
	}
	j.end += int64(len(m))
	var err error
	if since := now.Sub(j.synced); since >= syncPause || since < 0 {
		j.synced = now
		err = j.files[0].Sync()
	}
	return unkept(err)
}

// unkept refuses what cannot be remembered: it could come again.
func unkept(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ledger.Problemf(ledger.CodeUnavailable, "the node cannot write down that the proof was used"), err)
}

func (j *journal) close() error {
	var errs []error
	for _, f := range j.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

package ingest

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/secant-platform/secant/analytics/edf"
	"github.com/secant-platform/secant/analytics/sdc"
	"github.com/secant-platform/secant/analytics/wfdb"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// judge says what keeps a record from being a whole file of a kind. What it is made of
// has at most limit bytes when it is decompressed.
type judge func(record []byte, limit int) error

func judgeEDF(record []byte, _ int) error {
	_, err := edf.Read(bytes.NewReader(record))
	return err //nolint:wrapcheck // a problem is passed on as it is
}

func judgeWFDB(record []byte, limit int) error {
	_, err := wfdb.ReadArchive(record, int64(limit))
	return err //nolint:wrapcheck // a problem is passed on as it is
}

func judgeMDIB(record []byte, _ int) error {
	_, err := sdc.Parse(record)
	return err //nolint:wrapcheck // a problem is passed on as it is
}

// of is how many bytes a record of a format has at most.
func (l *Limits) of(f format) int {
	if f.file != nil {
		return l.File
	}
	return l.Record
}

// whole reads the file of a request to its end. That costs many times as much as what
// was sent, and so comes when a signature was found to fit, unlike the judging of other
// records.
func (r *reader) whole(f format, body []byte) error {
	if f.file == nil {
		return nil
	}
	err := f.file(body, r.limits.Body)
	if err == nil {
		return nil
	}
	what := flawFile
	r.reason = "cannot be read"
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		r.reason = p.Detail
		if p.Code == ledger.CodeTooLarge {
			what = flawFileSize
		}
	}
	r.fault(f, 0, what, 0)
	return r.problem()
}

// once is the name of readings that nobody signed: what the caller gave them, or of a
// file what is in it. The same file of a device, handed in again by whoever goes
// through a folder, is the same reading. Empty: they have none.
func (f format) once(given, plain []byte) []byte {
	if len(given) > 0 || f.file == nil {
		return given
	}
	digest := sha256.Sum256(plain)
	return append([]byte("file\x00"+f.record+"\x00"), digest[:]...)
}

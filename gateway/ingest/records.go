package ingest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxFaults is how many faults of a request are listed.
const maxFaults = 32

func cutLine(body []byte) (line, rest []byte) {
	if i := bytes.IndexByte(body, '\n'); i >= 0 {
		return body[:i], body[i+1:]
	}
	return body, nil
}

// reader judges the records of a body and commits to each while it is in the
// processor's cache. It serves one goroutine.
type reader struct {
	limits Limits
	json   *jsonScanner
	batch  proof.Batch
	faults []ledger.Fault
	bound  bool   // one of the faults is that a bound was crossed
	said   string // what the record's own form says of the last flaw
	more   int    // faults that were found and not listed
	reason string // what is wrong with a file

	count  int          // records of the request
	part   int          // of the request, from 0
	parted bool         // it has several
	leaves []proof.Hash // of the records, when it has several parts
}

func newReader(limits Limits) *reader {
	return &reader{limits: limits, json: newJSONScanner(limits.Depth)}
}

// begin starts a request, of one part or of several.
func (r *reader) begin(parted bool) {
	r.batch.Reset(&proof.Seed{})
	r.faults, r.bound, r.more = r.faults[:0], false, 0
	r.count, r.part, r.parted, r.leaves = 0, -1, parted, r.leaves[:0]
}

// take takes every record of the next part, whose salts derive from seed and its index
// in the request. What is wrong with them is told at the end, unless there are too many.
func (r *reader) take(f format, seed *proof.Seed, body []byte) error {
	r.batch.Salt(seed)
	r.part++
	index := 0
	for more := true; more; more = len(body) > 0 {
		if r.count == r.limits.Records {
			return ledger.Problemf(ledger.CodeTooLarge, "a request has at most %d records", r.limits.Records)
		}
		var record []byte
		record, body = f.framing.nextRecord(body)
		if flaw, at := r.judge(f, record); flaw != sound {
			r.fault(f, index, flaw, at)
		}
		if len(r.faults) == 0 {
			if err := r.batch.Add(record); err != nil {
				return fmt.Errorf("committing to a record: %w", err)
			}
			if r.parted {
				r.leaves = append(r.leaves, r.batch.Leaf())
			}
		}
		r.count++
		index++
	}
	return nil
}

// end returns how many records the request has and their root, or a Problem that lists
// what is wrong with them.
func (r *reader) end() (count int, root proof.Hash, err error) {
	if len(r.faults) > 0 {
		return 0, root, r.problem()
	}
	return r.count, r.batch.Root(), nil
}

func (r *reader) judge(f format, record []byte) (flaw, int) {
	switch {
	case len(record) == 0:
		return flawEmpty, 0
	case len(record) > r.limits.of(f):
		return flawSize, 0
	case f.file != nil:
		return sound, 0 // until it is known who sent it: see whole
	case f.hl7:
		return judgeHL7(record)
	case f.binary:
		return r.ask(f, record)
	case f.framing == framedLines && record[len(record)-1] == '\r':
		return flawLineEnd, len(record) - 1
	}
	flaw, at := r.json.check(record, f.object)
	if flaw == sound && f.fhir && !r.json.resource {
		return flawResource, 0
	}
	if flaw == sound && f.read != nil {
		return r.ask(f, record)
	}
	return flaw, at
}

// ask judges a record by its own form.
func (r *reader) ask(f format, record []byte) (flaw, int) {
	err := f.read(record)
	if err == nil {
		return sound, 0
	}
	r.said = "is not in its form"
	if p, ok := errors.AsType[*ledger.Problem](err); ok {
		r.said = "is not in its form: " + p.Detail
		if len(p.Faults) > 0 {
			r.said = "is not in its form: " + p.Faults[0].Field + " " + p.Faults[0].Detail
		}
	}
	return flawForm, 0
}

// judgeHL7 says what keeps a record from being one HL7 v2 message.
func judgeHL7(record []byte) (flaw, int) {
	found, at := hl7.Check(record)
	switch found {
	case hl7.Header:
		return flawHeader, at
	case hl7.Segment:
		return flawSegment, at
	case hl7.Control:
		return flawControl, at
	case hl7.Sound:
	}
	return sound, 0
}

func (r *reader) fault(f format, index int, what flaw, at int) {
	if what == flawSize || what == flawDepth || what == flawFileSize {
		r.bound = true
	}
	if len(r.faults) == maxFaults {
		r.more++
		return
	}
	field := "body"
	if f.framing == framedLines {
		field = fmt.Sprintf("records[%d]", index)
	}
	if r.parted {
		field = fmt.Sprintf("parts[%d].%s", r.part, field)
	}
	r.faults = append(r.faults, ledger.Fault{Field: field, Detail: r.describe(f, what, at)})
}

func (r *reader) describe(f format, what flaw, at int) string {
	switch what {
	case flawEmpty:
		return "must not be empty"
	case flawSize:
		return fmt.Sprintf("must have at most %d bytes", r.limits.of(f))
	case flawFile, flawFileSize:
		return r.reason
	case flawObject:
		return "must be a JSON object"
	case flawDepth:
		return fmt.Sprintf("must not be nested more than %d deep, as it is at byte %d", r.limits.Depth, at)
	case flawName:
		return fmt.Sprintf("must not have a name twice in one object, as at byte %d", at)
	case flawText:
		return fmt.Sprintf("must be UTF-8, and is not at byte %d", at)
	case flawSurrogate:
		return fmt.Sprintf("must not have half a surrogate pair, as at byte %d", at)
	case flawHeader:
		return fmt.Sprintf("must begin with an MSH segment with its separators, and does not at byte %d", at)
	case flawSegment:
		return fmt.Sprintf("must be the segments of one message, and is not at byte %d", at)
	case flawControl:
		return fmt.Sprintf("must not have control characters other than the ends of segments, as at byte %d", at)
	case flawResource:
		return "must be a FHIR resource: an object with a resourceType that is a string and not empty"
	case flawLineEnd:
		return "lines must end in LF alone"
	case flawForm:
		return r.said
	case flawSyntax, sound:
	}
	return fmt.Sprintf("must be JSON, and is not at byte %d", at)
}

func (r *reader) problem() error {
	p := &ledger.Problem{
		Code:   ledger.CodeInvalid,
		Detail: "the readings cannot be taken as they are",
		Faults: append([]ledger.Fault(nil), r.faults...),
	}
	if r.bound {
		p.Code = ledger.CodeTooLarge
	}
	if r.more > 0 {
		p.Detail = fmt.Sprintf("the readings cannot be taken as they are; %d more faults are not listed", r.more)
	}
	return p
}

package edf

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"regexp"
	"strconv"
	"unicode/utf8"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxAnnotations bounds the bytes of an annotations signal in a data record.
const maxAnnotations = 1 << 20

var (
	onsetField    = regexp.MustCompile(`^[-+][0-9]{1,12}(\.[0-9]{1,12})?$`)
	durationField = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,12})?$`)
)

const (
	endOfText = 0x14 // behind an onset with its duration, and behind each annotation
	duration  = 0x15 // before a duration
)

// readAnnotations reads the lists of annotations (TALs; EDF+, 2.2.2) that a signal has
// in one data record. It returns the onset of the first if that is one that tells when
// the data record begins, whose annotation is empty, and else NaN. Texts are not kept.
func (t *timeline) readAnnotations(in *bufio.Reader, s *channel) (onset float64, err error) {
	size := 2 * s.samples
	if t.form.bits24() {
		size = 3 * s.samples
	}
	if size > maxAnnotations {
		return 0, ledger.Problemf(ledger.CodeTooLarge, "the annotations of a data record have more than %d bytes", maxAnnotations)
	}
	if len(t.chunk) < size {
		t.chunk = make([]byte, size)
	}
	b := t.chunk[:size]
	if _, err := io.ReadFull(in, b); err != nil {
		return 0, err //nolint:wrapcheck // judged by ended
	}
	onset = math.NaN()
	for first := true; len(b) > 0 && b[0] != 0; first = false {
		list, rest, whole := bytes.Cut(b, []byte{0})
		if !whole {
			return 0, invalid("a list of annotations has no end")
		}
		b = rest
		at, texts, err := parseList(list)
		if err != nil {
			return 0, err
		}
		for i, text := range texts {
			switch {
			case first && i == 0 && len(text) == 0:
				onset = at
			case len(text) > 0:
				t.annotations++
			}
		}
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return 0, invalid("there is something behind the annotations of a data record")
	}
	return onset, nil
}

// parseList reads one list: when, in seconds after the start, and the texts.
func parseList(list []byte) (onset float64, texts [][]byte, err error) {
	bad := invalid("a list of annotations is not written as EDF+ has it")
	stamp, rest, ok := bytes.Cut(list, []byte{endOfText})
	if !ok || len(rest) == 0 || rest[len(rest)-1] != endOfText {
		return 0, nil, bad
	}
	at, long, timed := bytes.Cut(stamp, []byte{duration})
	if !onsetField.Match(at) || timed && !durationField.Match(long) || !utf8.Valid(rest) {
		return 0, nil, bad
	}
	if onset, err = strconv.ParseFloat(string(at), 64); err != nil {
		return 0, nil, bad
	}
	return onset, bytes.Split(rest[:len(rest)-1], []byte{endOfText}), nil
}

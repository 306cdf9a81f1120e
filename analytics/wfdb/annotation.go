package wfdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// The codes that lead something else than an annotation (annot(5)).
const (
	codeSkip = 59 // the interval is in the next four bytes
	codeNum  = 60
	codeSub  = 61
	codeChan = 62
	codeAux  = 63 // so many bytes of text follow
	maxCode  = 49
)

// mnemonics are the codes of annotations as they are shown (ecgcodes.h and annot(5)).
// Those without one are free for their users.
var mnemonics = [maxCode + 1]string{
	1: "N", 2: "L", 3: "R", 4: "a", 5: "V", 6: "F", 7: "J", 8: "A", 9: "S", 10: "E", 11: "j", 12: "/", 13: "Q", 14: "~",
	16: "|", 18: "s", 19: "T", 20: "*", 21: "D", 22: "\"", 23: "=", 24: "p", 25: "B", 26: "^", 27: "t", 28: "+", 29: "u",
	30: "?", 31: "!", 32: "[", 33: "]", 34: "e", 35: "n", 36: "@", 37: "x", 38: "f", 39: "(", 40: ")", 41: "r",
}

// other is how codes are counted that have no mnemonic.
const other = "other"

// Annotations are what one annotator wrote beside a record.
type Annotations struct {
	Annotator string         // the end of the file's name, as in atr
	Count     int64          // annotations
	Codes     map[string]int // how many there are of each code, by the mnemonic of annot(5)
}

// readAnnotations reads a file of annotations in MIT format. Texts in it are passed over.
// It must end as the format says.
func readAnnotations(file io.Reader) (*Annotations, error) {
	r := bufio.NewReader(file)
	a := &Annotations{Codes: map[string]int{}}
	at := int64(0)
	cut := invalid("a file of annotations ends before its end mark")
	var b [4]byte
	for {
		if _, err := io.ReadFull(r, b[:2]); err != nil {
			return nil, ended(err, cut)
		}
		word := binary.LittleEndian.Uint16(b[:])
		code, interval := int(word>>10), int64(word&0x3ff)
		switch {
		case word == 0:
			if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
				return nil, invalid("a file of annotations goes on behind its end mark")
			}
			return a, nil
		case code == codeSkip:
			if _, err := io.ReadFull(r, b[:]); err != nil {
				return nil, ended(err, cut)
			}
			// A long integer as a PDP-11 stores it: the high half comes first.
			at += int64(int32(uint32(binary.LittleEndian.Uint16(b[:2]))<<16 | uint32(binary.LittleEndian.Uint16(b[2:])))) //nolint:gosec // that it wraps is the format
			continue
		case code == codeNum || code == codeSub || code == codeChan:
			continue
		case code == codeAux:
			if _, err := io.CopyN(io.Discard, r, interval+interval&1); err != nil {
				return nil, ended(err, cut)
			}
			continue
		case code > maxCode:
			return nil, invalid("a file of annotations has a code that there is not")
		}
		if at += interval; at < 0 {
			return nil, invalid("an annotation lies before the record")
		}
		a.Count++
		if code == 0 || mnemonics[code] == "" {
			a.Codes[other]++
		} else {
			a.Codes[mnemonics[code]]++
		}
	}
}

// ended tells a file that was cut off from one that could not be read.
func ended(err, cut error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return cut
	}
	return err
}

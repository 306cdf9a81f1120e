package mllp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The bytes around a message (MLLP, release 1).
const (
	startBlock = 0x0b
	endBlock   = 0x1c
	ending     = '\r'
)

const (
	maxHead    = 4 << 10 // bytes kept of a message that is too long, to answer it
	maxSkipped = 64      // times the bound that is skipped of it before the connection ends
	maxBetween = 1 << 10 // bytes between messages
)

// errFraming says that the peer does not speak the protocol.
var errFraming = errors.New("reading messages: the peer does not frame them")

// frame is one message as it came, or the beginning of one that is too long.
type frame struct {
	text    []byte
	tooLong bool
	restart bool // another message began before this one's predecessor had ended
}

// reader cuts messages out of a stream. It holds one message at a time.
type reader struct {
	from *bufio.Reader
	max  int // bytes of a message
	buf  []byte
}

func newReader(from io.Reader, limit int) *reader {
	return &reader{from: bufio.NewReaderSize(from, 16<<10), max: limit}
}

// begin waits for the beginning of a message. Between messages it bears with a
// little of anything: the carriage return that ends the last, and what some
// senders write besides.
func (r *reader) begin() error {
	for range maxBetween {
		c, err := r.from.ReadByte()
		if err != nil {
			return err //nolint:wrapcheck // io.EOF is an answer
		}
		if c == startBlock {
			return nil
		}
	}
	return errFraming
}

// rest reads a message that has begun, up to its end. The message is good until
// the next call. The carriage return behind the end block is not waited for: some
// senders leave it out, and wait for the answer.
func (r *reader) rest() (frame, error) {
	var f frame
	r.buf = r.buf[:0]
	for skipped := 0; ; {
		c, err := r.from.ReadByte()
		switch {
		case err != nil:
			return f, fmt.Errorf("reading a message: %w", noEOF(err))
		case c == endBlock:
			f.text = r.buf
			return f, nil
		case c == startBlock: // the sender gave up the one before
			f.restart, f.tooLong = true, false
			r.buf, skipped = r.buf[:0], 0
		case f.tooLong:
			if skipped++; skipped > maxSkipped*r.max {
				return f, errFraming
			}
		case len(r.buf) == r.max:
			f.tooLong = true
			r.buf = r.buf[:min(len(r.buf), maxHead)]
		default:
			r.buf = append(r.buf, c)
		}
	}
}

// noEOF says that a message is cut off, which is not the end of a stream.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// framed puts a message into its frame.
func framed(text []byte) []byte {
	out := make([]byte, 0, len(text)+3)
	out = append(out, startBlock)
	out = append(out, text...)
	return append(out, endBlock, ending)
}

package collect

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxMessage bounds a message of syslog, in bytes. RFC 5425 asks for at least 8 KiB; an
// alert that carries what it saw has more.
const maxMessage = 256 << 10

// maxDigits are those of a length in front of a message.
const maxDigits = 7

// frames reads messages of syslog from a stream, each in the framing that it comes in:
// with its length in front (RFC 6587, section 3.4.1; RFC 5425, section 4.3), or ended by
// a line feed, or a null (section 3.4.2).
type frames struct{ r *bufio.Reader }

func newFrames(r io.Reader) *frames { return &frames{bufio.NewReaderSize(r, 64<<10)} }

// next returns the next message, and io.EOF behind the last one. Problems: invalid and
// too_large, after which nothing more can be read.
func (f *frames) next() ([]byte, error) {
	for {
		first, err := f.r.ReadByte()
		if err != nil {
			return nil, err //nolint:wrapcheck // io.EOF
		}
		switch {
		case first == '\n' || first == '\r' || first == 0:
			continue
		case first >= '1' && first <= '9':
			return f.counted(int(first - '0'))
		}
		if err := f.r.UnreadByte(); err != nil {
			return nil, err //nolint:wrapcheck // never: a byte was read
		}
		return f.line()
	}
}

func (f *frames) counted(n int) ([]byte, error) {
	for range maxDigits {
		c, err := f.r.ReadByte()
		if err != nil {
			return nil, unended(err)
		}
		if c == ' ' {
			if n > maxMessage {
				return nil, ledger.Problemf(ledger.CodeTooLarge, "a message has more than %d bytes", maxMessage)
			}
			message := make([]byte, n)
			_, err := io.ReadFull(f.r, message)
			return message, unended(err)
		}
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return nil, ledger.Problemf(ledger.CodeInvalid, "what comes is no syslog: a message begins with its length and a space, or with <")
}

func (f *frames) line() ([]byte, error) {
	var message []byte
	for {
		c, err := f.r.ReadByte()
		if errors.Is(err, io.EOF) && len(message) > 0 {
			return message, nil // ended by the end of the connection
		}
		if err != nil {
			return nil, err //nolint:wrapcheck // io.EOF
		}
		if c == '\n' || c == 0 {
			return bytes.TrimRight(message, "\r"), nil
		}
		if len(message) == maxMessage {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "a message has more than %d bytes", maxMessage)
		}
		message = append(message, c)
	}
}

// unended makes the end inside a message one that is not in order.
func unended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

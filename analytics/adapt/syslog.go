package adapt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// maxMessage bounds one message; RFC 5424 asks receivers for 2,048 bytes, and
// events with CEF inside have more.
const maxMessage = 64 << 10

// counted begins a message with its length before it (RFC 6587, section 3.4.1).
var counted = regexp.MustCompile(`^[1-9][0-9]{0,6} <[0-9]{1,3}>`)

func detectSyslog(head []byte) bool {
	first := firstLine(head)
	return priority.Match(first) || counted.Match(first)
}

var priority = regexp.MustCompile(`^<[0-9]{1,3}>`)

// readSyslog reads a stream of messages in either framing of RFC 6587, which may
// change from message to message: a length before it, or a line of its own.
func readSyslog(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	s := sink{ctx, good, bad}
	b := bufio.NewReaderSize(r, 2*maxMessage)
	if err := plain(b); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return fmt.Errorf("reading messages: %w", ctx.Err())
		}
		message, err := frame(b)
		switch {
		case errors.Is(err, io.EOF) && len(message) == 0:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			s.bad(bytes.Clone(message[:maxShow]), ledger.Problemf(ledger.CodeTooLarge, "the message has more than %d bytes", maxMessage))
			if err := skipLine(b); err != nil {
				return err
			}
			continue
		case errors.Is(err, io.ErrUnexpectedEOF):
			s.bad(bytes.Clone(message), ledger.Problemf(ledger.CodeInvalid, "the message is shorter than the length before it says"))
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		message = bytes.TrimRight(message, "\r\n\x00")
		if len(bytes.TrimSpace(message)) == 0 {
			continue
		}
		record, err := readMessage(message)
		if err := s.put(message, record, err); err != nil {
			return err
		}
	}
}

// frame takes the next message from a stream. What it returns is lent until the
// next call.
func frame(b *bufio.Reader) ([]byte, error) {
	head, _ := b.Peek(13)
	if m := counted.Find(head); m != nil {
		length, _, _ := bytes.Cut(m, []byte(" "))
		n, err := strconv.Atoi(string(length))
		if err == nil && n <= maxMessage {
			_, _ = b.Discard(len(length) + 1) // is there: it was just seen
			message, err := b.Peek(n)
			_, _ = b.Discard(len(message))
			if err != nil {
				return message, io.ErrUnexpectedEOF
			}
			return message, nil
		}
	}
	message, err := b.ReadSlice('\n')
	if len(message) > maxMessage && err == nil {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a message has more than %d bytes", maxMessage)
	}
	return message, err //nolint:wrapcheck // the caller tells the ends of a buffer and of the stream apart
}

// skipLine drops what is left of a line that is too long.
func skipLine(b *bufio.Reader) error {
	for {
		_, err := b.ReadSlice('\n')
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("reading past a message: %w", err)
		}
	}
}

// syslogSeverities are what the severities of RFC 5424, section 6.2.1, count as:
// they order what happens to a machine and say little of an attack.
var syslogSeverities = [8]int{9_000, 8_000, 7_000, 5_000, 4_000, 1_000, Informational, Informational}

// readMessage reads one message by RFC 5424, else by RFC 3164, whose senders write
// as they like: of what does not fit its form, the text counts. A time without a
// year is none.
func readMessage(b []byte) (*Record, error) {
	switch rest := bytes.TrimLeft(b, " "); {
	case bytes.HasPrefix(rest, []byte("CEF:")):
		return readCEFLine(rest)
	case bytes.HasPrefix(rest, []byte("LEEF:")):
		return readLEEFLine(rest)
	}
	if !priority.Match(b) {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is no syslog message: it does not begin with a priority in angle brackets")
	}
	text := textOf(b)
	base, err := parseMessage([]byte(text))
	if err != nil {
		return nil, err
	}
	if base.Message == nil || strings.TrimSpace(*base.Message) == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the syslog message has no text")
	}
	return readInside(strings.TrimPrefix(*base.Message, string(utf8BOM)), base)
}

var version1 = regexp.MustCompile(`^<[0-9]{1,3}>1 `)

func parseMessage(b []byte) (*syslog.Base, error) {
	if version1.Match(b) {
		if m, _ := rfc5424.NewParser(rfc5424.WithBestEffort()).Parse(b); m != nil { // a partial one counts
			if m, ok := m.(*rfc5424.SyslogMessage); ok && m.Message != nil {
				return &m.Base, nil
			}
		}
	}
	for _, options := range [][]syslog.MachineOption{
		{rfc3164.WithBestEffort(), rfc3164.WithRFC3339()},
		{rfc3164.WithBestEffort(), rfc3164.WithLenientDay()},
	} {
		m, _ := rfc3164.NewParser(options...).Parse(b) // a partial one counts
		if m, ok := m.(*rfc3164.SyslogMessage); ok && m != nil && m.Message != nil {
			if m.Timestamp != nil && m.Timestamp.Year() == 0 {
				m.Timestamp = nil
			}
			return &m.Base, nil
		}
	}
	end := bytes.IndexByte(b, '>')
	n, err := strconv.ParseUint(string(b[1:end]), 10, 8)
	if err != nil || n > 191 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the syslog message's priority must be 0 to 191")
	}
	severity, rest := uint8(n)%8, string(b[end+1:])
	return &syslog.Base{Severity: &severity, Message: &rest}, nil
}

// readInside reads the text of a message: an event in CEF or LEEF, or words.
func readInside(text string, base *syslog.Base) (*Record, error) {
	var (
		r   *Record
		err error
	)
	cef, leef := strings.Index(text, "CEF:"), strings.Index(text, "LEEF:")
	switch {
	case cef >= 0 && cefBegin.MatchString(text[cef:]):
		r, err = readCEF(text[cef:])
	case leef >= 0 && leefBegin.MatchString(text[leef:]):
		r, err = readLEEF(text[leef:])
	default:
		r = &Record{Kind: KindAlert, Title: shortTitle(text), Severity: cti.UnknownSeverity, Rule: "syslog"}
		if base.Severity != nil && int(*base.Severity) < len(syslogSeverities) {
			r.Severity = syslogSeverities[*base.Severity]
		}
		if base.Appname != nil {
			r.Rule = "syslog:" + lineOf(*base.Appname)
		}
		if r.Title == "" {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the syslog message has no text that can be shown")
		}
		r.observeWords(text)
		r.order([]string{text}, nil)
	}
	if err != nil {
		return nil, err
	}
	if r.Time.IsZero() && base.Timestamp != nil {
		r.Time, _ = inRange(*base.Timestamp)
	}
	if base.Hostname != nil {
		r.Asset.Name = lineOf(*base.Hostname)
		if o, ok := Address(*base.Hostname); ok {
			r.Asset = Asset{Address: o.Value}
		}
	}
	return r, nil
}

var (
	cefBegin  = regexp.MustCompile(`^CEF:[0-9]+\|`)
	leefBegin = regexp.MustCompile(`^LEEF:[0-9.]+\|`)
)

package ingest

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MediaMixed is the media type of a request about several subjects (RFC 2046,
// section 5.1.3): one part for each, with its own headers.
const MediaMixed = "multipart/mixed"

// MaxSubjects bounds the parts of a request.
const MaxSubjects = 256

// Bounds of what frames the parts, in bytes.
const (
	maxBoundary = 70 // RFC 2046, section 5.1.1
	maxHeaders  = 2 << 10
)

// Headers of a part. Those that only say how a part is called or how long it is are
// passed over: curl and others write them.
const (
	partSubject     = "secant-subject"
	partSeed        = "secant-seed"
	partType        = "content-type"
	partEncoding    = "content-encoding"
	partDisposition = "content-disposition"
	partLength      = "content-length"
)

// wirePart is one part of a multipart body, as it stands there.
type wirePart struct {
	subject, seed, mediaType, encoding string
	body                               []byte
}

// boundaryOf reads the boundary of a multipart Content-Type, and nothing of another's.
func boundaryOf(contentType string) (boundary string, mixed bool, err error) {
	media, params, err := mime.ParseMediaType(contentType)
	if media != MediaMixed {
		return "", false, nil
	}
	boundary = params["boundary"]
	if err != nil || boundary == "" || len(boundary) > maxBoundary ||
		strings.ContainsFunc(boundary, func(r rune) bool { return r < ' ' || r > '~' }) || strings.HasSuffix(boundary, " ") {
		return "", true, &ledger.Problem{
			Code: ledger.CodeInvalid, Detail: "the media type of the readings is not one that is taken",
			Faults: []ledger.Fault{{Field: "Content-Type", Detail: fmt.Sprintf("must have a boundary of 1 to %d characters", maxBoundary)}},
		}
	}
	return boundary, true, nil
}

// splitParts appends the parts of a multipart body to dst. They share its memory. It
// is stricter than RFC 2046, so that every reader finds the same parts: nothing before
// the first and behind the last, lines of the frame end in CR LF, no other headers than
// those above, each once, none folded.
func splitParts(dst []wirePart, body []byte, boundary string) ([]wirePart, error) {
	delimiter := []byte("\r\n--" + boundary)
	rest, ok := bytes.CutPrefix(body, delimiter[2:])
	if !ok {
		return nil, unframed("body", "must begin with the first part's delimiter")
	}
	for i := 0; ; i++ {
		if end, last := bytes.CutPrefix(rest, []byte("--")); last {
			if len(end) > 0 && string(end) != "\r\n" {
				return nil, unframed("body", "must end with the last part's delimiter")
			}
			if i == 0 {
				return nil, unframed("body", "must have a part")
			}
			return dst, nil
		}
		field := fmt.Sprintf("parts[%d]", i)
		if i == MaxSubjects {
			return nil, ledger.Problemf(ledger.CodeTooLarge, "a request has at most %d parts", MaxSubjects)
		}
		if rest, ok = bytes.CutPrefix(rest, []byte("\r\n")); !ok {
			return nil, unframed(field, "must begin on a line of its own")
		}
		var p wirePart
		var fault string
		if rest, fault = p.readHeaders(rest); fault != "" {
			return nil, unframed(field, fault)
		}
		n := bytes.Index(rest, delimiter)
		if n < 0 {
			return nil, unframed(field, "must end with a delimiter")
		}
		p.body, rest = rest[:n], rest[n+len(delimiter):]
		dst = append(dst, p)
	}
}

func unframed(field, detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: "the body is not one of parts",
		Faults: []ledger.Fault{{Field: field, Detail: detail}},
	}
}

// readHeaders reads the headers of a part up to the empty line behind them, and says
// what is wrong with them.
func (p *wirePart) readHeaders(b []byte) (rest []byte, fault string) {
	n := bytes.Index(b[:min(len(b), maxHeaders)], []byte("\r\n\r\n"))
	if n < 0 {
		return nil, fmt.Sprintf("must have headers, of at most %d bytes, and an empty line behind them", maxHeaders)
	}
	rest = b[n+4:]
	seen := map[string]bool{}
	for line := range strings.SplitSeq(string(b[:n]), "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		name = strings.ToLower(name)
		value = strings.Trim(value, " \t")
		if !ok || strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && r < ' ' || r > '~' }) {
			return nil, "must have headers of printable ASCII, each on one line"
		}
		if seen[name] {
			return nil, "must have each header once"
		}
		seen[name] = true
		switch name {
		case partSubject:
			p.subject = value
		case partSeed:
			p.seed = value
		case partType:
			p.mediaType = value
		case partEncoding:
			p.encoding = value
		case partDisposition, partLength:
		default:
			return nil, "must have no other headers than Secant-Subject, Secant-Seed, Content-Type, Content-Encoding, Content-Disposition and Content-Length"
		}
	}
	return rest, ""
}

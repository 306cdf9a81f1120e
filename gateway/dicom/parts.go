package dicom

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"

	"github.com/secant-platform/secant/gateway/problem"
)

// parts reads the parts of a multipart body one after the other, and bounds what is
// read between them. A part's own bytes are its reader's to bound.
type parts struct {
	body   *metered
	reader *multipart.Reader
	header int64
}

// slack is what the reader of parts may hold beyond what it was asked for.
const slack = 8 << 10

func newParts(body io.Reader, boundary string, header int) *parts {
	m := &metered{r: body}
	return &parts{body: m, reader: multipart.NewReader(m, boundary), header: int64(header)}
}

// next returns the next part, or io.EOF behind the last one.
func (p *parts) next() (*multipart.Part, error) {
	p.body.bounded, p.body.left = true, p.header+slack
	part, err := p.reader.NextRawPart() // one that decodes nothing: the bytes that came are what is proven
	p.body.bounded = false
	if err != nil {
		return nil, err //nolint:wrapcheck // judged by bodyError
	}
	size := int64(0)
	for name, values := range part.Header {
		for _, v := range values {
			size += int64(len(name) + len(v))
		}
	}
	if size > p.header {
		return nil, errHeader
	}
	return part, nil
}

var errHeader = problem.Malformed("body", "a part's header, or what is before the first part, is longer than what is taken here")

// metered is a body of which at times only so much may be read.
type metered struct {
	r       io.Reader
	bounded bool
	left    int64
}

// Read reads on.
func (m *metered) Read(b []byte) (int, error) {
	if m.bounded {
		if m.left <= 0 {
			return 0, errHeader
		}
		b = b[:min(int64(len(b)), m.left)]
	}
	n, err := m.r.Read(b)
	m.left -= int64(n)
	return n, err //nolint:wrapcheck // a reader passes errors on
}

// watched is a part that remembers how reading it ended.
type watched struct {
	r   io.Reader
	n   int64
	err error // nil while it goes on, and when the part came to its end
}

// Read reads on.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	w.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err //nolint:wrapcheck // a reader passes errors on
}

// bodyError tells what went wrong with a body that did not come to its end. Only its
// sender can have broken it.
func bodyError(err error) error {
	_, large := errors.AsType[*http.MaxBytesError](err)
	_, known := errors.AsType[*problem.Error](err)
	if large || known || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return problem.Malformed("body", "must come to its end, with the boundary that the Content-Type names after each part")
}

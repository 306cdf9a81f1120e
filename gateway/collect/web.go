package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/fetch"
)

// maxFetched bounds a document that is fetched, in bytes.
const maxFetched = 64 << 20

// Site is where something is fetched.
type Site struct {
	Web Web
	URL string // https
	// Authorization returns the value of the header of that name; nil: there is none.
	Authorization func() (string, error)
}

// ask fetches an address below the site, with further headers.
func (s *Site) ask(ctx context.Context, address string, header http.Header, limit int64) (fetch.Answer, error) {
	if header == nil {
		header = http.Header{}
	}
	if s.Authorization != nil {
		value, err := s.Authorization()
		if err != nil {
			return fetch.Answer{}, ledger.Problemf(ledger.CodeUnavailable, "the file with the authorization cannot be read: check its path and rights")
		}
		header.Set("Authorization", value)
	}
	a, err := s.Web.Ask(ctx, address, header, limit)
	if err != nil {
		return a, err //nolint:wrapcheck // a problem that says what to do
	}
	switch a.Status {
	case http.StatusOK, http.StatusPartialContent, http.StatusNotModified:
		return a, nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return a, ledger.Problemf(ledger.CodeDenied, "the server answers %d: check the file with the authorization", a.Status)
	case http.StatusNotFound, http.StatusGone:
		return a, ledger.Problemf(ledger.CodeNotFound, "the server answers %d: check the address", a.Status)
	}
	return a, ledger.Problemf(ledger.CodeUnavailable, "the server answers %d; it is asked again later", a.Status)
}

// version is which version of a document was read.
type version struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"` // as the server wrote it
	Digest   string `json:"digest"`
	Things   int    `json:"things"` // that it held
}

// maxValidator bounds what a server may have remembered to be told again, in bytes.
const maxValidator = 1 << 10

// Document looks at a document on the web again and again, and reads it when it is
// another one (RFC 9110, section 13). One that held something and holds nothing any more
// is not believed.
func Document(site Site) Way {
	return func(ctx context.Context, in *Intake) error {
		var before version
		if err := in.checkpoint(ctx, &before); err != nil {
			return err
		}
		header := http.Header{}
		if before.ETag != "" {
			header.Set("If-None-Match", before.ETag)
		}
		if before.Modified != "" {
			header.Set("If-Modified-Since", before.Modified)
		}
		a, err := site.ask(ctx, site.URL, header, maxFetched)
		if err != nil || a.Status == http.StatusNotModified {
			return err
		}
		sum := sha256.Sum256(a.Body)
		now := version{ETag: short(a.Header.Get("ETag")), Modified: short(a.Header.Get("Last-Modified")), Digest: hex.EncodeToString(sum[:]), Things: before.Things}
		if now.Digest != before.Digest {
			if err := in.document(ctx, a.Body); err != nil {
				return err
			}
			if now.Things = in.seen(); now.Things == 0 && before.Things > 0 {
				return ledger.Problemf(ledger.CodeInvalid, "the document held %d things and now holds none that can be read: nothing was taken back; look at it, and ask who publishes it", before.Things)
			}
		}
		return in.flush(ctx, now, nil)
	}
}

func short(value string) string {
	if len(value) > maxValidator {
		return ""
	}
	return value
}

// instants are the forms in which servers write times that should be RFC 3339.
var instants = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.RFC1123, time.RFC1123Z}

// instant reads a time that a server wrote.
func instant(text string) (time.Time, bool) {
	for _, form := range instants {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

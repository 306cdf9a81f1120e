// Package object keeps immutable objects by name: in a folder, or in a bucket of
// anything that speaks S3. It knows nothing of what they hold, trusts nothing that
// comes back, and tells an object that is not there from a place that does not answer.
package object

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Store is a place for objects. Its methods may be called from many goroutines.
type Store interface {
	// Put stores an object whole or not at all. What stands under the name already is
	// replaced.
	Put(ctx context.Context, name string, body io.ReadSeeker, size int64, digest [sha256.Size]byte) error
	// ReadAt fills b from an offset of an object and returns how many bytes the object
	// has. It fails with ErrMissing, with ErrShort, or with anything else when the
	// place does not answer.
	ReadAt(ctx context.Context, name string, b []byte, offset int64) (size int64, err error)
	// Delete removes an object. One that is not there is removed already.
	Delete(ctx context.Context, name string) error
	// Reach reports what is in the way of using the place at all, if anything is.
	Reach(ctx context.Context) error
	// Where returns a name as people find the object.
	Where(name string) string
}

var (
	// ErrMissing says that the place answered, and has no object of that name.
	ErrMissing = errors.New("the object is not there")
	// ErrShort says that the object has fewer bytes than were asked for.
	ErrShort = errors.New("the object ends early")
)

// Options are what Open has a default for.
type Options struct {
	// Credentials is the path of a file, mode 0600, with the lines aws_access_key_id
	// and aws_secret_access_key, and aws_session_token where there is one. Default:
	// the environment variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
	// AWS_SESSION_TOKEN.
	Credentials string
	// Patience is how long an answer may take, besides a second for each MiB.
	// Default 15 s.
	Patience time.Duration
}

// Open returns the place that a location names: file:///an/absolute/folder, or
//
//	s3://bucket/prefix?endpoint=https://host:port&region=eu-central-1&pathStyle=true
//
// of which prefix and all parameters may be left out. An endpoint without TLS must be
// on this machine. Nothing is called yet.
func Open(location string, opts Options) (Store, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, errors.New("a place for objects is a URL, as in s3://bucket/prefix or file:///folder") // not the URL: it may hold a secret
	}
	if opts.Patience == 0 {
		opts.Patience = 15 * time.Second
	}
	if u.User != nil {
		return nil, errors.New("the URL of a place for objects holds no credentials: they stand in a file or in the environment")
	}
	if u.Fragment != "" || u.Opaque != "" {
		return nil, errors.New("the URL of a place for objects has a part that means nothing")
	}
	switch u.Scheme {
	case "file":
		if u.Host != "" || u.RawQuery != "" || !filepath.IsAbs(u.Path) {
			return nil, errors.New("a folder for objects is file:// and an absolute path")
		}
		return &folder{path: filepath.Clean(u.Path)}, nil
	case "s3":
		b, err := openBucket(u, opts)
		if err != nil {
			return nil, err
		}
		return b, nil
	default:
		return nil, errors.New("a place for objects begins with s3:// or file://")
	}
}

// endpointOf reads where a bucket is asked for.
func endpointOf(text string) (*url.URL, error) {
	if text == "" {
		return &url.URL{Scheme: "https", Host: "s3.amazonaws.com"}, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("an endpoint is a scheme and a host, as in https://s3.example.org")
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !loopback(u.Hostname()) {
			return nil, fmt.Errorf("the endpoint %s is on another machine: that needs https", u.Host)
		}
	default:
		return nil, errors.New("an endpoint is a scheme and a host, as in https://s3.example.org")
	}
	return u, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

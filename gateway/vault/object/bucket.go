package object

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	// attempts is how often a request is made, at most.
	attempts = 3
	// perMiB is what a MiB adds to the time that an answer may take.
	perMiB = time.Second
)

// bucket keeps objects in a bucket of a service that speaks S3.
type bucket struct {
	core     minio.Core
	name     string
	prefix   string
	patience time.Duration
}

func openBucket(u *url.URL, opts Options) (*bucket, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the parameters of a bucket's URL cannot be read")
	}
	lookup := minio.BucketLookupAuto
	var endpoint, region string
	for parameter, values := range query {
		if len(values) != 1 {
			return nil, errors.New("a parameter of a bucket's URL stands in it twice")
		}
		value := values[0]
		switch parameter {
		case "endpoint":
			endpoint = value
		case "region":
			region = value
		case "pathStyle":
			path, err := strconv.ParseBool(value)
			if err != nil {
				return nil, errors.New("pathStyle is true or false")
			}
			lookup = minio.BucketLookupDNS
			if path {
				lookup = minio.BucketLookupPath
			}
		default:
			return nil, errors.New("a bucket's URL takes the parameters endpoint, region and pathStyle only")
		}
	}
	where, err := endpointOf(endpoint)
	if err != nil {
		return nil, err
	}
	prefix := strings.Trim(u.Path, "/")
	if u.Host == "" || u.Port() != "" || prefix != "" && path.Clean("/"+prefix) != "/"+prefix {
		return nil, errors.New("a bucket's URL is s3://bucket/prefix")
	}
	keys, err := credentialsOf(opts.Credentials)
	if err != nil {
		return nil, err
	}
	transport, err := minio.DefaultTransport(where.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("making a client for a bucket: %w", err)
	}
	transport.ResponseHeaderTimeout = opts.Patience
	if region == "" {
		region = "us-east-1" // what services without regions call theirs; asking for it takes a right of its own
	}
	client, err := minio.NewCore(where.Host, &minio.Options{
		Creds: keys, Secure: where.Scheme == "https", Region: region, BucketLookup: lookup,
		Transport: transport, MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("making a client for a bucket: %w", err)
	}
	return &bucket{core: *client, name: u.Host, prefix: prefix, patience: opts.Patience}, nil
}

func credentialsOf(file string) (*credentials.Credentials, error) {
	id, secret, token := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
	if file != "" {
		var err error
		if id, secret, token, err = readCredentials(file); err != nil {
			return nil, err
		}
	}
	if id == "" || secret == "" {
		return nil, errors.New("there are no credentials for the bucket, in a file or in the environment")
	}
	return credentials.NewStaticV4(id, secret, token), nil
}

// Where returns an object's place as the configuration writes it.
func (b *bucket) Where(name string) string { return "s3://" + b.name + "/" + b.key(name) }

func (b *bucket) key(name string) string { return path.Join(b.prefix, name) }

// within bounds how long a call about n bytes takes.
func (b *bucket) within(ctx context.Context, n int64) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.patience+time.Duration(n>>20)*perMiB)
}

// Reach asks for the bucket.
func (b *bucket) Reach(ctx context.Context) error {
	ctx, cancel := b.within(ctx, 0)
	defer cancel()
	there, err := b.core.BucketExists(ctx, b.name)
	if err != nil {
		return fmt.Errorf("asking for the bucket: %w", err)
	}
	if !there {
		return errors.New("there is no such bucket")
	}
	return nil
}

// Put sends an object in one request, whose signature covers the digest: the service
// refuses other bytes than were signed.
func (b *bucket) Put(ctx context.Context, name string, body io.ReadSeeker, size int64, digest [sha256.Size]byte) error {
	ctx, cancel := b.within(ctx, size)
	defer cancel()
	_, err := b.core.PutObject(ctx, b.name, b.key(name), body, size, "", hex.EncodeToString(digest[:]), minio.PutObjectOptions{
		ContentType: "application/octet-stream", DisableMultipart: true,
		DisableContentSha256: true, // in the streaming form; the digest is known
	})
	if err != nil {
		return fmt.Errorf("storing an object: %w", shown(err))
	}
	return nil
}

// ReadAt asks for a range of an object. An answer that breaks off is asked for again.
func (b *bucket) ReadAt(ctx context.Context, name string, p []byte, offset int64) (size int64, err error) {
	for range attempts {
		size, err = b.readAt(ctx, name, p, offset)
		if err == nil || errors.Is(err, ErrMissing) || errors.Is(err, ErrShort) || ctx.Err() != nil {
			break
		}
		if _, answered := errors.AsType[minio.ErrorResponse](err); answered {
			break // after as many attempts as are made
		}
	}
	if err != nil {
		return size, fmt.Errorf("reading an object: %w", err)
	}
	return size, nil
}

func (b *bucket) readAt(ctx context.Context, name string, p []byte, offset int64) (int64, error) {
	ctx, cancel := b.within(ctx, int64(len(p)))
	defer cancel()
	var opts minio.GetObjectOptions
	if err := opts.SetRange(offset, offset+int64(len(p))-1); err != nil {
		return 0, err
	}
	body, _, header, err := b.core.GetObject(ctx, b.name, b.key(name), opts)
	if err != nil {
		return 0, shown(err)
	}
	defer func() { _ = body.Close() }() // of what was read, nothing is left to fail
	from, to, size, ok := contentRange(header)
	switch {
	case !ok || from != offset:
		return 0, errors.New("the service answers with another range than was asked for")
	case to-from+1 < int64(len(p)):
		return size, ErrShort
	}
	if _, err := io.ReadFull(body, p); err != nil {
		return 0, fmt.Errorf("the answer broke off: %w", err)
	}
	return size, nil
}

// contentRange reads "bytes 0-9/100".
func contentRange(h http.Header) (from, to, size int64, ok bool) {
	text, ok := strings.CutPrefix(h.Get("Content-Range"), "bytes ")
	if !ok {
		return 0, 0, 0, false
	}
	span, total, ok1 := strings.Cut(text, "/")
	first, last, ok2 := strings.Cut(span, "-")
	if !ok1 || !ok2 {
		return 0, 0, 0, false
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	size, err3 := strconv.ParseInt(total, 10, 64)
	return from, to, size, errors.Join(err1, err2, err3) == nil && from >= 0 && to >= from && size > to
}

// Delete removes an object.
func (b *bucket) Delete(ctx context.Context, name string) error {
	ctx, cancel := b.within(ctx, 0)
	defer cancel()
	err := shown(b.core.RemoveObject(ctx, b.name, b.key(name), minio.RemoveObjectOptions{}))
	if err != nil && !errors.Is(err, ErrMissing) {
		return fmt.Errorf("deleting an object: %w", err)
	}
	return nil
}

// shown tells the answers apart that mean something about an object. A bucket that is
// not there, or is not to be seen, says nothing about its objects.
func shown(err error) error {
	if err == nil {
		return nil
	}
	switch minio.ToErrorResponse(err).Code {
	case minio.NoSuchKey:
		return ErrMissing
	case "InvalidRange":
		return ErrShort
	}
	return err
}

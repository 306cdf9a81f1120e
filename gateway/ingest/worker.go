package ingest

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// worker is what the CPU stages of one request need; they hold it while they
// work, and nobody else.
type worker struct {
	limits    Limits
	reader    *reader
	encoder   *zstd.Encoder
	decoder   *zstd.Decoder
	plain     []byte // of the request at hand, decompressed
	statement []byte

	// Of a request in parts.
	wire    []wirePart
	list    []part
	digests []proof.Hash
	bound   []byte
}

// keptPlain is up to what size a worker keeps its memory between requests.
const keptPlain = 8 << 20

// packFrom is from how many bytes on compressing is worth the while.
const packFrom = 512

func newWorker(limits Limits) (*worker, error) {
	encoder, err := newEncoder()
	if err != nil {
		return nil, err
	}
	decoder, err := newDecoder(limits.Body)
	if err != nil {
		return nil, err
	}
	return &worker{limits: limits, reader: newReader(limits), encoder: encoder, decoder: decoder}, nil
}

func newEncoder() (*zstd.Encoder, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), // the sealed bytes are authenticated
		zstd.WithWindowSize(256<<10))
	if err != nil {
		return nil, fmt.Errorf("making a compressor: %w", err)
	}
	return e, nil
}

// newDecoder makes a decompressor that gives up beyond limit bytes.
func newDecoder(limit int) (*zstd.Decoder, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit))) //nolint:gosec // validated
	if err != nil {
		return nil, fmt.Errorf("making a decompressor: %w", err)
	}
	return d, nil
}

// unpack decompresses a body into memory that lasts until the next request.
func (w *worker) unpack(body []byte) ([]byte, error) {
	if cap(w.plain) > keptPlain {
		w.plain = nil
	}
	plain, err := w.decoder.DecodeAll(body, w.plain[:0])
	if cap(plain) > cap(w.plain) {
		w.plain = plain
	}
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), len(plain) > w.limits.Body:
		return nil, w.tooLarge()
	case err != nil:
		return nil, &ledger.Problem{
			Code: ledger.CodeInvalid, Detail: "the body cannot be decompressed",
			Faults: []ledger.Fault{{Field: "body", Detail: "must be Zstandard frames, without a dictionary"}},
		}
	}
	return plain, nil
}

func (w *worker) tooLarge() error {
	return ledger.Problemf(ledger.CodeTooLarge, "the body has more than %d bytes when decompressed", w.limits.Body)
}

// pack appends plain to dst, compressed if that makes it smaller.
func (w *worker) pack(dst, plain []byte) (_ []byte, smaller bool) {
	if len(plain) < packFrom {
		return append(dst, plain...), false
	}
	start := len(dst)
	dst = w.encoder.EncodeAll(plain, dst)
	if len(dst)-start < len(plain) {
		return dst, true
	}
	return append(dst[:start], plain...), false
}

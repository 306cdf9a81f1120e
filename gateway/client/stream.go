package client

import (
	"context"
	"iter"

	"github.com/secant-platform/secant/analytics/proof"
)

// Requests of a stream.
const (
	streamRecords = 1000 // of one request
	streamAtOnce  = 4    // requests under way
)

// SubmitStream hands in records of a device as they come, in requests of up to a
// thousand, some under way at once, and yields their receipts in the order of the
// records. from is as for Submit, without Records and Seed. It stops at the first
// error: the records of the receipts that came before it are durable, of the others
// some may be.
//
// Requests wait for more records only as long as records comes to an end of itself:
// who has few hands them in with Submit.
func (c *Client) SubmitStream(ctx context.Context, from Readings, records iter.Seq[[]byte]) iter.Seq2[*Receipt, error] {
	return func(yield func(*Receipt, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		type result struct {
			receipt *Receipt
			err     error
		}
		var waiting []chan result // oldest first
		defer func() {
			cancel()
			for _, w := range waiting {
				<-w
			}
		}()
		send := func(part [][]byte) {
			r := from
			r.Records, r.Seed, r.Signature = part, proof.Seed{}, proof.Signature{}
			w := make(chan result, 1)
			waiting = append(waiting, w)
			go func() {
				receipt, err := c.Submit(ctx, r)
				w <- result{receipt, err}
			}()
		}
		// take yields the oldest receipt, and reports whether to go on.
		take := func() bool {
			got := <-waiting[0]
			waiting = waiting[1:]
			return yield(got.receipt, got.err) && got.err == nil
		}
		var part [][]byte
		size := 0
		for record := range records {
			if len(part) > 0 && (len(part) == streamRecords || size+len(record) > proof.MaxRecord) {
				send(part)
				part, size = nil, 0
				if len(waiting) == streamAtOnce && !take() {
					return
				}
			}
			part = append(part, record)
			size += len(record)
		}
		if len(part) > 0 {
			send(part)
		}
		for len(waiting) > 0 {
			if !take() {
				return
			}
		}
	}
}

package client

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// link is the connection to one peer.
type link struct {
	name         string
	organisation string
	conn         *grpc.ClientConn
	suspectUntil atomic.Int64 // Unix nanoseconds
	down         atomic.Bool  // its last call did not reach it, or found it hanging
}

func (l *link) healthy(now time.Time) bool {
	return l.conn.GetState() != connectivity.TransientFailure && now.UnixNano() >= l.suspectUntil.Load()
}

// route is a connection to whichever of several peers answers. Every unary call
// of the gateway service may be repeated at another peer: endorsing and
// evaluating change nothing, a commit status is a question, and a transaction
// that is sent twice has one id and is valid once at most.
type route struct {
	links []*link
	opts  *options
}

var _ grpc.ClientConnInterface = (*route)(nil)

// Invoke sends one call to the first peer that can answer it.
func (r *route) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	var first error
	answers := 0
	links := r.order()
	for i, l := range links {
		limit := r.limit(method)
		if l.down.Load() && slices.ContainsFunc(links[i+1:], func(other *link) bool { return !other.down.Load() }) {
			limit = min(limit, r.opts.probe) // others can do it: only see whether it is back
		}
		err := r.try(ctx, l, limit, method, args, reply, opts)
		if err == nil || ctx.Err() != nil || !elsewhere(err) {
			return err
		}
		explained := len(status.Convert(err).Details()) > 0
		if first == nil || explained {
			first = err // what a peer explained says more than what a broken connection did
		}
		if method == gateway.Gateway_Submit_FullMethodName && explained {
			// The orderers had it. When they are slow, sending it through every
			// peer would make them slower.
			if answers++; answers == 2 || ordered(err) {
				return err
			}
		}
	}
	return first
}

// try sends one call to one peer, within the time that one peer is given.
func (r *route) try(ctx context.Context, l *link, limit time.Duration, method string, args, reply any, opts []grpc.CallOption) error {
	tryCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := l.conn.Invoke(tryCtx, method, args, reply, opts...)
	switch {
	case err == nil:
		if l.down.CompareAndSwap(true, false) {
			r.opts.log.InfoContext(ctx, "peer answered again", slog.String("peer", l.name))
		}
	case ctx.Err() != nil:
	case status.Code(err) == codes.DeadlineExceeded && method != gateway.Gateway_CommitStatus_FullMethodName:
		l.suspectUntil.Store(time.Now().Add(r.opts.suspicion).UnixNano())
		r.lost(ctx, l, err)
	case status.Code(err) == codes.Unavailable && l.conn.GetState() != connectivity.Ready:
		r.lost(ctx, l, err)
	}
	return err
}

func (r *route) lost(ctx context.Context, l *link, err error) {
	if l.down.CompareAndSwap(false, true) {
		r.opts.log.WarnContext(ctx, "peer did not answer", slog.String("peer", l.name),
			slog.String("organisation", l.organisation), slog.Any("error", err))
	}
}

// limit is the time that one peer has for a call. Waiting for a commit says
// nothing about the peer, so the wait is shared between a few of them.
func (r *route) limit(method string) time.Duration {
	switch method {
	case gateway.Gateway_Evaluate_FullMethodName:
		return r.opts.evaluate
	case gateway.Gateway_Endorse_FullMethodName:
		return r.opts.endorse
	case gateway.Gateway_Submit_FullMethodName:
		return r.opts.submit
	default:
		return max(r.opts.commit/2, time.Second)
	}
}

// order is the order of the configuration, with the peers that seem to be down
// moved to the end: they are tried when nobody else answers.
func (r *route) order() []*link {
	now := time.Now()
	healthy := 0
	for healthy < len(r.links) && r.links[healthy].healthy(now) {
		healthy++
	}
	if healthy == len(r.links) {
		return r.links
	}
	up, down := make([]*link, 0, len(r.links)), make([]*link, 0, len(r.links))
	for _, l := range r.links {
		if l.healthy(now) {
			up = append(up, l)
		} else {
			down = append(down, l)
		}
	}
	return append(up, down...)
}

// elsewhere reports whether another peer may do better: this one cannot be
// reached, took too long, is overloaded, or does not see enough other peers.
func elsewhere(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.FailedPrecondition:
		return true
	default:
		return overloaded(err)
	}
}

// NewStream opens a stream at the first peer. Nothing here uses it: Follow
// opens its own, because it must know which peer it reads from.
func (r *route) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return r.order()[0].conn.NewStream(ctx, desc, method, opts...)
}

package client

import (
	"log/slog"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Option changes a default of a client.
type Option func(*options)

type options struct {
	log      *slog.Logger
	evaluate time.Duration
	endorse  time.Duration
	submit   time.Duration
	commit   time.Duration
	trust    func() *ledger.Trust // nil: a majority of the configuration's organisations

	suspicion time.Duration // how long a peer that let a call time out is tried last
	probe     time.Duration // how long it is given then, while others answer
}

func defaults() options {
	return options{
		log:      slog.New(slog.DiscardHandler),
		evaluate: 5 * time.Second,
		endorse:  15 * time.Second,
		submit:   10 * time.Second,
		commit:   20 * time.Second,

		suspicion: 30 * time.Second,
		probe:     2 * time.Second,
	}
}

// WithLogger logs to l; without it a client logs nothing.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

// WithEvaluateTimeout bounds an evaluation at one peer; the default is 5 s.
func WithEvaluateTimeout(d time.Duration) Option { return func(o *options) { o.evaluate = d } }

// WithEndorseTimeout bounds an endorsement through one gateway peer; the
// default is 15 s.
func WithEndorseTimeout(d time.Duration) Option { return func(o *options) { o.endorse = d } }

// WithSubmitTimeout bounds the sending of a transaction to the orderers through
// one gateway peer; the default is 10 s.
func WithSubmitTimeout(d time.Duration) Option { return func(o *options) { o.submit = d } }

// WithCommitTimeout bounds the wait for a submitted transaction to be
// committed, over all peers that are asked; afterwards its outcome is unknown.
// The default is 20 s: an orderer leader that died is replaced within 6 s.
func WithCommitTimeout(d time.Duration) Option { return func(o *options) { o.commit = d } }

// WithTrust has a signed read judged by the trust file that the function
// returns at that moment: it must carry the signatures of as many members as a
// read of its own time needs (ledger.TrustEpoch.ReadNeeded). Without it a majority of the organisations
// in the configuration is wanted.
func WithTrust(trust func() *ledger.Trust) Option { return func(o *options) { o.trust = trust } }

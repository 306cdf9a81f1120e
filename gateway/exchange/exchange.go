package exchange

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Store keeps what is exchanged.
type Store interface {
	PutSealed(ctx context.Context, r *fact.SealedReport, to []string) error
	SealedReport(ctx context.Context, digest string) (fact.SealedReport, error)
	ForgetSealed(ctx context.Context, digest string) error
	SealedWithdrawn(ctx context.Context, limit int) ([]string, error)
	SealedErased(ctx context.Context, digest string, now time.Time) error

	Partners(ctx context.Context) ([]string, error)
	NextDelivery(ctx context.Context, member string, now time.Time) (*fact.Delivery, time.Time, error)
	Delivery(ctx context.Context, kind, digest, member string) (fact.Delivery, error)
	Deliveries(ctx context.Context, digest string) ([]fact.Delivery, error)
	SetCopy(ctx context.Context, seq int64, key string, sealed []byte) error
	PostponeDelivery(ctx context.Context, seq int64, next time.Time) error
	DeliveryTaken(ctx context.Context, seq int64, receipt []byte, now time.Time) error

	Announce(ctx context.Context, sharer, digest string, now time.Time) error
	NextAnnounced(ctx context.Context, sharer string, now time.Time) (*fact.Announced, time.Time, error)
	PostponeAnnounced(ctx context.Context, a *fact.Announced, next time.Time) error

	ExchangeKeys(ctx context.Context) ([]fact.ExchangeKey, error)
	AddExchangeKey(ctx context.Context, k *fact.ExchangeKey, before time.Time) error
	PeerKey(ctx context.Context, member string) ([]byte, error)
	SetPeerKey(ctx context.Context, member string, statement []byte) error

	PutRelayed(ctx context.Context, r *fact.SealedReport, relay string) error
	PutDocument(ctx context.Context, d fact.Document) error
	Opening(ctx context.Context, digest string) (ledger.ThreatOpening, error)
	SetRelayHandle(ctx context.Context, sealed, handle string) error
	RelayHandle(ctx context.Context, digest, relay string) (string, error)
	WithdrawRelayed(ctx context.Context, digest, id string, now time.Time) error
	ShareKey(ctx context.Context, member string) ([]byte, error)
	SetShareKey(ctx context.Context, member string, statement []byte) error

	AddSealedFeedback(ctx context.Context, f *fact.SealedFeedback, to []string) error
	SealedFeedback(ctx context.Context, digest, by, id string) (fact.SealedFeedback, error)

	Report(ctx context.Context, digest string) (fact.Report, error)
	Organisation(ctx context.Context, id string) (fact.Row[ledger.Organisation], error)
	Roster(ctx context.Context) (fact.Row[ledger.Roster], error)
}

// Vault keeps plain bytes, each under a key of its own that can be destroyed.
type Vault interface {
	// Keep encrypts plain under the key of name, which is durable when it returns, and
	// is made when there is none.
	Keep(name string, plain []byte) (slot uint64, wrapped, sealed []byte, err error)
	// Open decrypts what Keep made. It fails with a gone problem when the key is.
	Open(name string, slot uint64, wrapped, sealed []byte) ([]byte, error)
	// Erase destroys the key of name, and returns when that is durable.
	Erase(name string) error
	// Derive returns bytes that follow from parts, and are nobody's to guess without the
	// vault's key.
	Derive(parts ...[]byte) [32]byte
}

// Deps is what the exchange needs of the rest of the node.
type Deps struct {
	Organisation string             // MSP id
	Network      string             // the consortium's name
	Key          ed25519.PrivateKey // the organisation's on the ledger
	Store        Store
	Vault        Vault
	Members      auth.Keys
	// Call sends a request to a member's node in this organisation's name, and returns
	// the status and at most limit bytes of the answer.
	Call func(ctx context.Context, member, method, path string, body []byte, limit int64) (status int, answer []byte, err error)
	// Submit puts onto the ledger what is relayed, as the sharer, and waits until it stands
	// there. It fails with a *fact.Pending when that takes long, and goes on.
	Submit func(ctx context.Context, name string, request any) error
	// Judge refuses what is no report, or is not to be shared under a marking.
	Judge func(body []byte, marking string) error
	// Subscribe tells when there may be something new, and Wake tells others.
	Subscribe func() (wake <-chan struct{}, cancel func())
	Wake      func()
	Logger    *slog.Logger
	Metrics   prometheus.Registerer
	Pace      Pace
}

// Pace is how a member that does not answer is tried again, and how keys age. The zero
// value is for use.
type Pace struct {
	First   time.Duration // before the second try; it doubles with each. Default 1 s
	Longest time.Duration // between two tries. Default 5 min
	Rotate  time.Duration // after which a key is replaced. It is good twice as long and kept four times as long. Default 30 days
	Forget  time.Duration // after which a report that was announced and is never to be had is no longer asked for. Default 30 days
	Now     func() time.Time
}

func (p *Pace) complete() {
	const month = 30 * 24 * time.Hour
	for at, d := range map[*time.Duration]time.Duration{&p.First: time.Second, &p.Longest: 5 * time.Minute, &p.Rotate: month, &p.Forget: month} {
		if *at == 0 {
			*at = d
		}
	}
	if p.Now == nil {
		p.Now = time.Now
	}
}

// after is when to try again after so many failures: half of the wait is left to chance.
func (p *Pace) after(failures int) time.Time {
	d := p.Longest
	if failures < 32 && p.First<<failures < d && p.First<<failures > 0 {
		d = p.First << failures
	}
	return p.Now().Add(d/2 + rand.N(d/2+1)) //nolint:gosec // spreads retries, protects nothing
}

// Exchange hands sealed reports to those they name, and takes those that name this
// organisation.
type Exchange struct {
	Deps
	aead  cipher.AEAD // seals the own keys in the store
	keys  sync.Mutex  // held while one is made
	moves *prometheus.CounterVec

	underWay underWay // to the ledger, for others
}

// New makes the exchange. Run runs it.
func New(d Deps) (*Exchange, error) {
	if d.Organisation == "" || d.Network == "" || d.Store == nil || d.Vault == nil || d.Members == nil || d.Call == nil || d.Submit == nil || d.Judge == nil ||
		d.Subscribe == nil || d.Wake == nil || d.Logger == nil || d.Metrics == nil || len(d.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("the exchange of sealed reports lacks a part")
	}
	d.Pace.complete()
	secret := d.Vault.Derive([]byte("secant/exchange/keys/v1"))
	block, err := aes.NewCipher(secret[:])
	if err != nil {
		return nil, fmt.Errorf("making the seal of the exchange's keys: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making the seal of the exchange's keys: %w", err)
	}
	moves := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secant_exchange_moves_total", Help: "What was handed to members and taken from them under seal, by kind and by what came of it.",
	}, []string{"kind", "outcome"})
	if err := d.Metrics.Register(moves); err != nil {
		return nil, fmt.Errorf("counting what is exchanged: %w", err)
	}
	return &Exchange{Deps: d, aead: aead, moves: moves}, nil
}

package exchange

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudflare/circl/hpke"
	"github.com/cloudflare/circl/kem"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// suite is how things are sealed: X-Wing (draft-connolly-cfrg-xwing-kem, HPKE's KEM
// 0x647a) is X25519 and ML-KEM-768 together, so that what is recorded today is closed to
// a quantum computer as well.
var suite = hpke.NewSuite(hpke.KEM_XWING, hpke.KDF_HKDF_SHA256, hpke.AEAD_AES256GCM)

func scheme() kem.Scheme { return hpke.KEM_XWING.Scheme() }

// keyStatement is what a node says of its key.
type keyStatement struct {
	V            int       `json:"v"`
	Network      string    `json:"network"`
	Organisation string    `json:"organisation"` // MSP id
	ID           string    `json:"id"`           // of Public, see keyID
	Public       []byte    `json:"public"`
	Until        time.Time `json:"until"`
}

// keyID names a public key: the first 16 bytes of its SHA-256, in hexadecimal digits.
func keyID(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// ownKey is one of the own keys, opened.
type ownKey struct {
	id      string
	public  []byte
	private kem.PrivateKey
	made    time.Time
}

// newest returns the key to which others are to seal now, and makes one when the newest
// is old or there is none.
func (x *Exchange) newest(ctx context.Context) (*ownKey, error) {
	x.keys.Lock()
	defer x.keys.Unlock()
	all, err := x.Store.ExchangeKeys(ctx)
	if err != nil {
		return nil, err
	}
	now := x.Pace.Now().UTC()
	if len(all) > 0 && now.Sub(all[0].Made) < x.Pace.Rotate {
		return x.openKey(&all[0])
	}
	seed := make([]byte, scheme().SeedSize())
	_, _ = rand.Read(seed) // never fails: crypto/rand
	k, err := keyOf(seed)
	if err != nil {
		return nil, err
	}
	k.made = now
	// One that is forgotten was last stated to be good for twice Rotate.
	kept := &fact.ExchangeKey{ID: k.id, Sealed: x.aead.Seal(nil, nil, seed, []byte(k.id)), Made: now} //nolint:gosec // this kind makes a random nonce of its own
	return k, x.Store.AddExchangeKey(ctx, kept, now.Add(-4*x.Pace.Rotate))
}

func keyOf(seed []byte) (*ownKey, error) {
	public, private := scheme().DeriveKeyPair(seed)
	b, err := public.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encoding a key of the exchange: %w", err)
	}
	return &ownKey{id: keyID(b), public: b, private: private}, nil
}

func (x *Exchange) openKey(k *fact.ExchangeKey) (*ownKey, error) {
	seed, err := x.aead.Open(nil, nil, k.Sealed, []byte(k.ID))
	if err != nil || len(seed) != scheme().SeedSize() {
		return nil, errors.New("opening a key of the exchange: it was not sealed under this node's key")
	}
	own, err := keyOf(seed)
	if err != nil {
		return nil, err
	}
	own.made = k.Made
	return own, nil
}

// own returns one of the own keys. Problems: conflict, when it is gone.
func (x *Exchange) own(ctx context.Context, id string) (*ownKey, error) {
	all, err := x.Store.ExchangeKeys(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == id {
			return x.openKey(&all[i])
		}
	}
	return nil, errSealedToAnother
}

var errSealedToAnother = ledger.Problemf(ledger.CodeConflict, "it is sealed to another key than the one in use; it will be sealed anew: ask again")

// statement is what this node says of its newest key.
func (x *Exchange) statement(ctx context.Context) ([]byte, error) {
	k, err := x.newest(ctx)
	if err != nil {
		return nil, err
	}
	return sign(x.Key, domainKey, keyStatement{1, x.Network, x.Organisation, k.id, k.public, k.made.Add(2 * x.Pace.Rotate)})
}

// peer returns a member's key: what it stated before, as long as that is good under the
// key that it has on the ledger now, else what it states now.
func (x *Exchange) peer(ctx context.Context, member string) (*keyStatement, error) {
	text, err := x.Store.PeerKey(ctx, member)
	if err != nil {
		return nil, err
	}
	if text != nil {
		if k, err := x.readKey(ctx, member, domainKey, text); err == nil {
			return k, nil
		}
	}
	status, text, err := x.Call(ctx, member, http.MethodGet, pathKey, nil, maxSigned)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("the node answered with status %d to who asks for its key", status)
	}
	k, err := x.readKey(ctx, member, domainKey, text)
	if err != nil {
		return nil, err
	}
	return k, x.Store.SetPeerKey(ctx, member, text)
}

func (x *Exchange) readKey(ctx context.Context, member, domain string, text []byte) (*keyStatement, error) {
	var k keyStatement
	if err := x.read(ctx, "the key of "+member, member, domain, text, &k); err != nil {
		return nil, err
	}
	switch {
	case k.V != 1 || k.Network != x.Network || k.Organisation != member || k.ID != keyID(k.Public):
		return nil, ledger.Problemf(ledger.CodeDenied, "the key that %s states is another's", member)
	case !x.Pace.Now().Before(k.Until):
		return nil, ledger.Problemf(ledger.CodeDenied, "the key that %s states is good no more", member)
	}
	if _, err := scheme().UnmarshalBinaryPublicKey(k.Public); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the key that %s states is not one of X-Wing", member)
	}
	return &k, nil
}

// read reads what a member signed.
func (x *Exchange) read(ctx context.Context, name, member, domain string, text []byte, v any) error {
	key, err := x.Members.TokenKey(ctx, member)
	if err != nil {
		return err
	}
	return readSigned(name, key, domain, text, v)
}

package exchange

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/escrow"
)

// shareKeyLife is how long a stated key for shares is good. The key itself is always the
// same: what is sealed to it stands on the ledger for ever, and may be asked for whenever.
const shareKeyLife = 366 * 24 * time.Hour

// shareKey is the own key to which shares of names are sealed. It follows from the
// vault's key, so it is lost with that, and only then.
func (x *Exchange) shareKey() (*ownKey, error) {
	seed := x.Vault.Derive([]byte("secant/exchange/share-key/v1"))
	return keyOf(seed[:])
}

func (x *Exchange) serveShareKey(c *gin.Context, _ string) error {
	k, err := x.shareKey()
	if err != nil {
		return err
	}
	text, err := sign(x.Key, domainShareKey, keyStatement{1, x.Network, x.Organisation, k.id, k.public, x.Pace.Now().UTC().Add(shareKeyLife)})
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/json", text)
	return nil
}

// peerShareKey returns the key to which a member's shares are sealed: what it stated
// before, as long as that is good, else what it states now.
func (x *Exchange) peerShareKey(ctx context.Context, member string) ([]byte, error) {
	if member == x.Organisation {
		k, err := x.shareKey()
		if err != nil {
			return nil, err
		}
		return k.public, nil
	}
	text, err := x.Store.ShareKey(ctx, member)
	if err != nil {
		return nil, err
	}
	if text != nil {
		if k, err := x.readKey(ctx, member, domainShareKey, text); err == nil {
			return k.Public, nil
		}
	}
	status, text, err := x.Call(ctx, member, http.MethodGet, pathShareKey, nil, maxSigned)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the node answered with status %d", status)
	}
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeUnavailable, "the node of %s does not state the key to which its share of the name is to be sealed", member)
	}
	k, err := x.readKey(ctx, member, domainShareKey, text)
	if err != nil {
		return nil, err
	}
	return k.Public, x.Store.SetShareKey(ctx, member, text)
}

// sealName seals a statement among members, who come sorted. In clear nothing of it
// outlives the call.
func (x *Exchange) sealName(ctx context.Context, digest string, members []string, statement []byte) (*ledger.ThreatRelay, error) {
	made, err := escrow.Seal(statement, x.escrowContext(digest, x.Organisation), len(members))
	if err != nil {
		return nil, err
	}
	r := &ledger.ThreatRelay{Name: made.Sealed, Commitment: made.Commitment}
	for i, m := range members {
		public, err := x.peerShareKey(ctx, m)
		if err != nil {
			return nil, err
		}
		to, err := scheme().UnmarshalBinaryPublicKey(public)
		if err != nil {
			return nil, fmt.Errorf("reading a member's key: %w", err)
		}
		sender, err := suite.NewSender(to, x.shareContext(digest, x.Organisation, m))
		if err != nil {
			return nil, fmt.Errorf("sealing a share: %w", err)
		}
		enc, sealer, err := sender.Setup(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("sealing a share: %w", err)
		}
		sealed, err := sealer.Seal([]byte(made.Shares[i]), nil)
		if err != nil {
			return nil, fmt.Errorf("sealing a share: %w", err)
		}
		r.Shares = append(r.Shares, ledger.SealedShare{Member: m, Share: base64.StdEncoding.EncodeToString(slices.Concat(enc, sealed))})
	}
	return r, nil
}

// shareContext is what a share is sealed under: it opens as that of no other report,
// relay or member.
func (x *Exchange) shareContext(digest, relay, member string) []byte {
	return bind(domainShare, x.Network, digest, relay, member)
}

// Share opens the own share of the name behind a relayed report, so that it can be given
// for a request: that of asker, or the first one when asker is empty. Problems: not_found;
// gone, when the key to which it was sealed is lost; denied, when what was sealed is not
// the share that the relay is committed to.
func (x *Exchange) Share(ctx context.Context, digest, asker string) (*ledger.GiveShare, error) {
	o, err := x.Store.Opening(ctx, digest)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(o.Requests, func(r ledger.OpeningRequest) bool { return r.By == asker || asker == "" })
	if i < 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "nobody asked for the name behind the report, or not the one who is named")
	}
	relay := &o.Escrow.Relay
	place := relay.Place(x.Organisation)
	if place == 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "this organisation was no member when the report was relayed, and has no share of the name")
	}
	text, err := base64.StdEncoding.DecodeString(relay.Shares[place-1].Share)
	size := scheme().CiphertextSize()
	if err != nil || len(text) <= size {
		return nil, errBadShare
	}
	own, err := x.shareKey()
	if err != nil {
		return nil, err
	}
	receiver, err := suite.NewReceiver(own.private, x.shareContext(digest, o.Escrow.Sharer, x.Organisation))
	if err != nil {
		return nil, fmt.Errorf("opening a share: %w", err)
	}
	opener, err := receiver.Setup(text[:size])
	if err != nil {
		return nil, errBadShare
	}
	share, err := opener.Open(text[size:], nil)
	if err != nil {
		return nil, errShareKey
	}
	if escrow.Check(relay.Commitment, place, string(share)) != nil {
		return nil, errBadShare
	}
	return &ledger.GiveShare{Digest: digest, Sharer: o.Escrow.Sharer, For: o.Requests[i].By, Share: string(share)}, nil
}

var (
	errBadShare = ledger.Problemf(ledger.CodeDenied, "what the relay sealed to this organisation is not the share that it is committed to: ask it why")
	errShareKey = ledger.Problemf(ledger.CodeGone, "the share was sealed to a key that this node no longer has, or about another report: others can open the name without it")
)

// openName combines the shares that were given. One that is false cannot stand there.
func (x *Exchange) openName(o *ledger.ThreatOpening) ([]byte, error) {
	shares := map[int]string{}
	for _, s := range o.Shares {
		if place := o.Escrow.Relay.Place(s.By); place > 0 {
			shares[place] = s.Share
		}
	}
	return escrow.Open(o.Escrow.Relay.Name, x.escrowContext(o.Escrow.Digest, o.Escrow.Sharer), o.Escrow.Relay.Commitment, shares)
}

// Opening tells how far the opening of a name has come. Problems: not_found.
func (x *Exchange) Opening(ctx context.Context, digest string) (ledger.ThreatOpening, error) {
	return x.Store.Opening(ctx, digest)
}

package app

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/gateway/oid4"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/certificate"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/keys/local"
	"github.com/secant-platform/secant/identity/lasting"
)

// What lasting keys are for, each with one of its own. The type is that of the
// services of the issuer's document under which such keys are: where each is served, by
// its thumbprint. They are no verification methods, which other people's wallets read
// all of and do not know; and they are our own, as no vocabulary has any.
const (
	lastingCertificates = "certificates"
	lastingCheckpoints  = "checkpoints"

	typeLastingCertificates = "LastingCertificateKey"
	typeLastingCheckpoints  = "LastingCheckpointKey"
)

// keptLasting is how many generations of a lasting key stand in the document: of two, as
// many as it has room for beside the others. What an older one signed has no key any
// more that anybody vouches for.
const keptLasting = (ledger.MaxDIDServices - placeServices - certificate.MaxRoots - keptBBS) / 2

// maxLastingLines bounds the checkpoints whose lasting signatures are kept at hand.
const maxLastingLines = 256

// lastingSignatures makes a node's lasting signatures.
type lastingSignatures struct {
	keys         *local.Store
	store        *store.Store
	organisation string
	origin       string // of the log's checkpoints
	base         string // the node's public address
	// types are those of the services, by what a key of this node's is for.
	types map[string]string

	mu        sync.Mutex // guards what follows
	published []ledger.Service
	lines     map[string]*proof.Lasting // by checkpoint, under the key that signs now
	by        string                    // thumbprint of that key
}

// openLasting opens the lasting keys. They lie in files also where a hardware module
// has the issuer's others: modules lack the algorithm.
func (n *node) openLasting(secret []byte, keeper keys.Keeper) (*lastingSignatures, error) {
	l := &lastingSignatures{
		store: n.store, organisation: n.cfg.Organisation, origin: n.log.Origin(), base: n.cfg.PublicURL(),
		types: map[string]string{lastingCheckpoints: typeLastingCheckpoints}, lines: map[string]*proof.Lasting{},
	}
	if slices.ContainsFunc(catalogue.Types(), func(t *catalogue.Type) bool { return t.Lasting && t.By(n.cfg.Kind) }) {
		l.types[lastingCertificates] = typeLastingCertificates
	}
	files, ok := keeper.(*local.Store)
	if !ok {
		var err error
		if files, err = local.Open(filepath.Join(n.cfg.Data, identityFolder), []byte(hex.EncodeToString(secret))); err != nil {
			return nil, fmt.Errorf("opening the lasting keys: %w", err)
		}
	}
	l.keys = files
	return l, nil
}

// generations returns the newest keys for a purpose, as many as the document has room
// for, the newest last. It makes the first.
func (l *lastingSignatures) generations(purpose string) ([]*keys.LastingKey, error) {
	newest, err := l.keys.Lasting(purpose)
	if err != nil {
		return nil, fmt.Errorf("opening a lasting key: %w", err)
	}
	list, err := l.keys.LastingGenerations(purpose)
	if err != nil {
		return nil, fmt.Errorf("listing lasting keys: %w", err)
	}
	var all []*keys.LastingKey
	for _, g := range list[max(0, len(list)-keptLasting):] {
		k, err := l.keys.LastingAt(purpose, g)
		if err != nil {
			return nil, fmt.Errorf("opening a lasting key: %w", err)
		}
		all = append(all, k)
	}
	if len(all) == 0 { // its file went meanwhile
		all = append(all, newest)
	}
	return all, nil
}

// services say on the ledger which lasting keys the node's are.
func (l *lastingSignatures) services() ([]ledger.Service, error) {
	var all []ledger.Service
	for _, purpose := range []string{lastingCertificates, lastingCheckpoints} {
		if l.types[purpose] == "" {
			continue
		}
		list, err := l.generations(purpose)
		if err != nil {
			return nil, err
		}
		for _, k := range list {
			all = append(all, l.service(purpose, k.JWK().Thumbprint()))
		}
	}
	return all, nil
}

func (l *lastingSignatures) service(purpose, thumbprint string) ledger.Service {
	return ledger.Service{
		ID: "lasting-" + purpose + "-" + thumbprint[:16], Type: l.types[purpose],
		ServiceEndpoint: l.base + oid4.PathLastingKeys + thumbprint + oid4.LastingKeyEnding,
	}
}

// publish notes what stands in the document.
func (l *lastingSignatures) publish(services []ledger.Service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.published = slices.Clone(services)
}

// key returns the newest key for a purpose that stands on the ledger; before there is
// a document, the newest.
func (l *lastingSignatures) key(purpose string) (*keys.LastingKey, error) {
	list, err := l.generations(purpose)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	published := l.published
	l.mu.Unlock()
	for _, k := range slices.Backward(list) {
		if slices.Contains(published, l.service(purpose, k.JWK().Thumbprint())) {
			return k, nil
		}
	}
	return list[len(list)-1], nil
}

// rotate makes the next generation of every lasting key.
func (l *lastingSignatures) rotate() error {
	for purpose := range l.types {
		if _, err := l.keys.Lasting(purpose); err != nil { // a rotation before the first use makes two
			return fmt.Errorf("opening a lasting key: %w", err)
		}
		if _, err := l.keys.RotateLasting(purpose); err != nil {
			return fmt.Errorf("making a lasting key: %w", err)
		}
	}
	return nil
}

// last makes the lasting signature of a certificate.
func (l *lastingSignatures) last(c *lasting.Certificate) (string, error) {
	key, err := l.key(lastingCertificates)
	if err != nil {
		return "", err
	}
	return c.Sign(key)
}

// line makes the lasting signature of a checkpoint that stands on the ledger. It is
// made when somebody asks, and not kept for good: some 3 kB for each second of a log's
// life would be 100 GB a year, and it is worth the same whenever it is made.
func (l *lastingSignatures) line(checkpoint string) (*proof.Lasting, error) {
	key, err := l.key(lastingCheckpoints)
	if err != nil {
		return nil, err
	}
	thumbprint := key.JWK().Thumbprint()
	l.mu.Lock()
	if l.by != thumbprint || len(l.lines) >= maxLastingLines {
		clear(l.lines)
		l.by = thumbprint
	}
	have := l.lines[checkpoint]
	l.mu.Unlock()
	if have != nil {
		return have, nil
	}
	line, err := key.Line(l.origin, checkpoint)
	if err != nil {
		return nil, err
	}
	made := &proof.Lasting{Key: key.JWK(), Line: line}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == thumbprint {
		l.lines[checkpoint] = made
	}
	return made, nil
}

// Key returns a public key that this node has, of whichever generation, for those who
// have its thumbprint from the ledger.
func (l *lastingSignatures) Key(thumbprint string) (any, error) {
	for purpose := range l.types {
		list, err := l.keys.LastingGenerations(purpose)
		if err != nil {
			return nil, fmt.Errorf("listing lasting keys: %w", err)
		}
		for _, g := range slices.Backward(list) {
			k, err := l.keys.LastingAt(purpose, g)
			if err != nil {
				return nil, fmt.Errorf("opening a lasting key: %w", err)
			}
			if k.JWK().Thumbprint() == thumbprint {
				return k.JWK(), nil
			}
		}
	}
	return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such key")
}

// Certificate returns the lasting signature of a certificate of this issuer's.
func (l *lastingSignatures) Certificate(ctx context.Context, digest string) (string, error) {
	return l.store.Lasting(ctx, digest)
}

// Checkpoint returns an anchored checkpoint of this node's log as a signed note with
// both signatures.
func (l *lastingSignatures) Checkpoint(ctx context.Context, sequence uint64) (string, error) {
	stream, err := l.store.StreamOf(ctx, l.organisation)
	if err != nil {
		return "", err
	}
	anchor, err := l.store.Anchor(ctx, stream.Record.ID, sequence)
	if err != nil {
		return "", err
	}
	made, err := l.line(anchor.Record.Checkpoint)
	if err != nil {
		return "", err
	}
	return anchor.Record.Checkpoint + made.Line, nil
}

// lastingOf returns where an issuer's lasting keys of one kind of service are served,
// by their thumbprints, and the address of the host that serves them, which is where
// the issuer is at home: a document makes nobody call another.
func lastingOf(d *ledger.DID, kind string) (list map[string]string, home string) {
	list = map[string]string{}
	for _, s := range d.Service {
		base, name, ok := strings.Cut(s.ServiceEndpoint, oid4.PathLastingKeys)
		thumbprint, ends := strings.CutSuffix(name, oid4.LastingKeyEnding)
		if s.Type == kind && ok && ends && (home == "" || home == base) &&
			verify.CheckThumbprint(thumbprint) == nil && at(d, strings.TrimPrefix(base, "https://")) {
			list[thumbprint], home = s.ServiceEndpoint, base
		}
	}
	return list, home
}

// lasting is what the ledger says of an issuer's lasting signatures of certificates.
func (i *issuers) lasting(ctx context.Context, issuer string) (*lasting.Published, error) {
	id, err := i.secant(ctx, issuer)
	if err != nil {
		return nil, err
	}
	row, err := i.store.DID(ctx, id)
	if err != nil {
		return nil, err
	}
	if row.Record.Deactivated {
		return nil, unknownIssuer()
	}
	list, home := lastingOf(&row.Record, typeLastingCertificates)
	if len(list) == 0 {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the issuer has no lasting key for certificates on the ledger")
	}
	return &lasting.Published{Keys: list, Signatures: home + oid4.PathLastingCertificates}, nil
}

package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/keys"
)

// purposeControl is what the key is for that may change the issuer's document.
const purposeControl = "control"

// settler keeps the document of the node's issuer on the ledger as the node's keys
// and address are.
type settler struct {
	node     *node
	identity *identity
	mu       sync.Mutex // one change follows another
}

// settle creates the document, or brings its keys and its host up to date, and
// notes which keys stand there.
func (s *settler) settle(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		changed, err := s.step(ctx)
		if err != nil || !changed {
			return err
		}
	}
}

// step makes one change of the document that it needs, and reports whether it did.
func (s *settler) step(ctx context.Context) (changed bool, err error) {
	roster, err := s.node.store.Roster(ctx)
	if ledger.CodeOf(err) == ledger.CodeNotFound || err == nil && roster.Record.Network == "" {
		return false, ledger.Problemf(ledger.CodeUnavailable, "the network has no name yet, without which there are no DIDs: three members have to state the same one")
	}
	if err != nil {
		return false, err
	}
	control, err := s.identity.keeper.Signer(purposeControl, verify.AlgEdDSA)
	if err != nil {
		return false, fmt.Errorf("opening the issuer's control key: %w", err)
	}
	want, err := s.keys(control)
	if err != nil {
		return false, err
	}
	service, err := s.services()
	if err != nil {
		return false, err
	}
	id := s.identity.name.String()
	var current ledger.DIDResolution
	err = s.node.ledger.Evaluate(ctx, ledger.IdentityResolveDID, ledger.ResolveDID{DID: id}, &current)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		req := ledger.CreateDID{DID: id, Keys: want, Service: service}
		return true, s.change(ctx, ledger.IdentityCreateDID, control, &req, &req.Signature)
	}
	if err != nil {
		return false, fmt.Errorf("reading the issuer's document: %w", err)
	}
	have := &current.Version.Document
	if current.Ended {
		return false, ledger.Problemf(ledger.CodeGone, "the issuer's DID is deactivated: this node issues nothing")
	}
	if !sameKeys(have.Keys, want) {
		signer, err := s.controlling(have)
		if err != nil {
			return false, err
		}
		req := ledger.RotateKeys{DID: id, Keys: want, Revision: have.Revision + 1}
		return true, s.change(ctx, ledger.IdentityRotateKeys, signer, &req, &req.Signature)
	}
	if !slices.Equal(have.Service, service) {
		req := ledger.SetServices{DID: id, Service: service, AlsoKnownAs: have.AlsoKnownAs, Revision: have.Revision + 1}
		return true, s.change(ctx, ledger.IdentitySetServices, control, &req, &req.Signature)
	}
	s.identity.services.Store(&have.Service)
	s.identity.published.Store(&have.Keys)
	s.identity.lasting.publish(have.Service)
	return false, nil
}

// placeServices is how many services say where the node is: its host, and its desk for
// statements.
const placeServices = 2

// services are where the issuer is at home, the roots of its certificates, the keys of
// its lasting signatures, and what stands for its keys for BBS+.
func (s *settler) services() ([]ledger.Service, error) {
	base := s.node.cfg.PublicURL()
	list := []ledger.Service{{ID: "host", Type: typeWebHost, ServiceEndpoint: base}}
	if s.identity.statements != "" {
		list = append(list, deskService(base))
	}
	for _, root := range s.identity.certificates.Roots(time.Now()) {
		list = append(list, rootService(base, root))
	}
	durable, err := s.identity.lasting.services()
	if err != nil {
		return nil, err
	}
	bbs, err := s.identity.bbsServices(base)
	return append(append(list, durable...), bbs...), err
}

// keptKeys is how many generations of each of the two keys that sign credentials
// stand in the document: as many as it has room for beside the control key.
const keptKeys = (ledger.MaxDIDMethods - 1) / 2

// keys are the keys that the document should have: the newest generations with which
// a credential may have been signed, and the newest that may change the document.
func (s *settler) keys(control *keys.Key) (ledger.DIDKeys, error) {
	methods, err := desk.Methods(s.identity.keeper)
	if err != nil {
		return ledger.DIDKeys{}, err
	}
	newest := map[string]int{}
	for _, k := range methods {
		newest[k.Purpose] = max(newest[k.Purpose], k.Generation)
	}
	methods = slices.DeleteFunc(methods, func(k *keys.Key) bool { return k.Generation <= newest[k.Purpose]-keptKeys })
	var out ledger.DIDKeys
	add := func(k *keys.Key, to *[]string) {
		out.VerificationMethod = append(out.VerificationMethod, ledger.VerificationMethod{
			ID: k.ID(), Type: ledger.MethodJSONWebKey, PublicKeyJWK: k.JWK(),
		})
		*to = append(*to, k.ID())
	}
	for _, k := range methods {
		add(k, &out.AssertionMethod)
	}
	add(control, &out.CapabilityInvocation)
	return out, nil
}

func sameKeys(a, b ledger.DIDKeys) bool {
	return slices.Equal(a.VerificationMethod, b.VerificationMethod) && slices.Equal(a.AssertionMethod, b.AssertionMethod) &&
		slices.Equal(a.CapabilityInvocation, b.CapabilityInvocation)
}

// controlling returns the generation of the control key that the document knows.
func (s *settler) controlling(d *ledger.DID) (*keys.Key, error) {
	generations, err := s.identity.keeper.Generations(purposeControl)
	if err != nil {
		return nil, fmt.Errorf("listing the issuer's control keys: %w", err)
	}
	for _, g := range generations {
		k, err := s.identity.keeper.At(purposeControl, g)
		if err != nil {
			return nil, fmt.Errorf("opening the issuer's control key: %w", err)
		}
		if jwk, ok := d.Keys.Method(d.Keys.CapabilityInvocation, k.ID()); ok && jwk == k.JWK() {
			return k, nil
		}
	}
	return nil, ledger.Problemf(ledger.CodeDenied,
		"the issuer's document on the ledger is under another key than this node has: restore its identity folder, or have the members vote on a new key (recover_did)")
}

// change signs a change of the document and carries it to the ledger.
func (s *settler) change(ctx context.Context, name string, by *keys.Key, req ledger.ControlRequest, signature *string) error {
	payload, err := req.ControlPayload(s.node.cfg.Ledger.Channel)
	if err != nil {
		return err
	}
	*signature, err = keys.Compact(by, keys.Header{Type: ledger.TypeControlSignature, KeyID: s.identity.name.String() + "#" + by.ID()}, payload)
	if err != nil {
		return fmt.Errorf("signing a change of the issuer's document: %w", err)
	}
	if _, err := s.node.worker.Do(ctx, ledger.RoleRegistrar, name, req); err != nil {
		return fmt.Errorf("changing the issuer's document: %w", err)
	}
	return nil
}

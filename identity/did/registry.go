package did

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hyperledger/aries-framework-go/pkg/doc/did"
	"github.com/hyperledger/aries-framework-go/pkg/framework/aries/api/vdr"
	registry "github.com/hyperledger/aries-framework-go/pkg/vdr"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Registry returns aries' registry of DID methods with this resolver behind each,
// for what is done through aries. It serves for the work of one context, because
// aries passes none on. It only resolves; whoever looks for a key in what it
// answers must compare ids whole, which aries' own key resolver does not.
func (r *Resolver) Registry(ctx context.Context) *registry.Registry {
	var options []registry.Option
	for _, name := range []string{MethodSecant, MethodWeb, MethodKey, MethodJWK} {
		options = append(options, registry.WithVDR(method{name: name, resolve: func(s string) (*Resolution, error) {
			return r.Resolve(ctx, s, Options{})
		}}))
	}
	return registry.New(options...)
}

// method is a DID method as aries has it.
type method struct {
	name    string
	resolve func(did string) (*Resolution, error)
}

// Accept says that the method is this one.
func (m method) Accept(name string, _ ...vdr.DIDMethodOption) bool { return name == m.name }

// Read resolves a DID.
func (m method) Read(id string, _ ...vdr.DIDMethodOption) (*did.DocResolution, error) {
	res, err := m.resolve(id)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, fmt.Errorf("%w: %w", vdr.ErrNotFound, err)
	} else if err != nil {
		return nil, err
	}
	b, err := json.Marshal(res.Document)
	if err != nil {
		return nil, fmt.Errorf("encoding a DID document: %w", err)
	}
	document, err := did.ParseDocument(b)
	if err != nil {
		return nil, errors.New("reading a DID document: aries cannot")
	}
	return &did.DocResolution{
		Context: []string{res.Context}, DIDDocument: document,
		DocumentMetadata: &did.DocumentMetadata{VersionID: res.DocumentMetadata.VersionID, Deactivated: res.DocumentMetadata.Deactivated},
	}, nil
}

var errReadOnly = errors.New("this registry resolves DIDs and changes none")

// Create is refused: a DID is made where its method says.
func (m method) Create(*did.Doc, ...vdr.DIDMethodOption) (*did.DocResolution, error) {
	return nil, errReadOnly
}

// Update is refused, as Create is.
func (m method) Update(*did.Doc, ...vdr.DIDMethodOption) error { return errReadOnly }

// Deactivate is refused, as Create is.
func (m method) Deactivate(string, ...vdr.DIDMethodOption) error { return errReadOnly }

// Close does nothing.
func (m method) Close() error { return nil }

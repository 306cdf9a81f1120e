package vc

import (
	"bytes"
	_ "embed" // for the contexts
	"encoding/json"
	"fmt"
	"sync"

	embedded "github.com/hyperledger/aries-framework-go/pkg/doc/ldcontext/embed"
	"github.com/piprate/json-gold/ld"

	"github.com/secant-platform/secant/chaincode/verify"
)

// The contexts that credentials of these formats name.
const (
	ContextV1      = "https://www.w3.org/2018/credentials/v1"
	ContextV2      = "https://www.w3.org/ns/credentials/v2"
	ContextEd25519 = "https://w3id.org/security/suites/ed25519-2020/v1"
	ContextBBS     = "https://w3id.org/security/bbs/v1"
	ContextStatus  = "https://www.w3.org/ns/credentials/status/v1" // status lists, in the data model 1.1
	ContextBadge   = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"

	// What aries adds to submissions, and compacts BBS proofs with.
	contextSubmission = "https://identity.foundation/presentation-exchange/submission/v1"
	contextSecurityV1 = "https://w3id.org/security/v1"
	contextSecurityV2 = "https://w3id.org/security/v2"
)

// Bounds on a context of one's own.
const (
	maxContext      = 64 << 10 // bytes
	maxContextDepth = 16
)

// The vocabularies as their authors publish them: W3C, "Verifiable Credentials Data
// Model v2.0", appendix B.2, and "Bitstring Status List v1.0", section 4; 1EdTech, "Open Badges 3.0", context file 3.0.3.
var (
	//go:embed contexts/credentials-2.json
	credentials2 []byte
	//go:embed contexts/status-1.json
	status1 []byte
	//go:embed contexts/open-badges-3.0.3.json
	openBadges3 []byte
)

// Contexts are the JSON-LD contexts that are known. It is safe for use by several
// goroutines. Nothing outside it is ever loaded.
type Contexts struct {
	documents map[string]any

	mu    sync.Mutex
	known map[string]*ld.Context // under mu: the terms of contexts together, by their addresses
}

// NewContexts knows the contexts above and the given ones, by their addresses:
// each is a JSON-LD document with an "@context" (see [Vocabulary]).
func NewContexts(more map[string][]byte) (*Contexts, error) {
	c := &Contexts{documents: map[string]any{}, known: map[string]*ld.Context{}}
	for _, d := range embedded.Contexts {
		switch d.URL {
		case ContextV1, ContextEd25519, ContextBBS, contextSubmission, contextSecurityV1, contextSecurityV2:
			if err := c.add(d.URL, d.Content); err != nil {
				return nil, err
			}
		}
	}
	for address, content := range map[string][]byte{ContextBadge: openBadges3, ContextStatus: status1, ContextV2: credentials2} {
		if err := c.add(address, content); err != nil {
			return nil, err
		}
	}
	c.keepScope()
	for address, content := range more {
		if _, there := c.documents[address]; there {
			return nil, fmt.Errorf("taking JSON-LD contexts: one of them is known already: %s", address)
		}
		if err := c.add(address, content); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Contexts) add(address string, content []byte) error {
	if len(content) > maxContext {
		return fmt.Errorf("taking the JSON-LD context %s: it has more than %d bytes", address, maxContext)
	}
	if _, err := verify.ParseObject(content, maxContextDepth); err != nil {
		return fmt.Errorf("taking the JSON-LD context %s: %w", address, err)
	}
	document, err := ld.DocumentFromReader(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("taking the JSON-LD context %s: %w", address, err)
	}
	c.documents[address] = document
	return nil
}

// keepScope takes the null out of what the data model 2.0 says of the credentials
// in a presentation. It would begin them with no context at all; json-gold then
// writes other statements than everybody else. As the presentations read here
// have the data model's context and no other, and credentials begin with the same,
// nothing else changes by it.
func (c *Contexts) keepScope() {
	document, _ := c.documents[ContextV2].(map[string]any)
	terms, _ := document["@context"].(map[string]any)
	presentation, _ := terms["VerifiablePresentation"].(map[string]any)
	scoped, _ := presentation["@context"].(map[string]any)
	credentials, _ := scoped["verifiableCredential"].(map[string]any)
	delete(credentials, "@context")
}

// LoadDocument returns a known context, for json-gold and aries.
func (c *Contexts) LoadDocument(address string) (*ld.RemoteDocument, error) {
	document, there := c.documents[address]
	if !there {
		return nil, ld.NewJsonLdError(ld.LoadingDocumentFailed, "the context is not known")
	}
	return &ld.RemoteDocument{DocumentURL: address, Document: document}, nil
}

// Vocabulary writes a JSON-LD context of one's own: each type and each claim is the
// base with its name behind it. Names that a data model has are not redefined:
// they must be left out. The base is an address that ends in "#" or "/".
func Vocabulary(base string, types, claims []string) ([]byte, error) {
	terms := map[string]any{"@version": 1.1, "@protected": true}
	for _, list := range [][]string{types, claims} {
		for _, name := range list {
			terms[name] = map[string]any{"@id": base + name}
		}
	}
	b, err := json.Marshal(map[string]any{"@context": terms})
	if err != nil {
		return nil, fmt.Errorf("encoding a JSON-LD context: %w", err)
	}
	return b, nil
}

package did

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MethodWeb is the method of DIDs that are places on the web.
const MethodWeb = "web"

const (
	didWeb      = "did:" + MethodWeb + ":"
	webAccept   = TypeDIDJSON + ", " + TypeDIDLDJSON + ", application/json"
	webFailure  = 10 * time.Second // how long a failure is remembered
	escapedPort = "%3A"
)

// WebDID returns the did:web of a path at a host, which may have a port:
// "did:web:localhost%3A8443:issuer:lab".
func WebDID(host string, path ...string) (string, error) {
	did := didWeb + strings.Join(slices.Concat([]string{strings.Replace(host, ":", escapedPort, 1)}, path), ":")
	if _, err := WebAddress(did); err != nil {
		return "", err
	}
	return did, nil
}

// WebAddress returns where a did:web's document stands. Each DID has one spelling
// here: the host in lower case and no IP address, its port after "%3A", nothing
// else with percent signs.
func WebAddress(did string) (string, error) {
	host, path, err := splitWeb(did)
	if err != nil {
		return "", err
	}
	if len(path) == 0 {
		return "https://" + host + "/.well-known/did.json", nil
	}
	return "https://" + host + "/" + strings.Join(path, "/") + "/did.json", nil
}

var errWeb = ledger.Problemf(ledger.CodeInvalid, "a did:web is a host in lower case, with %%3A and a port if need be, and a path of plain segments between colons")

func splitWeb(did string) (host string, path []string, err error) {
	id, ok := strings.CutPrefix(did, didWeb)
	if !ok || len(did) > MaxURL {
		return "", nil, errWeb
	}
	parts := strings.Split(id, ":")
	name, port, hasPort := strings.Cut(parts[0], escapedPort)
	if !ledger.IsHost(name) || isAddress(name) {
		return "", nil, errWeb
	}
	host = name
	if hasPort {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port {
			return "", nil, errWeb
		}
		host += ":" + port
	}
	if slices.ContainsFunc(parts[1:], func(s string) bool { return !isSegment(s) }) {
		return "", nil, errWeb
	}
	return host, parts[1:], nil
}

// isAddress reports whether a name in the form of a host is an IPv4 address, in
// any of the spellings that resolvers take for one: their last label is a number.
func isAddress(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil
}

// isSegment wants a part of a path that is no step to elsewhere.
func isSegment(s string) bool {
	return s != "" && s != "." && s != ".." && isSpecific(s) && !strings.ContainsAny(s, "%:")
}

// WebName returns the did:web under which a subject of the ledger is published at
// its organisation's host: the organisation itself at the host, its issuers and
// devices under paths of their own.
func WebName(host string, name ledger.DIDName) (string, error) {
	switch name.Kind {
	case ledger.DIDOrganisation:
		return WebDID(host)
	case ledger.DIDIssuer:
		return WebDID(host, ledger.DIDIssuer, name.Label)
	case ledger.DIDDevice:
		return WebDID(host, ledger.DIDDevice, name.Unit)
	}
	return "", ledger.Problemf(ledger.CodeInvalid, "it is no DID of the ledger")
}

// ParseWebName is the reverse of WebName at the host of an organisation (its MSP
// id) of a network. It reports false for what WebName never returns there.
func ParseWebName(did, host, network, org string) (ledger.DIDName, bool) {
	at, path, err := splitWeb(did)
	if err != nil || at != host {
		return ledger.DIDName{}, false
	}
	var secant string
	switch {
	case len(path) == 0:
		secant = ledger.OrganisationDID(network, org)
	case len(path) == 2 && path[0] == ledger.DIDIssuer:
		secant = ledger.IssuerDID(network, org, path[1])
	case len(path) == 2 && path[0] == ledger.DIDDevice:
		secant = ledger.DeviceDID(network, path[1])
	}
	name, ok := ledger.ParseDID(secant)
	if back, err := WebName(host, name); !ok || err != nil || back != did {
		return ledger.DIDName{}, false
	}
	return name, true
}

// WebDocument returns the document of a ledger's record as it is published at a
// host: under its did:web, and saying which DID of the ledger is the same. Its keys
// have the type's older name, JsonWebKey2020: wallets, Credo 0.6 among them, know no
// other. Keys for BBS+ signatures are there as well, which they skip.
func WebDocument(record *ledger.DID, host string) (*Document, error) {
	name, ok := ledger.ParseDID(record.ID)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "it is no DID of the ledger")
	}
	id, err := WebName(host, name)
	if err != nil {
		return nil, err
	}
	aliases := []string{record.ID}
	for _, alias := range record.AlsoKnownAs {
		if alias != id && alias != record.ID {
			aliases = append(aliases, alias)
		}
	}
	d := render(record, id, aliases)
	d.Context = slices.Replace(d.Context, 0, 2, contextDID, contextJWK2020)
	for i := range d.VerificationMethod {
		if d.VerificationMethod[i].Type == typeJWK {
			d.VerificationMethod[i].Type = typeJWK2020
		}
	}
	return d, nil
}

// fetched is what a fetch came to: a document or why there is none.
type fetched struct {
	document *Document
	err      error
}

// web fetches the document of a did:web, or takes it from memory.
func (r *Resolver) web(ctx context.Context, did string) (*Document, error) {
	address, err := WebAddress(did)
	if err != nil {
		return nil, err
	}
	if f, ok := r.documents.get(did); ok {
		return f.document, f.err
	}
	// Those that ask while a fetch is under way wait for it. It goes on when the
	// first of them leaves, within the client's own bound on time.
	flight := r.flights.DoChan(did, func() (any, error) {
		f := fetched{}
		f.document, f.err = r.fetch(context.WithoutCancel(ctx), did, address)
		age := r.age
		switch {
		case ledger.CodeOf(f.err) == ledger.CodeBusy:
			age = 0 // it says nothing about the host
		case f.err != nil:
			age = min(age, webFailure)
		}
		r.documents.put(did, f, age)
		return f, nil
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a document: %w", ctx.Err())
	case res := <-flight:
		f, ok := res.Val.(fetched)
		if !ok {
			return nil, errors.New("waiting for a document: none came")
		}
		return f.document, f.err
	}
}

func (r *Resolver) fetch(ctx context.Context, did, address string) (*Document, error) {
	b, err := r.client.Get(ctx, address, webAccept, MaxDocument)
	if err != nil {
		return nil, err
	}
	d, err := ParseDocument(b)
	if err == nil && d.ID != did {
		err = malformed("it is another DID's")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDocument, err)
	}
	return d, nil
}

// errDocument tells a document that is no good from a DID that is none.
var errDocument = errors.New("reading what stands at a did:web")

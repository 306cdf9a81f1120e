package did

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MethodSecant is the method of the DIDs on the ledger.
const MethodSecant = "secant"

// Ledger answers what documents stand on the ledger, as the transaction
// ledger.IdentityResolveDID does: not_found for one that does not exist.
type Ledger interface {
	ResolveDID(ctx context.Context, req ledger.ResolveDID) (*ledger.DIDResolution, error)
}

// FromLedger returns the document of a ledger's record under its DID.
func FromLedger(record *ledger.DID) *Document { return render(record, record.ID, record.AlsoKnownAs) }

// render writes a record down under a DID that it has.
func render(record *ledger.DID, id string, aliases []string) *Document {
	d := &Document{Context: []string{contextDID, contextJWK}, ID: id, AlsoKnownAs: aliases}
	for _, m := range record.Keys.VerificationMethod {
		jwk, err := json.Marshal(m.PublicKeyJWK)
		if err != nil {
			continue // cannot be: it holds texts
		}
		d.VerificationMethod = append(d.VerificationMethod, VerificationMethod{
			ID: id + "#" + m.ID, Type: m.Type, Controller: id, PublicKeyJWK: jwk,
		})
	}
	for _, r := range []struct {
		from []string
		to   *[]string
	}{
		{record.Keys.Authentication, &d.Authentication},
		{record.Keys.AssertionMethod, &d.AssertionMethod},
		{record.Keys.CapabilityInvocation, &d.CapabilityInvocation},
	} {
		for _, fragment := range r.from {
			*r.to = append(*r.to, id+"#"+fragment)
		}
	}
	for _, s := range record.Service {
		if d.addBBS(s) {
			continue
		}
		endpoint, err := json.Marshal(s.ServiceEndpoint)
		if err != nil {
			continue // cannot be: it is a text
		}
		d.Service = append(d.Service, Service{ID: id + "#" + s.ID, Type: s.Type, ServiceEndpoint: endpoint})
	}
	return d
}

// secant resolves a DID of the ledger.
func (r *Resolver) secant(ctx context.Context, u URL, o Options) (*ledger.DIDResolution, error) {
	name, ok := ledger.ParseDID(u.DID)
	if !ok {
		return nil, errInvalidDID
	}
	if name.Network != r.network {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the DID is of another network")
	}
	switch {
	case o.VersionID != "":
		revision, err := strconv.Atoi(o.VersionID)
		if err != nil || revision < 1 || strconv.Itoa(revision) != o.VersionID {
			return nil, ledger.Problemf(ledger.CodeInvalid, "a version of a DID on the ledger is a number from 1")
		}
		return r.read(ctx, u.DID, revision)
	case !o.VersionTime.IsZero():
		return r.inForce(ctx, u.DID, o.VersionTime, time.Second)
	}
	return r.read(ctx, u.DID, 0)
}

// read asks the ledger, and checks that it answers what was asked.
func (r *Resolver) read(ctx context.Context, did string, revision int) (*ledger.DIDResolution, error) {
	res, err := r.ledger.ResolveDID(ctx, ledger.ResolveDID{DID: did, Revision: revision})
	if err != nil {
		return nil, err
	}
	d := &res.Version.Document
	if d.ID != did || revision != 0 && d.Revision != revision || revision == 0 && d.Revision != res.Current {
		return nil, errors.New("reading a DID: the ledger answers another document")
	}
	return res, nil
}

// inForce finds the newest version that is not younger than a time, to the given
// grain. Versions follow each other in time but for the endorsers' clocks, which
// may differ by minutes; so it halves the range, with some twenty reads at most
// for as many versions as a DID can have. Versions never change and are kept.
func (r *Resolver) inForce(ctx context.Context, did string, at time.Time, grain time.Duration) (*ledger.DIDResolution, error) {
	newest, err := r.read(ctx, did, 0)
	if err != nil {
		return nil, err
	}
	since := func(v *ledger.DIDVersion) bool { return !v.Document.Updated.Truncate(grain).After(at) }
	if since(&newest.Version) {
		return newest, nil
	}
	var found *ledger.DIDVersion
	for low, high := 1, newest.Current-1; low <= high; {
		middle := low + (high-low)/2
		version, err := r.version(ctx, did, middle)
		if err != nil {
			return nil, err
		}
		if since(version) {
			found, low = version, middle+1
		} else {
			high = middle - 1
		}
	}
	if found == nil {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the DID had no document at that time")
	}
	return &ledger.DIDResolution{Version: *found, Current: newest.Current, Ended: newest.Ended}, nil
}

// version reads a version, or takes it from memory.
func (r *Resolver) version(ctx context.Context, did string, revision int) (*ledger.DIDVersion, error) {
	name := did + "?versionId=" + strconv.Itoa(revision)
	if v, ok := r.versions.get(name); ok {
		return v, nil
	}
	res, err := r.read(ctx, did, revision)
	if err != nil {
		return nil, err
	}
	r.versions.put(name, &res.Version, forever)
	return &res.Version, nil
}

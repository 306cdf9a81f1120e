package check

import (
	"context"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// The relationships of a party to its keys that are asked for (DID Core 1.0, section
// 5.3).
const (
	Assertion      = "assertionMethod" // an issuer's, for credentials
	Authentication = "authentication"  // a holder's, for presentations
)

// Keys knows the keys of issuers, and of holders that are named by a DID.
// identity/did's Resolver is one.
type Keys interface {
	// Key returns the public key that the party has in that relationship, at that
	// time, under exactly that key's id: an absolute URL, the party's name with a
	// fragment. The Problem is not_found, denied or invalid for any other,
	// unavailable when nobody can tell.
	Key(ctx context.Context, party, keyID, relationship string, at time.Time) (ledger.JWK, error)
}

// Trust knows whose word the members take for what.
type Trust interface {
	// Standing returns what is known of the issuer for credentials of that type. The
	// Problem is not_found for an issuer of which nothing is known, unavailable when
	// nobody can tell.
	Standing(ctx context.Context, issuer, credentialType string) (*Standing, error)
}

// Standing is what is known of an issuer for one credential type.
type Standing struct {
	// Issuer is the issuer's DID on the ledger; where the credential names it
	// otherwise, as by the did:web of the same issuer, it stands for that.
	Issuer string
	// State is that of the trust registry's row: ledger.TrustAccepted, or anything
	// else for an issuer that is not believed.
	State string
	// Schema is the version of the type's schema with which the members accepted it.
	Schema string
	// Organisation is the MSP id of the member behind the issuer, Kind what it is
	// (ledger.KindHospital, ...), and Member whether it is on the roster now.
	Organisation string
	Kind         string
	Member       bool
	// Outside is for an issuer that is no member's: the node itself chose to believe
	// it, and no row of the ledger. Issuer is then the name that it has in
	// credentials, and Organisation, Kind and Member mean nothing.
	Outside bool
}

// StandingOf returns the standing of an issuer of the ledger by its row of the
// trust registry, the row of its organisation and the roster. Rows that are not
// there are nil.
func StandingOf(row *ledger.TrustRow, organisation *ledger.Organisation, roster *ledger.Roster) *Standing {
	s := new(Standing)
	if row != nil {
		s.Issuer, s.State, s.Schema = row.Issuer, row.State, row.Schema
	}
	if organisation != nil {
		s.Organisation, s.Kind = organisation.ID, organisation.Kind
		s.Member = roster != nil && roster.Has(organisation.ID)
	}
	return s
}

// Units knows the keys of devices.
type Units interface {
	// UnitKey returns the key that the ledger has of a unit, with which the device signs.
	// The Problem is not_found for a unit that is none or cannot sign, unavailable when
	// nobody can tell.
	UnitKey(ctx context.Context, unit string) (ledger.JWK, error)
}

// Status knows what became of credentials.
type Status interface {
	// Valid returns nil for a credential that the issuer's current list says is
	// neither revoked nor suspended. The Problem is denied for one that is, and
	// another for a list that is stale, not the issuer's, or not to be had.
	Valid(ctx context.Context, q StatusQuestion) error
}

// StatusQuestion is about one verified credential.
type StatusQuestion struct {
	Issuer string     // as Standing has it
	Key    ledger.JWK // with which the credential is signed
	Ref    StatusRef
	At     time.Time
}

// The kinds of status.
const (
	StatusToken     = "token"     // Token Status List
	StatusBitstring = "bitstring" // Bitstring Status List 1.0
)

// StatusRef is a credential's place in a status list.
type StatusRef struct {
	Kind    string // StatusToken or StatusBitstring
	Purpose string // of a bitstring: "revocation" or "suspension"; empty for a token
	URI     string
	Index   int
}

// Package eat is how a unit proves which software it runs: an Entity Attestation
// Token (EAT, RFC 9711) as a CWT (RFC 8392) in a COSE_Sign1 (RFC 9052), signed by
// the unit's key on the ledger over the node's challenge, and judged by what its
// maker published of the release.
//
// A token has, by their CBOR labels:
//
//	10  eat_nonce     the challenge's bytes; needed
//	256 ueid          0x01 and the unit's id (section 4.2.1, type RAND); needed
//	270 swname        optional
//	271 swversion     [version] or [version, scheme]; without it nothing is affirmed
//	273 measurements  [[258, CoSWID]], in whose evidence (RFC 9393, section 2.9.4) each
//	                  file is a part of the software with its hash; without it nothing
//	                  is affirmed
//	263 dbgstat       without it, or with debugging enabled, nothing is affirmed
//	258 oemid         optional: see OEMID
//	6   iat           optional, as not every unit has a clock: the challenge says when
//	265 eat_profile   optional: Profile
//
// A refused token is an error, which says nothing about the unit: anybody can send
// one. What came of one that is the unit's is a Result, in the words of AR4SI
// (draft-ietf-rats-ar4si): only what was measured, and is what the maker published,
// is affirmed.
package eat

import (
	"crypto/sha256"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// MediaType is a token's (RFC 9782).
const MediaType = "application/eat+cwt"

// Profile is the name of this use of EAT (RFC 9711, section 4.3.2).
const Profile = "tag:secant.example,2026:unit-attestation-1"

// Bounds on what is read.
const (
	MaxBytes        = 16 << 10 // of a token
	MaxMeasurements = 2 * ledger.MaxMeasurements
	maxText         = 256 // bytes of a text
)

// Debug is what a unit says of its debugging facilities (RFC 9711, section 4.2.9),
// and one more than the standard's value, so that the zero value is that nothing was said.
type Debug int

// The states of debugging.
const (
	DebugUnstated Debug = iota
	DebugEnabled
	DebugDisabled
	DebugDisabledSinceBoot
	DebugDisabledPermanently
	DebugDisabledFully // and permanently
)

// Claims are what a unit says of itself.
type Claims struct {
	Nonce    []byte   // the challenge
	Unit     [32]byte // the unit's id
	OEM      []byte   // 16 bytes, see OEMID; nil: not stated
	Software string   // name; empty: not stated
	Version  string   // of the software; empty: not stated
	Debug    Debug
	Measured []ledger.Measurement // none: nothing was measured
	Issued   time.Time            // in whole seconds; zero: not stated

	expires, notBefore time.Time // zero: not stated
}

// OEMID is the 16 bytes by which tokens name a unit's maker (RFC 9711, section
// 4.2.3.1), derived from its MSP id. Other forms of the claim are not compared.
func OEMID(manufacturer string) []byte {
	sum := sha256.Sum256([]byte("secant/oemid/v1\x00" + manufacturer))
	return sum[:16]
}

// invalid is an error that says nothing of what was sent.
func invalid(format string, args ...any) error {
	return ledger.Problemf(ledger.CodeInvalid, format, args...)
}

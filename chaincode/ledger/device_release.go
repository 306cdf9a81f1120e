package ledger

import (
	"encoding/json"
	"time"
)

// The formats of bills of materials that are accepted.
const (
	FormatCycloneDX = "CycloneDX"
	FormatSPDX      = "SPDX"
)

// Bounds on a release.
const (
	MaxFixes            = 64      // vulnerabilities that one release says it fixes
	MaxReleaseSignature = 8 << 10 // bytes of its compact JWS
)

// ReleaseStatementType is the "typ" of the JWS over a release's statement.
const ReleaseStatementType = "secant-release+jws"

// Release is one version of a model's software, with the digest of its bill of
// materials. The bill itself stays off the ledger.
type Release struct {
	V          int       `json:"v"`
	DI         string    `json:"di"`
	Version    string    `json:"version"`
	SBOMDigest string    `json:"sbomDigest"` // SHA-256 of the document's bytes as received, hex
	SBOMFormat string    `json:"sbomFormat"` // "CycloneDX" or "SPDX"
	Published  time.Time `json:"published"`

	// From the second form on.
	Publisher string   `json:"publisher,omitempty" metadata:",optional"` // MSP id; empty in the first form: see PublishedBy
	Fixes     []string `json:"fixes,omitempty" metadata:",optional"`     // CVE ids that it fixes, as its maker says
	Signature string   `json:"signature,omitempty" metadata:",optional"` // compact JWS of the maker over ReleaseStatement; empty: its maker had no key to sign with

	// From the third form on.
	Measurements []Measurement `json:"measurements,omitempty" metadata:",optional"` // what a unit that runs it measures of itself, as its maker says; none: its maker has not said
}

// Key returns the record's key.
func (r *Release) Key() Key { return ReleaseKey(r.DI, r.Version) }

// ReleaseKey returns the key of a release.
func ReleaseKey(di, version string) Key { return Key{TypeRelease, []string{di, version}} }

// PublishedBy returns the MSP id of whom published the release of the model:
// what the release says, or for its first form whoever had the model then.
func (r *Release) PublishedBy(m *Model) string {
	switch {
	case r.Publisher != "":
		return r.Publisher
	case m.Assigned != nil:
		return m.Assigned.From
	}
	return m.Manufacturer
}

// PublishRelease publishes a release of a model that the caller's organisation
// makes. Once that organisation's DID has a key for assertions, the release is
// signed under one.
type PublishRelease struct {
	DI         string   `json:"di"`
	Version    string   `json:"version"`
	SBOMDigest string   `json:"sbomDigest"`
	SBOMFormat string   `json:"sbomFormat"`
	Fixes      []string `json:"fixes,omitempty" metadata:",optional"`     // CVE ids, each once
	Signature  string   `json:"signature,omitempty" metadata:",optional"` // compact JWS, typ ReleaseStatementType, payload Statement

	// Absent in what older programs send.
	Measurements []Measurement `json:"measurements,omitempty" metadata:",optional"` // at most MaxMeasurements, no name twice with one algorithm
}

// Validate returns a Problem that lists every fault.
func (r *PublishRelease) Validate() error {
	var c check
	c.token("di", r.DI, 64)
	c.version("version", r.Version)
	c.digest("sbomDigest", r.SBOMDigest)
	c.oneOf("sbomFormat", r.SBOMFormat, FormatCycloneDX, FormatSPDX)
	c.fixes("fixes", r.Fixes)
	c.measurements("measurements", r.Measurements)
	if r.Signature != "" {
		c.compact("signature", r.Signature, MaxReleaseSignature)
	}
	return c.problem("the release")
}

// Statement returns the bytes that the maker of the release signs.
func (r *PublishRelease) Statement() []byte {
	return releaseStatement(r.DI, r.Version, r.SBOMDigest, r.SBOMFormat, r.Fixes, r.Measurements)
}

// Statement returns the bytes that the maker of the release signed.
func (r *Release) Statement() []byte {
	return releaseStatement(r.DI, r.Version, r.SBOMDigest, r.SBOMFormat, r.Fixes, r.Measurements)
}

// releaseStatement is JSON in a fixed order of fields, without space. A release
// without measurements has the first form, which makers signed before there were
// any.
func releaseStatement(di, version, digest, format string, fixes []string, measurements []Measurement) []byte {
	if fixes == nil {
		fixes = []string{}
	}
	v := 1
	if len(measurements) > 0 {
		v = 2
	}
	b, err := json.Marshal(struct {
		V            int           `json:"v"`
		DI           string        `json:"di"`
		Version      string        `json:"version"`
		SBOMDigest   string        `json:"sbomDigest"`
		SBOMFormat   string        `json:"sbomFormat"`
		Fixes        []string      `json:"fixes"`
		Measurements []Measurement `json:"measurements,omitempty"`
	}{v, di, version, digest, format, fixes, measurements})
	if err != nil {
		return nil // strings always encode
	}
	return b
}

// GetRelease asks for one release.
type GetRelease struct {
	DI      string `json:"di"`
	Version string `json:"version"`
}

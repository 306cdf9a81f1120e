package compliance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds of facts. Whoever gathers more keeps the gravest.
const (
	MaxVulnerabilities = 500
	MaxRecords         = 500 // of evidence, and of exceptions
	MaxFactBytes       = 512 << 10
)

// Facts are all that a judgement rests on. Nothing in them names a person, and no
// serial number is among them. Lists are sorted, so that the same facts have one
// digest however they were gathered: see Canonical.
type Facts struct {
	V int `json:"v"` // 1
	// At is when they were gathered, in UTC to the minute: what ends by time ends
	// by this one.
	At time.Time `json:"at"`

	Unit    Unit    `json:"unit"`
	Model   Model   `json:"model"`
	Release Release `json:"release"`
	Bill    Bill    `json:"bill"`

	Vulnerabilities *Vulnerabilities `json:"vulnerabilities"` // null: nobody looked
	Attestation     *Attestation     `json:"attestation"`     // null: the unit never attested
	KeyProof        *time.Time       `json:"keyProof"`        // when the unit last signed something that the node took; null: never
	Readings        *Readings        `json:"readings"`        // null: nobody counted

	Recalls    []Recall    `json:"recalls"` // that apply to the unit, lot before release
	Evidence   []Evidence  `json:"evidence"`
	Exceptions []Exception `json:"exceptions"` // that were not ended
}

// Unit is what the ledger says of the unit.
type Unit struct {
	ID     string `json:"id"`
	Lot    string `json:"lot"`
	State  string `json:"state"`  // its own, whether or not a recall applies
	Signs  bool   `json:"signs"`  // the ledger has a key with which it signs
	IDevID bool   `json:"iDevId"` // and an identity from its maker
	LDevID bool   `json:"lDevId"` // and one from its owner
}

// Model is what the ledger says of the model.
type Model struct {
	DI         string `json:"di"`
	BasicUDIDI string `json:"basicUdiDi"`
	SRN        string `json:"srn"`
	RiskClass  string `json:"riskClass"`
	SupportEnd string `json:"supportEnd"` // last day, as 2031-12-31; empty: not stated
}

// Release is what the ledger says of the release that runs.
type Release struct {
	Version    string `json:"version"`
	SBOMDigest string `json:"sbomDigest"`
	Signed     bool   `json:"signed"` // by its maker
}

// What became of the bill of materials of the release.
const (
	BillAbsent     = "absent"     // the node does not hold it
	BillUnreadable = "unreadable" // it is no bill of materials
	BillRead       = "read"
)

// Bill is what the bill of materials of the release says.
type Bill struct {
	State      string `json:"state"`
	Version    string `json:"version"`    // of the product, as the bill states it
	Components int    `json:"components"` // without the product itself
	Identified int    `json:"identified"` // of those: with a version, and a package URL or CPE
}

// What a maker says of a vulnerability in its product.
const (
	StatusNotAffected   = "not_affected"
	StatusFixed         = "fixed"
	StatusAffected      = "affected"
	StatusInvestigation = "under_investigation"
)

// Vulnerabilities are those of the release's components, against lists of which
// ones are exploited.
type Vulnerabilities struct {
	Lists []string        `json:"lists"` // digests of what was compared with, sorted
	Known []Vulnerability `json:"known"` // by id
}

// Vulnerability is one of them.
type Vulnerability struct {
	ID        string    `json:"id"`        // as CVE-2022-3602
	Severity  int       `json:"severity"`  // CVSS base score, in tenths: 0 to 100
	Exploited bool      `json:"exploited"` // a list says so
	Status    string    `json:"status"`    // what the maker says; empty: nothing
	Published time.Time `json:"published"`
}

// Verdicts of an attestation.
const (
	AttestationAffirming       = "affirming"
	AttestationContraindicated = "contraindicated"
	AttestationUnknown         = "unknown" // nothing was shown either way
)

// Attestation is the last that the unit attested of itself, of the release that it runs.
type Attestation struct {
	Verdict string    `json:"verdict"`
	Time    time.Time `json:"time"`
	Digest  string    `json:"digest"` // of the evidence
}

// Readings is what the node knows of the readings that it took of the unit.
type Readings struct {
	Unsigned *time.Time `json:"unsigned"` // when it last took one that the unit had not signed; null: never
	Checked  int        `json:"checked"`  // that were verified again
	Verified int        `json:"verified"` // of those
	Gaps     int        `json:"gaps"`     // in the unit's own sequence
}

// Recall is one that applies to the unit.
type Recall struct {
	Kind     string `json:"kind"`
	Revision int    `json:"revision"`
	Class    string `json:"class"`
}

// Evidence is a row of the ledger's.
type Evidence struct {
	Control     string    `json:"control"`
	SubjectKind string    `json:"subjectKind"`
	Claim       string    `json:"claim"`
	Digest      string    `json:"digest"`
	By          string    `json:"by"`
	Party       string    `json:"party"`
	Time        time.Time `json:"time"`
	Until       time.Time `json:"until,omitzero"`
}

// Exception is a row of the ledger's.
type Exception struct {
	Control      string    `json:"control"`
	SubjectKind  string    `json:"subjectKind"`
	Effect       string    `json:"effect"`
	ReasonDigest string    `json:"reasonDigest"`
	By           string    `json:"by"`
	Until        time.Time `json:"until"`
}

// Canonical sorts the lists of the facts and returns their canonical JSON (RFC
// 8785). Its errors are Problems.
func (f *Facts) Canonical() ([]byte, error) {
	f.V, f.At = 1, f.At.UTC().Truncate(time.Minute)
	f.Recalls = append([]Recall{}, f.Recalls...)
	f.Evidence, f.Exceptions = append([]Evidence{}, f.Evidence...), append([]Exception{}, f.Exceptions...)
	slices.SortFunc(f.Recalls, func(a, b Recall) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Revision, b.Revision)) })
	slices.SortFunc(f.Evidence, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(a.Control, b.Control), a.Time.Compare(b.Time), cmp.Compare(a.By, b.By), cmp.Compare(a.SubjectKind, b.SubjectKind), cmp.Compare(a.Digest, b.Digest))
	})
	slices.SortFunc(f.Exceptions, func(a, b Exception) int {
		return cmp.Or(cmp.Compare(a.Control, b.Control), b.Until.Compare(a.Until), cmp.Compare(a.SubjectKind, b.SubjectKind), cmp.Compare(a.ReasonDigest, b.ReasonDigest))
	})
	if v := f.Vulnerabilities; v != nil {
		sorted := Vulnerabilities{append([]string{}, v.Lists...), append([]Vulnerability{}, v.Known...)}
		slices.Sort(sorted.Lists)
		slices.SortFunc(sorted.Known, func(a, b Vulnerability) int { return cmp.Compare(a.ID, b.ID) })
		f.Vulnerabilities = &sorted
	}
	if err := f.validate(); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("encoding facts: %w", err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return nil, fmt.Errorf("making facts canonical: %w", err)
	}
	return canonical, nil
}

// validate bounds what others may have gathered.
func (f *Facts) validate() error {
	wrong := func(field, detail string) error {
		return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the facts are not valid", Faults: []ledger.Fault{{Field: field, Detail: detail}}}
	}
	switch {
	case f.At.IsZero():
		return wrong("at", "must be a time")
	case f.Unit.ID == "" || f.Model.DI == "":
		return wrong("unit", "must be named, with its model")
	case f.Bill.State != BillAbsent && f.Bill.State != BillUnreadable && f.Bill.State != BillRead:
		return wrong("bill.state", "must be absent, unreadable or read")
	case f.Bill.Identified < 0 || f.Bill.Identified > f.Bill.Components:
		return wrong("bill.identified", "must be 0 to the number of components")
	case f.Attestation != nil && !slices.Contains([]string{AttestationAffirming, AttestationContraindicated, AttestationUnknown}, f.Attestation.Verdict):
		return wrong("attestation.verdict", "must be affirming, contraindicated or unknown")
	case len(f.Evidence) > MaxRecords || len(f.Exceptions) > MaxRecords || len(f.Recalls) > MaxRecords:
		return ledger.Problemf(ledger.CodeTooLarge, "the facts hold more than %d rows of a kind", MaxRecords)
	case f.Vulnerabilities != nil && len(f.Vulnerabilities.Known) > MaxVulnerabilities:
		return ledger.Problemf(ledger.CodeTooLarge, "the facts hold more than %d vulnerabilities", MaxVulnerabilities)
	}
	if r := f.Readings; r != nil && (r.Checked < 0 || r.Verified < 0 || r.Verified > r.Checked || r.Gaps < 0) {
		return wrong("readings", "must be numbers that fit each other")
	}
	return nil
}

// ParseFacts reads facts that somebody else gathered, strictly: only what is their
// canonical form. Its errors are Problems.
func ParseFacts(b []byte) (*Facts, error) {
	if err := strictjson.Check("the facts", b, strictjson.Limits{Bytes: MaxFactBytes, Depth: 5, Values: 20_000}); err != nil {
		return nil, err
	}
	malformed := ledger.Problemf(ledger.CodeInvalid, "the facts are not in their canonical form")
	f := new(Facts)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil || f.V != 1 {
		return nil, malformed
	}
	again, err := f.Canonical()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, malformed
	}
	return f, nil
}

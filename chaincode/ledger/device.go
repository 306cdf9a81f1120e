package ledger

import (
	"crypto/ed25519"
	"time"
)

// The states of a device unit. Certification does not exist yet, so a unit in
// service says CertificationNone.
const (
	StateRegistered = "registered" // made known by its manufacturer
	StateInService  = "in_service" // admitted by the hospital that owns it

	CertificationNone = "uncertified"
)

// Model is a type of medical device, registered by its manufacturer.
type Model struct {
	V            int       `json:"v"`
	DI           string    `json:"di"` // UDI-DI: the device identifier part of the UDI (MDR 2017/745, Annex VI Part C)
	Name         string    `json:"name"`
	ModelNumber  string    `json:"modelNumber"`
	Manufacturer string    `json:"manufacturer"` // MSP id
	EMDN         string    `json:"emdn,omitempty" metadata:",optional"`
	RiskClass    string    `json:"riskClass"` // I, IIa, IIb, III (MDR) or A, B, C, D (IVDR)
	Registered   time.Time `json:"registered"`
}

// Key returns the record's key.
func (m *Model) Key() Key { return ModelKey(m.DI) }

// ModelKey returns the key of a model.
func ModelKey(di string) Key { return Key{TypeModel, []string{di}} }

// RegisterModel registers a model under the caller's organisation.
type RegisterModel struct {
	DI          string `json:"di"`
	Name        string `json:"name"`
	ModelNumber string `json:"modelNumber"`
	EMDN        string `json:"emdn,omitempty" metadata:",optional"`
	RiskClass   string `json:"riskClass"`
}

// Validate returns a Problem that lists every fault.
func (r *RegisterModel) Validate() error {
	var c check
	c.token("di", r.DI, 64)
	c.text("name", r.Name)
	c.text("modelNumber", r.ModelNumber)
	if r.EMDN != "" {
		c.token("emdn", r.EMDN, 16)
	}
	c.oneOf("riskClass", r.RiskClass, "I", "IIa", "IIb", "III", "A", "B", "C", "D")
	return c.problem("the model")
}

// Release is one version of a model's software, with the digest of its bill of
// materials. The bill itself stays off the ledger.
type Release struct {
	V          int       `json:"v"`
	DI         string    `json:"di"`
	Version    string    `json:"version"`
	SBOMDigest string    `json:"sbomDigest"` // SHA-256 of the document's bytes as received, hex
	SBOMFormat string    `json:"sbomFormat"` // "CycloneDX"
	Published  time.Time `json:"published"`
}

// Key returns the record's key.
func (r *Release) Key() Key { return ReleaseKey(r.DI, r.Version) }

// ReleaseKey returns the key of a release.
func ReleaseKey(di, version string) Key { return Key{TypeRelease, []string{di, version}} }

// FormatCycloneDX names the bill-of-materials format that is accepted.
const FormatCycloneDX = "CycloneDX"

// PublishRelease publishes a release of a model that the caller's organisation makes.
type PublishRelease struct {
	DI         string `json:"di"`
	Version    string `json:"version"`
	SBOMDigest string `json:"sbomDigest"`
	SBOMFormat string `json:"sbomFormat"`
}

// Validate returns a Problem that lists every fault.
func (r *PublishRelease) Validate() error {
	var c check
	c.token("di", r.DI, 64)
	c.version("version", r.Version)
	c.digest("sbomDigest", r.SBOMDigest)
	c.oneOf("sbomFormat", r.SBOMFormat, FormatCycloneDX)
	return c.problem("the release")
}

// Unit is one device. Its id follows from its manufacturer and its SerialMAC: see
// UnitID.
type Unit struct {
	V             int       `json:"v"`
	ID            string    `json:"id"` // 32 bytes, hex
	DI            string    `json:"di"`
	Lot           string    `json:"lot"`
	Release       string    `json:"release"`      // version that it runs
	Manufacturer  string    `json:"manufacturer"` // MSP id
	Owner         string    `json:"owner"`        // MSP id of the organisation it was delivered to
	PublicKey     string    `json:"publicKey"`    // Ed25519 public key (32 bytes, hex) with which it signs; empty: it cannot sign
	State         string    `json:"state"`
	Certification string    `json:"certification"`
	Since         time.Time `json:"since"` // time of the last change of state, vouched for by the endorsers
}

// Key returns the record's key.
func (u *Unit) Key() Key { return UnitKey(u.ID) }

// UnitID derives a unit's id from its manufacturer's MSP id and the SerialMAC of
// its registration. The ledger computes it under the caller's MSP id, so that
// nobody can occupy the unit of another manufacturer.
func UnitID(manufacturer, serialMAC string) string {
	return Digest("unit", []byte(manufacturer+"\x00"+serialMAC))
}

// UnitKey returns the key of a unit.
func UnitKey(id string) Key { return Key{TypeUnit, []string{id}} }

// SigningKey decodes the unit's public key; it is nil when the unit cannot sign,
// and for a key under which anybody could.
func (u *Unit) SigningKey() ed25519.PublicKey { return parseEd25519(u.PublicKey) }

// RegisterUnit registers a unit of a model that the caller's organisation makes.
type RegisterUnit struct {
	SerialMAC string `json:"serialMac"` // hex; HMAC-SHA-256 of DI and serial number (each behind its length) under a key that only the manufacturer holds, so that members cannot enumerate serials
	DI        string `json:"di"`
	Lot       string `json:"lot"`
	Release   string `json:"release"`
	Owner     string `json:"owner"`
	PublicKey string `json:"publicKey,omitempty" metadata:",optional"`
}

// Validate returns a Problem that lists every fault.
func (r *RegisterUnit) Validate() error {
	var c check
	c.digest("serialMac", r.SerialMAC)
	c.token("di", r.DI, 64)
	c.lot("lot", r.Lot)
	c.version("release", r.Release)
	c.token("owner", r.Owner, 64)
	if r.PublicKey != "" {
		c.publicKey("publicKey", r.PublicKey)
	}
	return c.problem("the unit")
}

// PutIntoService admits a registered unit at the hospital that owns it.
type PutIntoService struct {
	ID string `json:"id"`
}

// Validate returns a Problem that lists every fault.
func (r *PutIntoService) Validate() error {
	var c check
	c.digest("id", r.ID)
	return c.problem("the unit")
}

// UnitChange is one row of a unit's history.
type UnitChange struct {
	V    int       `json:"v"`
	ID   string    `json:"id"`
	Tx   string    `json:"tx"`
	From string    `json:"from"` // empty for the registration
	To   string    `json:"to"`
	By   string    `json:"by"` // MSP id
	Time time.Time `json:"time"`
}

// Key returns the record's key.
func (c *UnitChange) Key() Key { return Key{TypeUnitHistory, []string{c.ID, c.Tx}} }

// GetModel asks for one model.
type GetModel struct {
	DI string `json:"di"`
}

// GetRelease asks for one release.
type GetRelease struct {
	DI      string `json:"di"`
	Version string `json:"version"`
}

// GetUnit asks for one unit.
type GetUnit struct {
	ID string `json:"id"`
}

// UnitPage is one page of units, by id.
type UnitPage struct {
	Items []Unit `json:"items"`
	Next  string `json:"next"`
}

package ledger

import "time"

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

	// From the second form on.
	BasicUDIDI string         `json:"basicUdiDi,omitempty" metadata:",optional"` // the model's group (MDR 2017/745, Annex VI Part C)
	SRN        string         `json:"srn,omitempty" metadata:",optional"`        // the maker's single registration number (MDR 2017/745, article 31)
	SupportEnd string         `json:"supportEnd,omitempty" metadata:",optional"` // last day of security support, as 2031-12-31; empty: not stated
	Assigned   *ModelAssigned `json:"assigned,omitempty" metadata:",optional"`   // nil: it is with whom registered it
}

// ModelAssigned says how a model came to its manufacturer by a vote.
type ModelAssigned struct {
	From     string    `json:"from"`     // MSP id of whom it was taken from
	Proposal string    `json:"proposal"` // the proposal that the members carried
	Time     time.Time `json:"time"`
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
	BasicUDIDI  string `json:"basicUdiDi,omitempty" metadata:",optional"`
	SRN         string `json:"srn,omitempty" metadata:",optional"`        // as XX-MF-000000000
	SupportEnd  string `json:"supportEnd,omitempty" metadata:",optional"` // as 2031-12-31
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
	if r.BasicUDIDI != "" {
		c.token("basicUdiDi", r.BasicUDIDI, 64)
	}
	if r.SRN != "" {
		c.srn("srn", r.SRN)
	}
	if r.SupportEnd != "" {
		c.date("supportEnd", r.SupportEnd)
	}
	return c.problem("the model")
}

// AssignModel gives a model to the organisation that the members voted for: the
// remedy when another registered it first. What it was registered with stays.
type AssignModel struct {
	Proposal string   `json:"proposal"`                              // id of the proposal to assign it
	Voters   []string `json:"voters,omitempty" metadata:",optional"` // MSP ids whose approving votes make a majority
}

// Validate returns a Problem that lists every fault.
func (r *AssignModel) Validate() error {
	var c check
	c.digest("proposal", r.Proposal)
	c.voters(r.Voters)
	return c.problem("the assignment")
}

// GetModel asks for one model.
type GetModel struct {
	DI string `json:"di"`
}

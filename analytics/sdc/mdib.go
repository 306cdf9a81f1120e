package sdc

import "time"

// Mdib is what a snapshot says. Handles name parts of the device within it.
type Mdib struct {
	SequenceID string  // changes when the device cannot go on with its versions
	InstanceID *uint64 // counts these changes; nil when the device does not state it
	Version    uint64  // counts changes of description and states

	Components []Component
	Metrics    []Metric
	Systems    []AlertSystem
	Conditions []Condition
	Signals    []Signal
	Operations int // that the device can be asked to do
	Contexts   int // states of contexts: patient, location, operators; not read
	// Barred is how many descriptors and states were left out, with what is below them,
	// because an extension must be understood to understand them.
	Barred int
}

// Code is a coded value (CodedValue).
type Code struct {
	Code   string `json:"code"`
	System string `json:"system" doc:"That of ISO/IEEE 11073-10101 (MDC) when the device names none."`
	Name   string `json:"name,omitempty" doc:"As the device describes it, in its first language."`
}

// NomenclatureSystem is the coding system of codes that name none (R0045): the
// nomenclature of ISO/IEEE 11073-10101.
const NomenclatureSystem = "urn:oid:1.2.840.10004.1.1.1.0.0.1"

// Component is a device, a module of it or a channel of that.
type Component struct {
	Kind       string // Mds, Vmd or Channel
	Handle     string
	Parent     string // handle; empty for an Mds
	Type       *Code
	Activation string // ComponentActivation, as On, NotRdy or Fail; empty: not stated
}

// Metric is what a channel measures, calculates or has set.
type Metric struct {
	Kind     string // NumericMetric, StringMetric, EnumStringMetric, RealTimeSampleArrayMetric or DistributionSampleArrayMetric
	Handle   string
	Path     []string // handles from the Mds to the channel
	Type     *Code
	Unit     *Code
	Category string // Msrmt, Clc, Set, Preset, Rcmm or Unspec
	Value    *Value // nil when the device has none
}

// Value is what a metric had when the snapshot was made.
type Value struct {
	Text     string    // of a number as the device wrote it; empty of an array, and when there is none
	Validity string    // MetricQuality, as Vld, Qst, Inv, Ong or NA
	At       time.Time // DeterminationTime, by the device's clock; zero when not stated
	Samples  int       // of an array
	Min, Max float64   // of them, in the metric's unit
}

// AlertSystem is a part that finds out conditions and makes signals.
type AlertSystem struct {
	Handle, Parent string
	Activation     string // On, Off or Psd; empty: not stated
}

// Condition is something that a device alerts of.
type Condition struct {
	Handle, System string // of it and of its alert system
	Type           *Code
	Kind           string   // Phy, Tec or Oth
	Priority       string   // None, Lo, Me or Hi; the actual one where the state states it
	Sources        []string // handles of what it is about
	Activation     string
	Present        bool
	At             time.Time // DeterminationTime, by the device's clock; zero when not stated
}

// Signal is how a device tells of a condition.
type Signal struct {
	Handle, Condition string // Condition: handle; empty when it stands for whatever is present
	Manifestation     string // Aud, Vis, Tan or Oth
	Presence          string // On, Off, Latch or Ack; empty: not stated
}

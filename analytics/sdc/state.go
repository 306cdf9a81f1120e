package sdc

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// contexts are the kinds of descriptors that may have many states, each with a handle.
var contexts = map[string]bool{
	"PatientContext": true, "LocationContext": true, "EnsembleContext": true, "OperatorContext": true, "WorkflowContext": true, "MeansContext": true,
}

// addState gives a state to its descriptor.
func (s *snapshot) addState(n *node) error {
	d := s.byHandle[n.attrs["DescriptorHandle"]]
	switch {
	case d == nil:
		return invalid("a state has no descriptor")
	case n.kind != d.kind+"State":
		return invalid("a state is of another kind than its descriptor, or states none")
	}
	if _, err := n.count("StateVersion"); err != nil {
		return err
	}
	have, err := n.count("DescriptorVersion")
	if err != nil {
		return err
	}
	if want, _ := d.count("DescriptorVersion"); have != want { // it was read when d was
		return invalid("a state is of another version of its descriptor")
	}
	if contexts[d.kind] {
		s.mdib.Contexts++
		if err := s.name(n.attrs["Handle"]); err != nil {
			return err
		}
		s.handles[n.attrs["Handle"]] = true
		return nil
	}
	if d.state != nil {
		return invalid("a descriptor has two states")
	}
	d.state = n
	if n.barred && !d.barred {
		s.mdib.Barred++
	}
	return nil
}

// stateOf returns what may be read of a descriptor's state; nil when there is nothing.
func (d *descriptor) stateOf() *node {
	if d.state == nil || d.state.barred {
		return &node{}
	}
	return d.state
}

var decimal = regexp.MustCompile(`^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)

// value reads a metric's value (AbstractMetricValue); nil when there is none.
func (d *descriptor) value() (*Value, error) {
	n := d.stateOf().first("MetricValue")
	if n == nil || n.barred {
		return nil, nil //nolint:nilnil // it is optional
	}
	v := &Value{Text: n.attrs["Value"]}
	quality := n.first("MetricQuality")
	if quality == nil || quality.attrs["Validity"] == "" {
		return nil, invalid("a metric's value does not say whether it is valid")
	}
	if quality.barred {
		return nil, nil //nolint:nilnil // there is one that nobody here understands
	}
	v.Validity = quality.attrs["Validity"]
	var err error
	if v.At, err = n.time("DeterminationTime"); err != nil {
		return nil, err
	}
	switch d.kind {
	case "NumericMetric":
		if v.Text != "" && !decimal.MatchString(v.Text) {
			return nil, invalid("a numeric metric has a value that is no decimal number")
		}
	case "RealTimeSampleArrayMetric", "DistributionSampleArrayMetric":
		v.Text = ""
		return v, v.array(n.attrs["Samples"])
	}
	return v, nil
}

// array reads the samples of an array, of which the bounds are kept.
func (v *Value) array(text string) error {
	v.Min, v.Max = math.Inf(1), math.Inf(-1)
	for sample := range strings.FieldsSeq(text) {
		f, err := strconv.ParseFloat(sample, 64)
		if err != nil || !decimal.MatchString(sample) {
			return invalid("an array has a sample that is no decimal number")
		}
		v.Samples++
		v.Min, v.Max = min(v.Min, f), max(v.Max, f)
	}
	if v.Samples == 0 {
		v.Min, v.Max = 0, 0
	}
	return nil
}

// maxTime bounds a time, in milliseconds since 1970: the end of the year 9999.
const maxTime = 253402300799999

// time reads a Timestamp: milliseconds since 1970 in UTC; zero when it is missing.
func (n *node) time(name string) (time.Time, error) {
	if _, ok := n.attrs[name]; !ok {
		return time.Time{}, nil
	}
	ms, err := n.count(name)
	if err != nil {
		return time.Time{}, err
	}
	if ms > maxTime {
		return time.Time{}, invalid("an attribute %s is no time", name)
	}
	return time.UnixMilli(int64(ms)).UTC(), nil
}

// flag reads an attribute that is an xsd:boolean; false when it is missing.
func (n *node) flag(name string) (bool, error) {
	switch strings.TrimSpace(n.attrs[name]) {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, invalid("an attribute %s is neither true nor false", name)
}

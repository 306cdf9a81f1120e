package sdc

import "slices"

// below says which descriptors a descriptor may have, by the names of their elements
// (ISO/IEEE 11073-10207, 5.3), and each of which kinds.
var below = map[string]map[string][]string{
	"MdDescription": {"Mds": {"Mds"}},
	"Mds": {
		"AlertSystem": {"AlertSystem"}, "Sco": {"Sco"}, "SystemContext": {"SystemContext"}, "Clock": {"Clock"}, "Battery": {"Battery"}, "Vmd": {"Vmd"},
	},
	"Vmd": {"AlertSystem": {"AlertSystem"}, "Sco": {"Sco"}, "Channel": {"Channel"}},
	"Channel": {"Metric": {
		"NumericMetric", "StringMetric", "EnumStringMetric", "RealTimeSampleArrayMetric", "DistributionSampleArrayMetric",
	}},
	"AlertSystem": {"AlertCondition": {"AlertCondition", "LimitAlertCondition"}, "AlertSignal": {"AlertSignal"}},
	"Sco": {"Operation": {
		"SetValueOperation", "SetStringOperation", "ActivateOperation", "SetContextStateOperation", "SetMetricStateOperation",
		"SetComponentStateOperation", "SetAlertStateOperation",
	}},
	"SystemContext": {
		"PatientContext": {"PatientContext"}, "LocationContext": {"LocationContext"}, "EnsembleContext": {"EnsembleContext"},
		"OperatorContext": {"OperatorContext"}, "WorkflowContext": {"WorkflowContext"}, "MeansContext": {"MeansContext"},
	},
}

// abstract are the elements whose kind must be stated.
var abstract = []string{"Metric", "Operation"}

// descriptor is a part of the device, and its states once they were found.
type descriptor struct {
	*node
	kind   string
	handle string
	parent *descriptor
	barred bool // by an extension at it or above it
	state  *node
}

// snapshot is a document that is being read.
type snapshot struct {
	descriptors []*descriptor // as they stand in the document
	byHandle    map[string]*descriptor
	handles     map[string]bool // of states that have their own
	mdib        *Mdib
}

// describe reads a descriptor and all below it.
func (s *snapshot) describe(n *node, kind string, parent *descriptor) error {
	d := &descriptor{node: n, kind: kind, handle: n.attrs["Handle"], parent: parent}
	d.barred = n.barred || parent != nil && parent.barred
	if err := s.name(d.handle); err != nil {
		return err
	}
	if _, err := n.count("DescriptorVersion"); err != nil {
		return err
	}
	if d.barred {
		s.mdib.Barred++
	}
	s.descriptors = append(s.descriptors, d)
	s.byHandle[d.handle] = d
	return s.descend(n, kind, d)
}

// descend reads the descriptors below one.
func (s *snapshot) descend(n *node, kind string, d *descriptor) error {
	for _, k := range n.kids {
		kinds := below[kind][k.name.Local]
		if k.name.Space != participant || kinds == nil {
			continue // something else that the schema has there: types, names, identifiers
		}
		one, err := kindOf(k, kinds)
		if err != nil {
			return err
		}
		if err := s.describe(k, one, d); err != nil {
			return err
		}
	}
	return nil
}

// kindOf says of which kind a descriptor is: what it says, or what its element is.
func kindOf(n *node, kinds []string) (string, error) {
	if n.kind == "" && !slices.Contains(abstract, n.name.Local) {
		return kinds[0], nil
	}
	i := slices.IndexFunc(kinds, func(k string) bool { return k+"Descriptor" == n.kind })
	if i < 0 {
		return "", invalid("a descriptor is of a kind that its element cannot be, or states none")
	}
	return kinds[i], nil
}

// maxHandle bounds a handle, in bytes.
const maxHandle = 256

// name takes a handle, which nothing else in the document may have (R0008).
func (s *snapshot) name(handle string) error {
	switch {
	case handle == "" || len(handle) > maxHandle:
		return invalid("a descriptor or a context's state has no handle, or one of more than %d bytes", maxHandle)
	case s.byHandle[handle] != nil || s.handles[handle]:
		return invalid("two parts have one handle")
	}
	return nil
}

// path is the handles from the Mds down to a descriptor's parent.
func (d *descriptor) path() []string {
	var p []string
	for up := d.parent; up != nil; up = up.parent {
		p = append(p, up.handle)
	}
	slices.Reverse(p)
	return p
}

// code reads a coded value below n, or nil when there is none.
func (n *node) code(name string) (*Code, error) {
	c := n.first(name)
	if c == nil {
		return nil, nil //nolint:nilnil // it is optional
	}
	code := &Code{Code: c.attrs["Code"], System: c.attrs["CodingSystem"]}
	if code.Code == "" {
		return nil, invalid("a coded value has no code")
	}
	if code.System == "" {
		code.System = NomenclatureSystem
	}
	if d := c.first("ConceptDescription"); d != nil {
		code.Name = d.text
	}
	return code, nil
}

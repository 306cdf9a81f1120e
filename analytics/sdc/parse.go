package sdc

import "cmp"

// Parse reads a snapshot: a document whose outermost element is GetMdibResponse or Mdib,
// or a SOAP 1.2 envelope with one of them, as devices answer.
// Problems: invalid with what is wrong, and too_large.
func Parse(text []byte) (*Mdib, error) {
	root, err := read(text)
	if err != nil {
		return nil, err
	}
	n, err := mdibOf(root)
	if err != nil {
		return nil, err
	}
	s := &snapshot{byHandle: map[string]*descriptor{}, handles: map[string]bool{}, mdib: &Mdib{SequenceID: n.attrs["SequenceId"]}}
	if s.mdib.SequenceID == "" {
		return nil, invalid("the snapshot does not say of which sequence it is")
	}
	if s.mdib.Version, err = n.count("MdibVersion"); err != nil {
		return nil, err
	}
	if _, ok := n.attrs["InstanceId"]; ok {
		id, err := n.count("InstanceId")
		if err != nil {
			return nil, err
		}
		s.mdib.InstanceID = &id
	}
	description, states := n.first("MdDescription"), n.first("MdState")
	if description == nil || description.first("Mds") == nil {
		return nil, invalid("the snapshot describes no device")
	}
	if n.barred || description.barred || states != nil && states.barred {
		return nil, invalid("an extension changes the meaning of the whole snapshot, and is not known here")
	}
	if err := s.descend(description, "MdDescription", nil); err != nil {
		return nil, err
	}
	if states != nil {
		for _, state := range states.kids {
			if !state.is("State") {
				return nil, invalid("there is something else than states among the states")
			}
			if err := s.addState(state); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range s.descriptors {
		if err := s.tell(d); err != nil {
			return nil, err
		}
	}
	return s.mdib, nil
}

// mdibOf finds the Mdib of a document. A response states its version a second time.
func mdibOf(root *node) (*node, error) {
	if root.name.Space == envelope && root.name.Local == "Envelope" {
		body := root.kids[max(0, len(root.kids)-1):]
		if len(body) != 1 || body[0].name.Space != envelope || body[0].name.Local != "Body" || len(body[0].kids) != 1 {
			return nil, invalid("the envelope holds something else than one snapshot")
		}
		root = body[0].kids[0]
	}
	if root.name.Space == message && root.name.Local == "Mdib" || root.is("Mdib") {
		return root, nil
	}
	if root.name.Space != message || root.name.Local != "GetMdibResponse" {
		return nil, invalid("the outermost element is neither GetMdibResponse nor Mdib of ISO/IEEE 11073-10207")
	}
	if len(root.kids) != 1 || root.kids[0].name.Local != "Mdib" || root.kids[0].name.Space != message || root.barred {
		return nil, invalid("the response holds something else than one Mdib")
	}
	n := root.kids[0]
	for _, name := range []string{"SequenceId", "InstanceId", "MdibVersion"} {
		outer, stated := root.attrs[name]
		if inner, ok := n.attrs[name]; stated && ok && inner != outer {
			return nil, invalid("the response and the Mdib in it state different versions")
		}
		if stated && n.attrs[name] == "" {
			n.attrs[name] = outer
		}
	}
	return n, nil
}

// tell judges what a descriptor refers to, and adds what it says to the snapshot unless
// that is barred.
func (s *snapshot) tell(d *descriptor) error {
	state := d.stateOf()
	code, err := d.code("Type")
	if err != nil {
		return err
	}
	parent := ""
	if d.parent != nil {
		parent = d.parent.handle
	}
	m := s.mdib
	switch d.kind {
	case "Mds", "Vmd", "Channel":
		if !d.barred {
			m.Components = append(m.Components, Component{
				Kind: d.kind, Handle: d.handle, Parent: parent, Type: code, Activation: state.attrs["ActivationState"],
			})
		}
	case "NumericMetric", "StringMetric", "EnumStringMetric", "RealTimeSampleArrayMetric", "DistributionSampleArrayMetric":
		return s.tellMetric(d, code)
	case "AlertSystem":
		if !d.barred {
			m.Systems = append(m.Systems, AlertSystem{Handle: d.handle, Parent: parent, Activation: state.attrs["ActivationState"]})
		}
	case "AlertCondition", "LimitAlertCondition":
		return s.tellCondition(d, code)
	case "AlertSignal":
		return s.tellSignal(d)
	case "SetValueOperation", "SetStringOperation", "ActivateOperation", "SetContextStateOperation", "SetMetricStateOperation",
		"SetComponentStateOperation", "SetAlertStateOperation":
		if !d.barred {
			m.Operations++
		}
	}
	return nil
}

func (s *snapshot) tellMetric(d *descriptor, code *Code) error {
	unit, err := d.code("Unit")
	if err != nil {
		return err
	}
	if code == nil || unit == nil {
		return invalid("a metric has no type, or no unit")
	}
	value, err := d.value()
	if err != nil {
		return err
	}
	if !d.barred {
		s.mdib.Metrics = append(s.mdib.Metrics, Metric{
			Kind: d.kind, Handle: d.handle, Path: d.path(), Type: code, Unit: unit, Category: d.attrs["MetricCategory"], Value: value,
		})
	}
	return nil
}

func (s *snapshot) tellCondition(d *descriptor, code *Code) error {
	state := d.stateOf()
	c := Condition{
		Handle: d.handle, System: d.parent.handle, Type: code, Kind: d.attrs["Kind"],
		Priority: cmp.Or(state.attrs["ActualPriority"], d.attrs["Priority"]), Activation: state.attrs["ActivationState"],
	}
	for _, k := range d.kids {
		if !k.is("Source") {
			continue
		}
		if s.byHandle[k.text] == nil {
			return invalid("an alert condition is about something that is not there")
		}
		c.Sources = append(c.Sources, k.text)
	}
	var err error
	if c.Present, err = state.flag("Presence"); err != nil {
		return err
	}
	if c.At, err = state.time("DeterminationTime"); err != nil {
		return err
	}
	if !d.barred {
		s.mdib.Conditions = append(s.mdib.Conditions, c)
	}
	return nil
}

func (s *snapshot) tellSignal(d *descriptor) error {
	g := Signal{
		Handle: d.handle, Condition: d.attrs["ConditionSignaled"], Manifestation: d.attrs["Manifestation"], Presence: d.stateOf().attrs["Presence"],
	}
	if c := s.byHandle[g.Condition]; g.Condition != "" && (c == nil || c.kind != "AlertCondition" && c.kind != "LimitAlertCondition") {
		return invalid("an alert signal is of a condition that is not there")
	}
	if !d.barred {
		s.mdib.Signals = append(s.mdib.Signals, g)
	}
	return nil
}

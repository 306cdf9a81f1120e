package hl7

import "slices"

// maxNames bounds the names that are looked for in one message.
const maxNames = 16

// DeviceNames lists what a message calls the device that it is from, the most
// specific first: the equipment instances of its observations (OBX-18: universal
// id, then entity id) in their order, the sending application's universal id
// (MSH-3), and its namespace. At most 16, each once.
func (m *Message) DeviceNames() []string {
	var names []string
	add := func(name string) {
		if name != "" && len(names) < maxNames && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	msh := m.segments[0].field(m.marks, 3)
	for _, s := range m.segments {
		if s.name() != "OBX" || len(names) >= maxNames-2 {
			continue
		}
		equipment := s.field(m.marks, 18)
		add(component(equipment, m.marks, 3))
		if len(names) < maxNames-2 {
			add(component(equipment, m.marks, 1))
		}
	}
	add(component(msh, m.marks, 2))
	add(component(msh, m.marks, 1))
	return names
}

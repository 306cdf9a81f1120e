package mqtt

import (
	"strings"
	"unicode/utf8"
)

// prefix begins every topic.
const prefix = "secant/v1/"

// kind is what a topic's messages are about.
type kind string

const (
	kindReadings kind = "readings"
	kindState    kind = "state"
	kindEvents   kind = "events"
	kindReceipts kind = "receipts" // of the node's making
)

// maxName is how long a device's name is, in bytes.
const maxName = 200

// topic is what a device publishes to.
type topic struct {
	source, device string
	kind           kind
}

func (t topic) String() string { return prefix + t.source + "/" + t.device + "/" + string(t.kind) }

// beside is another topic of the same device.
func (t topic) beside(k kind) topic { return topic{t.source, t.device, k} }

// parseTopic reads a topic that a device may publish to, of some source.
func parseTopic(s string) (t topic, ok bool) {
	rest, ok := strings.CutPrefix(s, prefix)
	levels := strings.Split(rest, "/")
	if !ok || len(levels) != 3 || levels[0] == "" || !goodName(levels[1]) {
		return topic{}, false
	}
	t = topic{levels[0], levels[1], kind(levels[2])}
	switch t.kind {
	case kindReadings, kindState, kindEvents:
		return t, true
	case kindReceipts:
	}
	return topic{}, false
}

func goodName(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsAny(s, "/+#\x00")
}

// maySubscribe reports whether a source may see what a filter, or a topic, names.
func maySubscribe(source, filter string) bool {
	return strings.HasPrefix(filter, prefix+source+"/")
}

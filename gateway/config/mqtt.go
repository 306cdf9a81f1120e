package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Broker is an MQTT 5 broker of the organisation's own. The node keeps a session
// there, and acknowledges what it took when that is durable here.
type Broker struct {
	// Source is what this broker is called in the inventory of the devices that
	// publish there. Required, and no other broker's.
	Source string `json:"source"`

	// URL is where it is: mqtts://host:port, or mqtt://host:port without TLS, which
	// is for loopback unless Plain allows it. Required.
	URL string `json:"url"`

	// Plain allows a broker without TLS that is not on this machine: everybody on
	// the way can read and change what it sends. Default: false.
	Plain bool `json:"plain,omitempty"`

	// Roots is a PEM file of the CAs that the broker's certificate chains to.
	// Default: the system's.
	Roots string `json:"roots,omitempty"`

	// Certificate and Key are PEM files of what the node shows. Default: nothing.
	Certificate string  `json:"certificate,omitempty"`
	Key         KeyFile `json:"key,omitempty"`

	// User is whom the node signs in as, and Password the file with the password.
	// Default: nobody.
	User     string  `json:"user,omitempty"`
	Password KeyFile `json:"password,omitempty"`

	// Client is the client identifier, under which the broker keeps what it has for
	// the node while the node is away: two clients that have the same one throw each
	// other out. Default: "secant-" and the organisation.
	Client string `json:"client,omitempty"`

	// Topics are what to take. Required.
	Topics []BrokerTopic `json:"topics"`
}

// BrokerTopic says what is taken from a broker.
type BrokerTopic struct {
	// Topic is the topic, in which one level may be {device}: the name by which the
	// broker's source calls the device, as in "ward/3/{device}/vitals". Other levels
	// may be +. Required.
	Topic string `json:"topic"`

	// Device is the name of the device where the topic has none.
	Device string `json:"device,omitempty"`

	// MediaType is that of messages that do not tell theirs. Default:
	// application/json.
	MediaType string `json:"mediaType,omitempty"`
}

const deviceLevel = "{device}"

// publisherFaults lists what is wrong with listeners for MQTT.
func publisherFaults(listeners []Listener) []string {
	faults := listenerFaults("mqtt", listeners)
	for i, l := range listeners {
		for j, s := range l.Sources {
			if strings.ContainsAny(s.Name, "/+#") {
				faults = append(faults, fmt.Sprintf("mqtt[%d].sources[%d].name must not have / + or #: it is a level of topics", i, j))
			}
		}
	}
	return faults
}

// mqttFaults lists what is wrong with the listeners for MQTT and the brokers.
func (c *Config) mqttFaults() []string {
	faults := publisherFaults(c.MQTT)
	var sources []string
	for i, b := range c.Brokers {
		fail := func(format string, args ...any) {
			faults = append(faults, fmt.Sprintf("brokers[%d]", i)+fmt.Sprintf(format, args...))
		}
		if b.Source == "" || slices.Contains(sources, b.Source) {
			fail(".source must be given, and no other broker's")
		}
		sources = append(sources, b.Source)
		u, err := url.Parse(b.URL)
		switch {
		case err != nil || u.Host == "" || u.Port() == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
			u.Scheme != "mqtt" && u.Scheme != "mqtts":
			fail(".url must be mqtts://host:port or mqtt://host:port")
		case u.Scheme == "mqtt" && !b.Plain && !loopback(u.Hostname()):
			fail(".url is not on this machine: that needs mqtts, or plain")
		case u.Scheme == "mqtt" && (b.Certificate != "" || b.Key != "" || b.Roots != ""):
			fail(" has certificates, which are shown only where there is TLS")
		}
		if (b.Certificate == "") != (b.Key == "") {
			fail(" needs certificate and key, or neither")
		}
		if b.User == "" && b.Password != "" {
			fail(".password needs a user")
		}
		if len(b.Topics) == 0 {
			fail(".topics must hold at least one")
		}
		for j, t := range b.Topics {
			if fault := t.fault(); fault != "" {
				fail(".topics[%d]%s", j, fault)
			}
		}
	}
	return faults
}

func (t BrokerTopic) fault() string {
	devices := 0
	for level := range strings.SplitSeq(t.Topic, "/") {
		switch {
		case level == deviceLevel:
			devices++
		case level != "+" && strings.ContainsAny(level, "+#{}"):
			return ".topic must be levels of text, + or {device}"
		}
	}
	switch {
	case t.Topic == "" || strings.HasPrefix(t.Topic, "$"):
		return ".topic must be levels of text, + or {device}"
	case devices > 1:
		return ".topic must have {device} once"
	case (devices == 1) == (t.Device != ""):
		return " needs {device} in its topic, or a device: one of them"
	}
	return ""
}

func (b *Broker) resolve(dir string) {
	abs(dir, &b.Roots)
	abs(dir, &b.Certificate)
	abs(dir, (*string)(&b.Key))
	abs(dir, (*string)(&b.Password))
}

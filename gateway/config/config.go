// Package config is a node's configuration: data, its defaults, and how it is
// read. It opens nothing that it names.
package config

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is the content of node.json. Paths are taken from the file's own
// folder when they are relative.
//
// Every single value can also be set in the environment: SECANT_ and the names
// of its path in upper case, as in SECANT_LISTEN or SECANT_LIMITS_BODY.
type Config struct {
	// Development allows plain HTTP on loopback and deliberate crashes
	// (SECANT_CRASH_AT). Default: false.
	Development bool `json:"development"`

	// Network is the consortium's name, as in DIDs and proofs. Default: "dev".
	Network string `json:"network"`

	// Organisation is the MSP id of the member that this node serves. Required.
	Organisation string `json:"organisation"`

	// DisplayName is the organisation's name for people. Default: its id.
	DisplayName string `json:"displayName"`

	// Country is where the organisation is, two capital letters (ISO 3166-1). It
	// stands in the certificates under which mdocs are issued; a change makes a new
	// root, beside which the old one stays. Default: "XX", which is no country's.
	Country string `json:"country"`

	// Kind is the organisation's kind: hospital, manufacturer or authority. Required.
	Kind string `json:"kind"`

	// Listen is the host and port of the HTTP interface. Without TLS only a
	// loopback address is accepted. Default: 127.0.0.1:7001.
	Listen string `json:"listen"`

	// Endpoint is the base address under which other members' nodes reach this
	// one; it is published on the ledger. Default: derived from Listen and TLS.
	Endpoint string `json:"endpoint"`

	// Data is the folder of all that the node keeps: store, vault, log, keys.
	// Default: "data".
	Data string `json:"data"`

	// Store is the URL of the PostgreSQL database (15 or later) that keeps the store in
	// the place of SQLite: postgres://user@host:port/database, with what else libpq takes
	// there. The password is in a file that PGPASSFILE names. A server on another machine
	// must be asked for with sslmode=verify-full. It belongs to one node at a time: a
	// second one is told so. Name one server, and no pooler that gives each transaction
	// another session: the lock is the session's. Default: absent,
	// SQLite in Data.
	Store string `json:"store,omitempty"`

	// Trust is the consortium's trust file. The node checks every proof with it
	// before serving the proof. Required.
	Trust string `json:"trust"`

	// TLS turns TLS on. Default: absent, plain HTTP on loopback.
	TLS *TLS `json:"tls,omitempty"`

	// Public is a second listener, for those outside the consortium: people's
	// wallets and other people's verifiers. It serves what Listen serves, always
	// over TLS, and gives the organisation its name on the web, did:web:HOST.
	//
	// Where one address can serve members' nodes and everybody else, leave it out
	// and make that address Listen, TLS and Endpoint, or have a proxy that ends
	// TLS pass on to Listen: whenever Endpoint is an https address without a
	// path, its host is the public one. A listener of its own is for members'
	// nodes that meet on a network which others do not reach, and for callers
	// that speak no more than TLS 1.2, which Listen refuses. Default: absent.
	Public Public `json:"public,omitzero"`

	// MLLP are listeners for HL7 v2 messages. Default: none.
	MLLP []Listener `json:"mllp,omitempty"`

	// MQTT are listeners for devices that speak MQTT. In them a source's name is a
	// level of its topics, so that it has none of "/", "+" and "#". Default: none.
	MQTT []Listener `json:"mqtt,omitempty"`

	// CoAP are listeners for devices that speak CoAP by UDP: with a certificate by DTLS
	// (1.2), otherwise plain. Default: none.
	CoAP []Listener `json:"coap,omitempty"`

	// Brokers are MQTT brokers of the organisation's own, from which the node takes
	// what devices publish there. Default: none.
	Brokers []Broker `json:"brokers,omitempty"`

	// SignIn says how people and programs sign in.
	SignIn SignIn `json:"signIn,omitzero"`

	// Wallets says which wallets may have a credential for which a person signs in.
	Wallets Wallets `json:"wallets,omitzero"`

	// Ledger says how to reach the channel. Required.
	Ledger Ledger `json:"ledger"`

	// Exchange says how documents travel between the members' nodes.
	Exchange Exchange `json:"exchange"`

	// Advisories says where advisories on vulnerabilities come from. Default: from
	// those who hand them in.
	Advisories Advisories `json:"advisories,omitzero"`

	// Sources are the tools of the organisation, and the feeds, from which intelligence
	// is collected. Default: none, but those who hand it in.
	Sources []IntelligenceSource `json:"sources,omitempty"`

	// Kept says how much of what sources say is kept.
	Kept Kept `json:"kept,omitzero"`

	// Forward are the systems that are told what this node learns. Default: none.
	Forward []Forward `json:"forward,omitempty"`

	// Keys are files below Data unless they are absolute; each is made on first
	// use, readable by its owner only.
	Keys Keys `json:"keys"`

	// Vault says where accepted requests are kept.
	Vault Vault `json:"vault"`

	// Retention is how long readings are kept before they are erased, at least 24h.
	// What the law asks for differs: ten years in one country, thirty in another.
	// Default: for ever.
	Retention Duration `json:"retention,omitempty"`

	// Limits bound what one caller can ask for.
	Limits Limits `json:"limits"`

	// Pace says how often the node does what it does by itself, and from when
	// on it no longer counts as ready.
	Pace Pace `json:"pace"`

	// Log says what is logged. Logs never hold bodies, tokens or keys.
	Log Log `json:"log"`

	warnings []string // see Load
}

// TLS names the server's certificate.
type TLS struct {
	Certificate string  `json:"certificate"` // PEM file, the server's first
	Key         KeyFile `json:"key"`         // PEM file
}

// Ledger says how to reach the channel.
type Ledger struct {
	Channel   string `json:"channel"`   // default: "secant"
	Chaincode string `json:"chaincode"` // default: "secant"

	// Peers are gateways into the channel. Blocks are followed from the own
	// organisation's only, so at least one must be its own.
	Peers []Peer `json:"peers"`

	// Identities are the node's certificates, one for each ledger role.
	Identities map[string]Identity `json:"identities"`
}

// Peer is one peer of the channel.
type Peer struct {
	Name         string `json:"name"`         // host name in its TLS certificate
	Organisation string `json:"organisation"` // MSP id
	Address      string `json:"address"`      // host:port
	TLSRoot      string `json:"tlsRoot"`      // PEM file of the CA that its TLS certificate chains to
}

// Identity is a client certificate with its key.
type Identity struct {
	Certificate string  `json:"certificate"` // PEM file
	Key         KeyFile `json:"key"`         // PEM file
}

// Sanitise says what does not leave with a report.
type Sanitise struct {
	// Domains are the organisation's own, as in "hospital.example": themselves and all
	// names and mail addresses below. Hosts are own names of hosts.
	Domains []string `json:"domains,omitempty"`
	Hosts   []string `json:"hosts,omitempty"`

	// Fields are properties of STIX objects that hold names or addresses of persons, as
	// in "user-account.display_name". Of identities only those of individuals count.
	// Default: identity.name, identity.contact_information, user-account.display_name,
	// user-account.account_login, email-addr.display_name.
	Fields []string `json:"fields,omitempty"`

	// Rules are the organisation's own, in their order.
	Rules []SanitiseRule `json:"rules,omitempty"`
}

// SanitiseRule replaces what a pattern finds in any text of a report.
type SanitiseRule struct {
	Name    string `json:"name"`    // under which its changes are listed
	Pattern string `json:"pattern"` // RE2
	With    string `json:"with"`    // what stands there instead
}

// Exchange says how documents travel between the members' nodes.
type Exchange struct {
	// Networks are the organisation's own public networks, as in "192.0.2.0/24".
	// Reports that the node makes of alerts never name an address of theirs.
	Networks []netip.Prefix `json:"networks,omitempty"`

	// Sanitise says what is taken out of reports before they are shared, besides
	// addresses of Networks and those that are internal everywhere.
	Sanitise Sanitise `json:"sanitise,omitzero"`

	// Sightings is how often at most, a second or more, a member that shared a report is
	// told by itself that own alerts show what it warns of: how many did since it was
	// told last, the first and the last time, and nothing else. Of a sealed report it goes
	// sealed to all who hold it, of another it stands on the ledger for every member to
	// read. After a hundred times one report is told of 24 times less often. 0s: only what
	// people tell. Default: 1h.
	Sightings *Duration `json:"sightings,omitempty"`

	// Reachable are networks from which other members' documents may be fetched
	// although they are not public. In development loopback always is.
	Reachable []netip.Prefix `json:"reachable,omitempty"`

	// Roots is a PEM file of the CAs that other members' TLS certificates chain
	// to. Default: the system's. DIDs and status lists of the web are fetched
	// under the system's and these.
	Roots string `json:"roots,omitempty"`

	// Resolve lists further hosts, as in "id.example.org" or "localhost:7051",
	// whose did:web documents the node fetches for anyone who asks it at
	// /1.0/identifiers. Members' hosts it always does, as far as the ledger names
	// them, and any other host never: nobody can make the node call a host that
	// its operator does not know. Default: none.
	Resolve []string `json:"resolve,omitempty"`
}

// DefaultSightings is how often sightings are told when nothing is said.
const DefaultSightings = time.Hour

// SightingsEvery is how often sightings are told; 0: never.
func (e *Exchange) SightingsEvery() time.Duration {
	if e.Sightings == nil {
		return DefaultSightings
	}
	return e.Sightings.Std()
}

// Keys are the node's own secrets.
type Keys struct {
	// Token signs the tokens with which people and programs call this node, and
	// with which this node calls others. The pseudonyms of whoever signs in hang on
	// it: with another key every session ends, and everybody has another pseudonym.
	// Default: keys/token.pem.
	Token KeyFile `json:"token"`

	// Maker is the key of the HMAC that turns serial numbers into unit ids. A
	// manufacturer that loses it can no longer tell its own devices apart.
	// Default: keys/maker.key.
	Maker KeyFile `json:"maker"`

	// Vault encrypts the keys of stored requests. Default: keys/vault.key.
	Vault KeyFile `json:"vault"`

	// Identity unlocks the keys with which the node issues credentials, and makes
	// the nonces of its protocols. Default: keys/identity.key.
	Identity KeyFile `json:"identity"`

	// PKCS11 holds the keys with which the node issues credentials in a hardware
	// module, in place of the node's own store. Default: absent.
	PKCS11 *PKCS11 `json:"pkcs11,omitempty"`
}

// PKCS11 is a token that speaks PKCS #11.
type PKCS11 struct {
	Module string  `json:"module"` // path of the library
	Token  string  `json:"token"`  // label of the token
	PIN    KeyFile `json:"pin"`    // file with the user's PIN
}

// Limits bound what one caller can ask for.
type Limits struct {
	Body        int64    `json:"body"`        // bytes of a request's body; default 8 MiB
	Header      int      `json:"header"`      // bytes of a request's headers; default 64 KiB
	Depth       int      `json:"depth"`       // nesting of JSON; default 32
	HeaderTime  Duration `json:"headerTime"`  // for the headers to arrive; default 10s
	BodyTime    Duration `json:"bodyTime"`    // for a body to arrive; default 60s
	Images      int64    `json:"images"`      // bytes of a body with DICOM files or a recording, of which none is kept; default 4 GiB
	ImagesTime  Duration `json:"imagesTime"`  // for such a body to arrive; default 15m
	WriteTime   Duration `json:"writeTime"`   // for an answer to be taken; default 120s
	IdleTime    Duration `json:"idleTime"`    // between requests on a connection; default 120s
	CommandWait Duration `json:"commandWait"` // for a command to be committed, before 202; default 20s
	Listeners   int      `json:"listeners"`   // open event streams; default 100
	Clock       Duration `json:"clock"`       // between a sender's clock and the node's before its readings are marked; default 24h

	// Anonymous and AnonymousTotal bound requests without a token, in requests a
	// second, five seconds' worth at once: of one address, and of all together.
	// Behind a proxy every request is of the proxy's address: there Anonymous has to
	// be as large as AnonymousTotal, and the proxy to bound callers. Defaults: 50, 1000.
	Anonymous      int `json:"anonymous"`
	AnonymousTotal int `json:"anonymousTotal"`

	// Session and Program bound the requests of one caller who is known, in requests a
	// second, five seconds' worth at once: of one person who signed in, in all sessions
	// together, and of one program or device, in all tokens together. A device is counted
	// once its signature was found to be good. Whoever asks too much is answered 429 with
	// Retry-After, and keeps out nobody else. Defaults: 100, 2000.
	Session int `json:"session"`
	Program int `json:"program"`
}

// Pace says how often the node does what it does by itself.
type Pace struct {
	Checkpoint Duration `json:"checkpoint"` // integrity log checkpoints, each of which is anchored; default 1s
	EventLag   Duration `json:"eventLag"`   // behind the ledger and still ready; default 30s
	OutboxAge  Duration `json:"outboxAge"`  // of the oldest waiting command and still ready; default 60s
	Shutdown   Duration `json:"shutdown"`   // for everything to end in order; default 20s
	Audit      Duration `json:"audit"`      // between two passes over all that is stored; default 10m
}

// Log says what is logged.
type Log struct {
	Level slog.Level `json:"level"` // DEBUG, INFO, WARN or ERROR; default INFO
}

// Default returns the configuration of a node about which nothing is said.
func Default() Config {
	return Config{
		Network: "dev",
		Country: "XX",
		Listen:  "127.0.0.1:7001",
		Data:    "data",
		Ledger:  Ledger{Channel: "secant", Chaincode: "secant"},
		Keys: Keys{ //nolint:gosec // paths, not keys
			Token: "keys/token.pem", Maker: "keys/maker.key",
			Vault: "keys/vault.key", Identity: "keys/identity.key",
		},
		Vault: Vault{Keep: 1 << 30, Segment: 64 << 20},
		Limits: Limits{
			Body: 8 << 20, Header: 64 << 10, Depth: 32,
			HeaderTime: Duration(10 * time.Second), BodyTime: Duration(time.Minute),
			Images: 4 << 30, ImagesTime: Duration(15 * time.Minute),
			WriteTime: Duration(2 * time.Minute), IdleTime: Duration(2 * time.Minute),
			CommandWait: Duration(20 * time.Second), Listeners: 100, Clock: Duration(24 * time.Hour),
			Anonymous: 50, AnonymousTotal: 1000, Session: 100, Program: 2000,
		},
		Pace: Pace{
			Checkpoint: Duration(time.Second),
			EventLag:   Duration(30 * time.Second), OutboxAge: Duration(time.Minute),
			Shutdown: Duration(20 * time.Second), Audit: Duration(10 * time.Minute),
		},
	}
}

// KeyFile is the path of a file with a secret. The file itself is never part of
// a configuration; where a configuration is shown, the path is not told either.
type KeyFile string

// String hides the path.
func (KeyFile) String() string { return "[key file]" }

// LogValue hides the path.
func (KeyFile) LogValue() slog.Value { return slog.StringValue("[key file]") }

// Path returns the path, to open it.
func (k KeyFile) Path() string { return string(k) }

// Duration is a time.Duration that reads and writes as "1m30s".
type Duration time.Duration

// Std returns the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return err //nolint:wrapcheck // the decoder adds where
	}
	*d = Duration(v)
	return nil
}

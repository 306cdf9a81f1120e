package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// IntelligenceSource is a tool of the organisation, or a feed. Exactly one way in is
// given.
type IntelligenceSource struct {
	// Name is what the source is called: one to 64 of a to z, 0 to 9 and "-". How far it
	// was read is kept under it. Required, and no other source's.
	Name string `json:"name"`

	// Format is how what it says is read: the name of a format, as "eve", or the path of
	// a file with a mapping, which has a "/" or a "." in it. Required but for TAXII; for
	// MISP feeds the default is "misp".
	Format string `json:"format,omitempty"`

	// File is followed, as lines are added to it, through its rotations. Its format must
	// be one of lines.
	File string `json:"file,omitempty"`

	// Directory is a folder of which each file is taken once.
	Directory string `json:"directory,omitempty"`

	// HTTP, TAXII and MISP are fetched as anything else from outside is: over https,
	// public addresses only, unless Exchange.Reachable has them.
	HTTP  *WebSource   `json:"http,omitempty"`
	TAXII *TAXIISource `json:"taxii,omitempty"`
	MISP  *WebSource   `json:"misp,omitempty"`

	// Syslog listens for syslog.
	Syslog *SyslogSource `json:"syslog,omitempty"`

	// Every is how often it is looked at, at least a second, and for what is fetched at
	// least a minute. Default: 1s for a file, 10s for a folder, 15m for what is fetched.
	Every Duration `json:"every,omitzero"`
}

// WebSource is a document, or a feed, on the web.
type WebSource struct {
	// URL is an https address; of a MISP feed the folder of its manifest.json.
	URL string `json:"url"`

	// Authorization is a file with the value of the header Authorization, as in "Bearer
	// TOKEN", or for MISP the key itself. Default: none.
	Authorization KeyFile `json:"authorization,omitempty"`
}

// TAXIISource is a collection of a TAXII 2.1 server.
type TAXIISource struct {
	WebSource // of its discovery, an API root, or a collection itself

	// Collection is the id, alias or title of the collection. Default: the only one.
	Collection string `json:"collection,omitempty"`
}

// SyslogSource is a listener for syslog over TCP, with TLS where it has a certificate.
type SyslogSource struct {
	Listener

	// UDP listens for datagrams in place of connections. Default: false.
	UDP bool `json:"udp,omitempty"`
}

// Kept says how much of what sources say is kept.
type Kept struct {
	// Number is how many alerts, findings and reports are kept; the oldest go first.
	// Default: 1,000,000.
	Number int64 `json:"number,omitempty"`

	// Age is how long alerts and findings are kept; at least an hour. Default: 2160h,
	// which is 90 days.
	Age Duration `json:"age,omitzero"`
}

// Forward is a system that watches the hospital's network (SIEM), and is told by syslog
// what this node learns.
type Forward struct {
	// Name is under which it is kept how far it was told. Required, and no other's.
	Name string `json:"name"`

	// Address is tcp://host:port, tls://host:port or udp://host:port. Required.
	Address string `json:"address"`

	// Form is in what events are written: "cef" or "leef". Default: "cef".
	Form string `json:"form,omitempty"`

	// Plain allows an address without TLS that is not on this machine: everybody on the
	// way can read what it is told. Default: false.
	Plain bool `json:"plain,omitempty"`

	// Roots is a PEM file of the CAs that its certificate chains to. Default: the
	// system's.
	Roots string `json:"roots,omitempty"`

	// Certificate and Key are PEM files of what the node shows. Default: nothing.
	Certificate string  `json:"certificate,omitempty"`
	Key         KeyFile `json:"key,omitempty"`

	// Severity is that of own alerts at least, in basis points. Reports of members that
	// turn out to concern own devices are told whatever theirs is. Default: 0, all.
	Severity int `json:"severity,omitempty"`
}

// The defaults of what is kept.
const (
	DefaultKeptNumber = 1_000_000
	DefaultKeptAge    = 90 * 24 * time.Hour
)

const maxIntelligenceSources = 256

// collectFaults lists what is wrong with what is collected and told.
func (c *Config) collectFaults() []string {
	var faults []string
	if len(c.Sources) > maxIntelligenceSources {
		faults = append(faults, fmt.Sprintf("sources: must be at most %d", maxIntelligenceSources))
	}
	names := map[string]bool{}
	for i := range c.Sources {
		s := &c.Sources[i]
		at := fmt.Sprintf("sources[%d]", i)
		if !IsSourceName(s.Name) || names[s.Name] {
			faults = append(faults, at+".name must be one to 64 of a to z, 0 to 9 and -, and no other source's")
		}
		names[s.Name] = true
		for _, f := range s.faults() {
			faults = append(faults, at+f)
		}
	}
	if c.Kept.Number < 0 || c.Kept.Age != 0 && c.Kept.Age.Std() < time.Hour {
		faults = append(faults, "kept: number must be positive, and age at least an hour")
	}
	names = map[string]bool{}
	for i := range c.Forward {
		f := &c.Forward[i]
		at := fmt.Sprintf("forward[%d]", i)
		if !IsSourceName(f.Name) || names[f.Name] {
			faults = append(faults, at+".name must be one to 64 of a to z, 0 to 9 and -, and no other's")
		}
		names[f.Name] = true
		if fault := f.fault(); fault != "" {
			faults = append(faults, at+fault)
		}
	}
	return faults
}

// IsSourceName reports whether a source may be called so.
func IsSourceName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
}

// fetched reports whether the source is one that is fetched.
func (s *IntelligenceSource) fetched() bool { return s.HTTP != nil || s.TAXII != nil || s.MISP != nil }

func (s *IntelligenceSource) faults() []string {
	var faults []string
	ways := 0
	for _, given := range []bool{s.File != "", s.Directory != "", s.HTTP != nil, s.TAXII != nil, s.MISP != nil, s.Syslog != nil} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		faults = append(faults, " needs exactly one of file, directory, http, taxii, misp and syslog")
	}
	if s.Format == "" && s.TAXII == nil && s.MISP == nil {
		faults = append(faults, ".format is required")
	}
	least := time.Second
	if s.fetched() {
		least = time.Minute
	}
	if s.Every != 0 && s.Every.Std() < least {
		faults = append(faults, fmt.Sprintf(".every must be at least %s", least))
	}
	var site *WebSource
	switch {
	case s.HTTP != nil:
		site = s.HTTP
	case s.MISP != nil:
		site = s.MISP
	case s.TAXII != nil:
		site = &s.TAXII.WebSource
	}
	if site != nil {
		if u, err := url.Parse(site.URL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			faults = append(faults, ".url must be an https address without user and fragment")
		}
	}
	if s.Syslog != nil {
		for _, f := range listenerFaults("", []Listener{s.Syslog.Listener}) {
			faults = append(faults, ".syslog"+strings.TrimPrefix(f, "[0]"))
		}
		if s.Syslog.UDP && s.Syslog.Certificate != "" {
			faults = append(faults, ".syslog has a certificate, which is shown only over TCP")
		}
	}
	return faults
}

func (f *Forward) fault() string {
	u, err := url.Parse(f.Address)
	switch {
	case err != nil || u.Port() == "" || u.Hostname() == "" || u.Path != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		!slices.Contains([]string{"tcp", "tls", "udp"}, u.Scheme):
		return ".address must be tls://host:port, tcp://host:port or udp://host:port"
	case u.Scheme != "tls" && !f.Plain && !loopback(u.Hostname()):
		return ".address is not on this machine: that needs tls, or plain"
	case u.Scheme != "tls" && (f.Certificate != "" || f.Key != "" || f.Roots != ""):
		return " has certificates, which are shown only where there is TLS"
	case (f.Certificate == "") != (f.Key == ""):
		return " needs certificate and key, or neither"
	case !slices.Contains([]string{"", "cef", "leef"}, f.Form):
		return `.form must be "cef" or "leef"`
	case f.Severity < 0 || f.Severity > 10_000:
		return ".severity must be basis points, 0 to 10,000"
	}
	if _, _, err := net.SplitHostPort(u.Host); err != nil {
		return ".address must have a port"
	}
	return ""
}

func (s *IntelligenceSource) resolve(dir string) {
	abs(dir, &s.File)
	abs(dir, &s.Directory)
	if IsMapping(s.Format) {
		abs(dir, &s.Format)
	}
	for _, site := range []*WebSource{s.HTTP, s.MISP} {
		if site != nil {
			abs(dir, (*string)(&site.Authorization))
		}
	}
	if s.TAXII != nil {
		abs(dir, (*string)(&s.TAXII.Authorization))
	}
	if s.Syslog != nil {
		s.Syslog.resolve(dir)
	}
}

// IsMapping reports whether a format is the path of a file with a mapping.
func IsMapping(format string) bool { return strings.ContainsAny(format, "/.") }

func (f *Forward) resolve(dir string) {
	abs(dir, &f.Roots)
	abs(dir, &f.Certificate)
	abs(dir, (*string)(&f.Key))
}

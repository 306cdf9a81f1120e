// Package mud reads Manufacturer Usage Descriptions (RFC 8520): what a device's
// maker says the device needs of the network. It judges the file and its signature
// and says in plain words which flows it allows. It fetches nothing, and configures
// no network.
package mud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bounds on a file.
const (
	MaxBytes   = 256 << 10
	MaxEntries = 1000 // of all lists together
)

var limits = strictjson.Limits{Bytes: MaxBytes, Depth: 16, Values: 20_000}

// MediaType is that of a file (RFC 8520, section 16.3).
const MediaType = "application/mud+json"

// File is a usage description.
type File struct {
	URL           string
	Signature     string // address of its signature; empty: none
	LastUpdate    time.Time
	CacheValidity time.Duration
	Supported     bool
	SystemInfo    string
	Maker         string
	Model         string
	Flows         []Flow
}

// Flow is one thing that the device may or may not do.
type Flow struct {
	From    bool   `json:"fromDevice"` // else it is towards the device
	Allowed bool   `json:"allowed"`
	Text    string `json:"text" doc:"In plain words."`
}

type document struct {
	MUD  container `json:"ietf-mud:mud"`
	ACLs *struct {
		ACL []list `json:"acl"`
	} `json:"ietf-access-control-list:acls"`
	Old *struct {
		ACL []list `json:"acl"`
	} `json:"ietf-access-control-list:access-lists"`
}

type container struct {
	Version       int       `json:"mud-version"`
	URL           string    `json:"mud-url"`
	LastUpdate    string    `json:"last-update"`
	Signature     string    `json:"mud-signature"`
	CacheValidity *int      `json:"cache-validity"`
	Supported     *bool     `json:"is-supported"`
	SystemInfo    string    `json:"systeminfo"`
	Maker         string    `json:"mfg-name"`
	Model         string    `json:"model-name"`
	Firmware      string    `json:"firmware-rev"`
	Software      string    `json:"software-rev"`
	Documentation string    `json:"documentation"`
	Extensions    []string  `json:"extensions"`
	From          *policies `json:"from-device-policy"`
	To            *policies `json:"to-device-policy"`
}

type policies struct {
	Lists struct {
		List []struct {
			Name string `json:"name"`
		} `json:"access-list"`
	} `json:"access-lists"`
}

type list struct {
	Name string `json:"name"`
	Type string `json:"type"`
	ACEs struct {
		ACE []entry `json:"ace"`
	} `json:"aces"`
}

type entry struct {
	Name    string  `json:"name"`
	Matches matches `json:"matches"`
	Actions struct {
		Forwarding string `json:"forwarding"`
	} `json:"actions"`
}

// Parse reads a file strictly: no member that RFC 8520 and RFC 8519 do not have,
// every list that a policy names there. Problems: invalid, too_large.
func Parse(b []byte) (*File, error) {
	if err := strictjson.Check("the usage description", b, limits); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var doc document
	if err := d.Decode(&doc); err != nil {
		return nil, invalid("must be a MUD file: an object with ietf-mud:mud and ietf-access-control-list:acls, without members that RFC 8520 does not have")
	}
	m := &doc.MUD
	f := &File{
		URL: m.URL, Signature: m.Signature, SystemInfo: m.SystemInfo, Maker: m.Maker, Model: m.Model,
		CacheValidity: 48 * time.Hour, Supported: m.Supported != nil && *m.Supported,
	}
	var err error
	switch f.LastUpdate, err = time.Parse(time.RFC3339, m.LastUpdate); {
	case m.Version != 1:
		return nil, invalid("mud-version must be 1")
	case !secure(m.URL):
		return nil, invalid("mud-url must be an https address")
	case err != nil:
		return nil, invalid("last-update must be a date and time with zone")
	case m.Supported == nil:
		return nil, invalid("is-supported must be there")
	case m.Signature != "" && !secure(m.Signature):
		return nil, invalid("mud-signature must be an https address")
	case len(m.SystemInfo) > 240: // characters of UTF-8 are at least as many bytes
		return nil, invalid("systeminfo must have at most 60 characters")
	}
	if m.CacheValidity != nil {
		if *m.CacheValidity < 1 || *m.CacheValidity > 168 {
			return nil, invalid("cache-validity must be 1 to 168 hours")
		}
		f.CacheValidity = time.Duration(*m.CacheValidity) * time.Hour
	}
	return f, f.flows(&doc)
}

func secure(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil
}

func (f *File) flows(doc *document) error {
	lists := map[string]*list{}
	for _, acls := range []*struct {
		ACL []list `json:"acl"`
	}{doc.ACLs, doc.Old} {
		if acls == nil {
			continue
		}
		for i := range acls.ACL {
			l := &acls.ACL[i]
			if lists[l.Name] != nil || l.Name == "" {
				return invalid("each access list must have a name of its own")
			}
			if !slices.Contains(listTypes, l.Type) {
				return invalid("the type of an access list must be one of RFC 8519")
			}
			lists[l.Name] = l
		}
	}
	for _, side := range []struct {
		from bool
		p    *policies
	}{{true, doc.MUD.From}, {false, doc.MUD.To}} {
		if side.p == nil {
			continue
		}
		for _, named := range side.p.Lists.List {
			l := lists[named.Name]
			if l == nil {
				return invalid("a policy names an access list that is not there")
			}
			for i := range l.ACEs.ACE {
				if len(f.Flows) == MaxEntries {
					return ledger.Problemf(ledger.CodeTooLarge, "the usage description has more than %d entries", MaxEntries)
				}
				e := &l.ACEs.ACE[i]
				if !slices.Contains([]string{"accept", "drop", "reject"}, strings.TrimPrefix(e.Actions.Forwarding, "ietf-access-control-list:")) {
					return invalid("the forwarding of an entry must be accept, drop or reject")
				}
				if err := e.Matches.valid(); err != nil {
					return err
				}
				f.Flows = append(f.Flows, e.words(side.from))
			}
		}
	}
	return nil
}

// listTypes are the types of access lists (RFC 8519, section 4.1).
var listTypes = []string{
	"ipv4-acl-type", "ipv6-acl-type", "eth-acl-type", "mixed-eth-ipv4-acl-type", "mixed-eth-ipv6-acl-type", "mixed-eth-ipv4-ipv6-acl-type",
}

func invalid(detail string) error {
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: "the usage description is not one that can be taken",
		Faults: []ledger.Fault{{Field: "mud", Detail: detail}},
	}
}

func (e *entry) words(from bool) Flow {
	allowed := strings.HasSuffix(e.Actions.Forwarding, "accept")
	verb := "may"
	if !allowed {
		verb = "may not"
	}
	who := e.Matches.peer(from)
	what := e.Matches.traffic()
	text := fmt.Sprintf("The device %s send to %s%s.", verb, who, what)
	if !from {
		text = fmt.Sprintf("%s %s send to the device%s.", strings.ToUpper(who[:1])+who[1:], verb, what)
	}
	return Flow{from, allowed, text}
}

package adapt

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// eveContext is what an alert's event says of the protocol that it was found in
// (Suricata user guide, "EVE JSON Format"). Names differ between versions 1 to 3 of
// the DNS records.
type eveContext struct {
	HTTP struct {
		Host string `json:"hostname"`
		URL  string `json:"url"`
	} `json:"http"`
	TLS struct {
		Name        string `json:"sni"`
		Fingerprint string `json:"fingerprint"`
	} `json:"tls"`
	DNS struct {
		Query   json.RawMessage `json:"query"`
		Queries json.RawMessage `json:"queries"`
		Name    string          `json:"rrname"`
		Data    string          `json:"rdata"`
		Answers json.RawMessage `json:"answers"`
	} `json:"dns"`
	File  eveFile   `json:"fileinfo"`
	Files []eveFile `json:"files"`
	Ether struct {
		Source string `json:"src_mac"`
		Target string `json:"dest_mac"`
	} `json:"ether"`
}

type eveFile struct {
	MD5    string `json:"md5"`
	SHA1   string `json:"sha1"`
	SHA256 string `json:"sha256"`
}

type eveAnswer struct {
	Name string `json:"rrname"`
	Data string `json:"rdata"`
}

// eveContexts are the names without which an event has no context to read.
var eveContexts = [][]byte{[]byte(`"http"`), []byte(`"tls"`), []byte(`"dns"`), []byte(`"fileinfo"`), []byte(`"files"`), []byte(`"ether"`)}

// readEVE reads one event. Only alerts become records; a sensor's file is mostly
// flows, statistics and protocol logs, which are passed over unread.
func readEVE(line []byte) (*Record, error) {
	if !bytes.Contains(line, []byte(`"alert"`)) && bytes.Contains(line, []byte(`"event_type"`)) && line[len(line)-1] == '}' {
		return nil, nil
	}
	var event struct {
		Type string `json:"event_type"`
	}
	a, err := cti.ParseEVE(line)
	if err != nil {
		// An event of another type may have the word in it, or a list of alerts.
		if json.Unmarshal(line, &event) == nil && event.Type != "alert" && event.Type != "" {
			return nil, nil
		}
		return nil, err //nolint:wrapcheck // a Problem that lists every fault
	}
	r := &Record{
		Kind: KindAlert, Time: a.Time, Title: shortTitle(a.Signature), Severity: a.Severity(),
		Rule: fmt.Sprintf("suricata:%d:%d", a.Generator, a.SignatureID),
		CVEs: a.CVEs, Techniques: a.Techniques,
	}
	source, destination := a.Sides()
	r.observeAddr(source, RoleSource)
	r.observeAddr(destination, RoleDestination)
	for _, name := range eveContexts {
		if bytes.Contains(line, name) {
			return r, r.eveContext(line)
		}
	}
	return r, nil
}

func (r *Record) eveContext(line []byte) error {
	var c eveContext
	if err := json.Unmarshal(line, &c); err != nil {
		return ledger.Problemf(ledger.CodeInvalid, "what the alert says of its protocol is not of the types that Suricata EVE defines")
	}
	r.observeHost(c.HTTP.Host, c.HTTP.URL, "http")
	r.observeNamed(Domain, c.TLS.Name, "")
	r.observeNamed(Certificate, c.TLS.Fingerprint, "")
	r.observeNamed(Domain, c.DNS.Name, "")
	r.observeAny(c.DNS.Data, "")
	for _, raw := range []json.RawMessage{c.DNS.Query, c.DNS.Queries, c.DNS.Answers} {
		var list []eveAnswer
		if json.Unmarshal(raw, &list) != nil { // version 1 has one object, or a name
			continue
		}
		for _, a := range list[:min(len(list), maxNames)] {
			r.observeNamed(Domain, a.Name, "")
			r.observeAny(a.Data, "")
		}
	}
	for _, f := range append(c.Files[:min(len(c.Files), maxNames)], c.File) {
		for _, h := range []string{f.SHA256, f.SHA1, f.MD5} {
			r.observeNamed(FileHash, h, "")
		}
	}
	r.observeNamed(MAC, c.Ether.Source, RoleSource)
	r.observeNamed(MAC, c.Ether.Target, RoleDestination)
	return nil
}

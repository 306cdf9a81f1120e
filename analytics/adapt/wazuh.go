package adapt

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// wazuhAlert are the fields of a line of alerts.json that are read (Wazuh
// documentation, "Alert management"; decoders name the fields under "data").
type wazuhAlert struct {
	Timestamp string `json:"timestamp"`
	Rule      *struct {
		ID          string `json:"id"`
		Level       int    `json:"level"`
		Description string `json:"description"`
		MITRE       struct {
			ID json.RawMessage `json:"id"`
		} `json:"mitre"`
		CVE json.RawMessage `json:"cve"`
	} `json:"rule"`
	Agent struct {
		Name string `json:"name"`
		IP   string `json:"ip"`
	} `json:"agent"`
	Data     json.RawMessage `json:"data"`
	Syscheck struct {
		MD5    string `json:"md5_after"`
		SHA1   string `json:"sha1_after"`
		SHA256 string `json:"sha256_after"`
	} `json:"syscheck"`
}

// wazuhRoles are the fields of "data" that can be looked for elsewhere, by the
// name that the decoders give them, in lower case, with the side that they are of.
// Fields deeper inside count by their last name.
var wazuhRoles = map[string]string{
	"srcip": RoleSource, "src_ip": RoleSource, "sourceip": RoleSource, "ipaddress": RoleSource, "srcmac": RoleSource,
	"dstip": RoleDestination, "dst_ip": RoleDestination, "dest_ip": RoleDestination, "destinationip": RoleDestination,
	"destinationhostname": RoleDestination, "dstmac": RoleDestination,
	"url": "", "hostname": "", "queryname": "", "query": "", "domain": "",
	"md5": "", "sha1": "", "sha256": "", "hash": "", "hashes": "", "remote_ip": "", "rrname": "",
}

func readWazuh(line []byte) (*Record, error) {
	if err := strictjson.Check("the alert", line, lineLimits); err != nil {
		return nil, err //nolint:wrapcheck // a Problem
	}
	var a wazuhAlert
	if err := json.Unmarshal(line, &a); err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the alert's fields are not of the types that Wazuh writes")
	}
	if a.Rule == nil || a.Rule.ID == "" || a.Rule.Description == "" {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the line is not a Wazuh alert: it needs rule.id and rule.description")
	}
	t, ok := eventTime(a.Timestamp)
	if !ok {
		return nil, ledger.Problemf(ledger.CodeInvalid, "timestamp must be a time, as in 2026-01-31T12:00:00.000+0000")
	}
	r := &Record{
		Kind: KindAlert, Time: t, Title: shortTitle(a.Rule.Description), Rule: "wazuh:" + lineOf(a.Rule.ID),
		// Levels 0 to 16 (Wazuh documentation, "Rules classification").
		Severity: scale(a.Rule.Level, step{1, 1_000}, step{4, 2_500}, step{7, 5_000}, step{12, 8_000}, step{15, 9_500}),
		Asset:    Asset{Name: shortTitle(a.Agent.Name)},
	}
	if o, ok := Address(a.Agent.IP); ok {
		r.Asset.Address = o.Value
	}
	for _, h := range []string{a.Syscheck.SHA256, a.Syscheck.SHA1, a.Syscheck.MD5} {
		r.observeNamed(FileHash, h, "")
	}
	found := []string{a.Rule.Description, string(a.Rule.CVE)}
	if len(a.Data) > 0 {
		var data any
		if err := json.Unmarshal(a.Data, &data); err != nil {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the alert's data is not JSON")
		}
		found = append(found, r.wazuhData("", data)...)
	}
	r.order(found, []string{string(a.Rule.MITRE.ID)})
	return r, nil
}

// wazuhData looks through what the decoder found and returns texts that may name
// a CVE. Objects are walked in the order of their names, so that the same alert is
// the same record.
func (r *Record) wazuhData(name string, v any) []string {
	var found []string
	switch v := v.(type) {
	case map[string]any:
		for _, k := range keys(v) {
			found = append(found, r.wazuhData(strings.ToLower(k), v[k])...)
		}
	case []any:
		for _, e := range v {
			found = append(found, r.wazuhData(name, e)...)
		}
	case string:
		if name == "cve" {
			found = append(found, v)
		}
		role, known := wazuhRoles[name]
		if !known {
			break
		}
		if name != "hashes" {
			r.observeAny(v, role)
			break
		}
		for pair := range strings.SplitSeq(v, ",") { // Sysmon: "MD5=…,SHA256=…,IMPHASH=…"
			if alg, value, ok := strings.Cut(pair, "="); ok && alg != "IMPHASH" {
				r.observeNamed(FileHash, value, "")
			}
		}
	}
	return found
}

// eventTime reads a time as sensors write it: RFC 3339, with or without a colon in
// the zone, or seconds of Unix time. What has no zone is UTC.
func eventTime(s string) (time.Time, bool) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return inRange(t)
		}
	}
	return unixTime(s)
}

// inRange keeps the times that can be written everywhere, to the millisecond.
func inRange(t time.Time) (time.Time, bool) {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}

package export

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
)

// sigmaRule is one rule (Sigma rules specification 2). Values are written by the YAML
// encoder, so that each stays one.
type sigmaRule struct {
	Title     string         `yaml:"title"`
	ID        string         `yaml:"id"`
	Status    string         `yaml:"status"`
	About     string         `yaml:"description"`
	Date      string         `yaml:"date,omitempty"`
	Author    string         `yaml:"author,omitempty"`
	Tags      []string       `yaml:"tags,omitempty"`
	Source    sigmaSource    `yaml:"logsource"`
	Detection sigmaDetection `yaml:"detection"`
	False     []string       `yaml:"falsepositives"`
	Level     string         `yaml:"level"`
}

type sigmaSource struct {
	Category string `yaml:"category"`
	Product  string `yaml:"product,omitempty"`
}

type sigmaDetection struct {
	Selection map[string]any `yaml:"selection"`
	Condition string         `yaml:"condition"`
}

// sigmaMatch is where one value is looked for: in a log's category, under a field.
type sigmaMatch struct {
	category, product string
	fields            map[string]any
}

// writeSigma writes a document of rules, one for each value and each kind of log that
// shows it.
func writeSigma(s Set, about About) (Output, error) {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	left := 0
	for _, i := range s.Indicators {
		said := false
		for _, c := range i.Any {
			for n, m := range sigmaMatches(c) {
				said = true
				if err := encoder.Encode(sigmaOf(i, c, m, n, about)); err != nil {
					return Output{}, fmt.Errorf("writing a Sigma rule: %w", err)
				}
			}
		}
		if !said {
			left++
		}
	}
	if left == len(s.Indicators) {
		return Output{Left: left}, nil // the encoder cannot end what it did not begin
	}
	if err := encoder.Close(); err != nil {
		return Output{}, fmt.Errorf("writing Sigma rules: %w", err)
	}
	return Output{Body: b.Bytes(), Left: left}, nil
}

func sigmaOf(i Indicator, c Combined, m sigmaMatch, n int, about About) sigmaRule {
	var values []string
	for _, t := range c.Tests {
		values = append(values, t.Path, t.Value)
	}
	kind, _, _ := strings.Cut(c.Tests[0].Path, ":")
	r := sigmaRule{
		Title: "Indicator " + kind + " in " + m.category, Status: "experimental",
		ID:        cti.UUID(append([]string{"sigma", i.ID, strconv.Itoa(n)}, values...)...),
		About:     oneLine("Looks for what the STIX indicator " + uuid(i.ID) + " names. " + i.Name),
		Author:    oneLine(about.Organisation),
		Source:    sigmaSource{m.category, m.product},
		Detection: sigmaDetection{m.fields, "selection"},
		False:     []string{"Unknown"}, Level: "medium",
	}
	if !i.From.IsZero() {
		r.Date = i.From.Format(time.DateOnly)
	}
	if i.Level != "" {
		r.Tags = append(r.Tags, "tlp."+strings.ReplaceAll(i.Level, "+", "-"))
	}
	return r
}

var sigmaHashes = map[string]string{"MD5": "MD5", "SHA-1": "SHA1", "SHA-256": "SHA256"}

func sigmaMatches(c Combined) []sigmaMatch {
	if len(c.Tests) == 2 {
		return sigmaEndpoint(c.Tests[0], c.Tests[1])
	}
	value := sigmaValue(c.Single.Value)
	switch o := c.Single; o.Type {
	case adapt.TypeIPv4, adapt.TypeIPv6:
		address, ok := addresses(o)
		if !ok {
			return nil
		}
		field := "dst_ip"
		if strings.Contains(address, "/") {
			field += "|cidr"
		}
		return []sigmaMatch{{"firewall", "", map[string]any{field: address}}}
	case adapt.TypeDomain:
		return []sigmaMatch{
			{"dns_query", "windows", map[string]any{"QueryName": value}},
			{"dns", "", map[string]any{"query": value}},
			{"proxy", "", map[string]any{"cs-host": value}},
		}
	case adapt.TypeURL:
		return []sigmaMatch{{"proxy", "", map[string]any{"c-uri": value}}}
	case adapt.TypeFile:
		if name, ok := sigmaHashes[o.Property]; ok {
			return []sigmaMatch{{"process_creation", "windows", map[string]any{"Hashes|contains": name + "=" + value}}}
		}
		return nil
	}
	if len(c.Tests) != 1 || c.Tests[0].Value == "" || c.Tests[0].Within {
		return nil
	}
	switch t := c.Tests[0]; t.Path {
	case "file:name":
		return []sigmaMatch{{"file_event", "windows", map[string]any{"TargetFilename|endswith": `\\` + sigmaValue(t.Value)}}}
	case "windows-registry-key:key":
		return []sigmaMatch{{"registry_event", "windows", map[string]any{"TargetObject": sigmaValue(t.Value)}}}
	case "network-traffic:extensions.http-request-ext.request_header.User-Agent":
		return []sigmaMatch{{"proxy", "", map[string]any{"c-useragent": sigmaValue(t.Value)}}}
	}
	return nil
}

func sigmaEndpoint(a, b cti.Test) []sigmaMatch {
	address, err := netip.ParseAddr(a.Value)
	port, portErr := strconv.ParseUint(b.Value, 10, 16)
	if a.Path != "network-traffic:dst_ref.value" || b.Path != "network-traffic:dst_port" || err != nil || portErr != nil || !cti.Public(address) {
		return nil
	}
	return []sigmaMatch{{"firewall", "", map[string]any{"dst_ip": address.String(), "dst_port": port}}}
}

// sigmaValue escapes what is a wildcard, so that a value means itself (Sigma rules
// specification, "Escaping").
var sigmaEscapes = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

func sigmaValue(s string) string { return sigmaEscapes.Replace(strings.ToValidUTF8(s, "\ufffd")) }

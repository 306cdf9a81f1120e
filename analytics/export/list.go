package export

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/adapt"
	"github.com/secant-platform/secant/analytics/cti"
)

// Networks wider than these are never blocked: one line must not cut a hospital off.
const (
	widestIPv4 = 16
	widestIPv6 = 32
)

// writeList writes the values of one kind, sorted, each once, one per line and nothing
// else. Values are canonical, so none holds the end of a line.
func writeList(line func(adapt.Observable) (string, bool)) func(Set, About) (Output, error) {
	return func(s Set, _ About) (Output, error) {
		var lines []string
		said := map[string]bool{}
		s.singles(func(i Indicator, o adapt.Observable) {
			if l, ok := line(o); ok && !strings.ContainsFunc(l, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
				lines = append(lines, l)
				said[i.ID] = true
			}
		})
		slices.Sort(lines)
		var b bytes.Buffer
		for _, l := range slices.Compact(lines) {
			b.WriteString(l + "\n")
		}
		return Output{Body: b.Bytes(), Left: len(s.Indicators) - len(said)}, nil
	}
}

func ofType(kind string) func(adapt.Observable) (string, bool) {
	return func(o adapt.Observable) (string, bool) { return o.Value, o.Type == kind }
}

// addresses are those of the Internet: a list that blocks an inner machine, or everyone,
// is an attack.
func addresses(o adapt.Observable) (string, bool) {
	if o.Type != adapt.TypeIPv4 && o.Type != adapt.TypeIPv6 {
		return "", false
	}
	if a, err := netip.ParseAddr(o.Value); err == nil {
		return o.Value, cti.Public(a)
	}
	p, err := netip.ParsePrefix(o.Value)
	if err != nil || !cti.Public(p.Addr()) || p.Addr().Is4() && p.Bits() < widestIPv4 || p.Addr().Is6() && p.Bits() < widestIPv6 {
		return "", false
	}
	return p.Masked().String(), true
}

func hashes(o adapt.Observable) (string, bool) {
	return o.Value, o.Type == adapt.TypeFile && slices.Contains([]string{"MD5", "SHA-1", "SHA-256", "SHA-512"}, o.Property)
}

// csvHeader names the columns. Times are RFC 3339.
var csvHeader = []string{"id", "path", "value", "valid_from", "valid_until", "marking", "labels", "name", "pattern"}

// writeCSV writes a line for each value that is looked for by itself, and one with the
// pattern alone for what is not (RFC 4180).
func writeCSV(s Set, _ About) (Output, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	rows := [][]string{csvHeader}
	for _, i := range s.Indicators {
		row := func(path, value string) []string {
			until := ""
			if !i.Until.IsZero() {
				until = i.Until.UTC().Format(time.RFC3339)
			}
			return []string{i.ID, path, cell(value), i.From.Format(time.RFC3339), until, i.Level, cell(strings.Join(i.Labels, " ")), cell(i.Name), cell(i.Pattern)}
		}
		whole := true
		for _, c := range i.Any {
			if len(c.Tests) == 1 {
				rows = append(rows, row(c.Tests[0].Path, c.Tests[0].Value))
				whole = false
			}
		}
		if whole {
			rows = append(rows, row("", ""))
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return Output{}, fmt.Errorf("writing comma-separated values: %w", err)
	}
	return Output{Body: b.Bytes()}, nil
}

// cell keeps a spreadsheet from running what a text begins with: such a text gets a
// quote before it.
func cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if t := strings.TrimLeft(s, " "); t != "" && strings.ContainsRune("=+-@", rune(t[0])) {
		return "'" + s
	}
	return s
}

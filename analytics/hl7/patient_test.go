package hl7_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/hl7"
)

func TestWhichPatientAMessageIsAbout(t *testing.T) {
	t.Parallel()
	const msh = "MSH|^~\\&|MONITOR|ICU|||20261122140000||ORU^R01|1|P|2.6\r"
	ada := hl7.Patient{Value: "4711", Namespace: "NORTH", Universal: "1.2.3", Kind: "ISO"}
	for name, c := range map[string]struct {
		segments string
		want     *hl7.Patient
	}{
		"with an authority":       {"PID|1||4711^^^NORTH&1.2.3&ISO^MR||Lovelace^Ada\r", &ada},
		"the first of several":    {"PID|||\"\"~ 4711 ^^^NORTH&1.2.3&ISO^MR~9^^^OTHER\r", &ada},
		"the value alone":         {"PID|||ref-7\r", &hl7.Patient{Value: "ref-7"}},
		"escaped":                 {"PID|||4\\T\\7^^^A\\S\\B\r", &hl7.Patient{Value: "4&7", Namespace: "A^B"}},
		"the same twice":          {"PID|||ref-7\rOBX|1|NM|1||1\rPID|||ref-7\r", &hl7.Patient{Value: "ref-7"}},
		"two patients":            {"PID|||ref-7\rOBX|1|NM|1||1\rPID|||ref-8\r", nil},
		"without an identifier":   {"PID|||\r", nil},
		"with an authority alone": {"PID|||^^^NORTH\r", nil},
		"without a patient":       {"OBX|1|NM|1||1\r", nil},
	} {
		m, flaw := hl7.Parse([]byte(msh + c.segments))
		if flaw != hl7.Sound {
			t.Fatal(name, flaw)
		}
		got, ok := m.Patient()
		if ok != (c.want != nil) || ok && cmp.Diff(*c.want, got) != "" {
			t.Errorf("%s: %+v %v", name, got, ok)
		}
	}
	m, _ := hl7.Parse([]byte(strings.ReplaceAll(msh, "|", "!") + "PID!!!ref-7\r"))
	if m != nil {
		if p, ok := m.Patient(); !ok || p.Value != "ref-7" {
			t.Errorf("%+v", p)
		}
	}
}

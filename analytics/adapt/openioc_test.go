package adapt

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/cti"
)

const openIOC10 = `<?xml version="1.0" encoding="us-ascii"?>
<ioc xmlns:xsd="http://www.w3.org/2001/XMLSchema" id="7d2eaadf-a5ff-4199-c00e-3d2e0f1a2b3c" last-modified="2014-01-02T03:04:05" xmlns="http://schemas.mandiant.com/2010/ioc">
<short_description>A test</short_description><description>It uses CVE-2013-1234</description><authored_by>Somebody</authored_by>
<links><link rel="grade" href="x">y</link><link href="https://example.com/a">z</link></links>
<definition><Indicator operator="OR" id="1">
<IndicatorItem condition="is"><Context document="FileItem" search="FileItem/Md5sum" type="mir"/><Content type="md5">9E107D9D372BB6826BD81D3542A419D6</Content></IndicatorItem>
<IndicatorItem condition="contains"><Context document="DnsEntryItem" search="DnsEntryItem/Host"/><Content type="string">evil.example</Content></IndicatorItem>
<IndicatorItem condition="contains"><Context search="FileItem/FileName"/><Content type="string">part</Content></IndicatorItem>
<Indicator operator="AND"><IndicatorItem condition="is"><Context search="FileItem/FileName"/><Content>it's.exe</Content></IndicatorItem>
<Indicator operator="OR"><IndicatorItem condition="is"><Context search="PortItem/remoteIP"/><Content>198.51.100.1</Content></IndicatorItem><IndicatorItem condition="is"><Context search="RegistryItem/KeyPath"/><Content>HKLM\a</Content></IndicatorItem></Indicator></Indicator>
<Indicator operator="AND"><IndicatorItem condition="is"><Context search="FileItem/FileName"/><Content>b.exe</Content></IndicatorItem><IndicatorItem condition="is"><Context search="FileItem/SizeInBytes"/><Content>100</Content></IndicatorItem></Indicator>
</Indicator></definition></ioc>`

const openIOC11 = `<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="7d2eaadf-a5ff-4199-c00e-3d2e0f1a2b3d" last-modified="2014-01-02T03:04:05Z"><metadata><short_description>B</short_description></metadata>
<criteria><Indicator operator="OR"><IndicatorItem condition="is" negate="true"><Context search="FileItem/Md5sum"/><Content>9e107d9d372bb6826bd81d3542a419d6</Content></IndicatorItem>
<IndicatorItem condition="is"><Context search="UrlHistoryItem/URL"/><Content>http://Evil.example</Content></IndicatorItem></Indicator></criteria></OpenIOC>`

func TestOpenIOC(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		openIOC10: {
			`[domain-name:value = 'evil.example']`, `[file:hashes.MD5 = '9e107d9d372bb6826bd81d3542a419d6']`,
			`[file:name = 'it\'s.exe' AND ipv4-addr:value = '198.51.100.1']`, `[file:name = 'it\'s.exe' AND windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\a']`,
		},
		openIOC11: {`[url:value = 'http://evil.example/']`},
	} {
		if f, ok := Detect([]byte(in)[:200]); !ok || f.Name != "openioc" {
			t.Errorf("detected as %q", f.Name)
		}
		records, _, err := readBytes(t, openIOCFormat, []byte(in))
		if err != nil || len(records) != 1 {
			t.Errorf("%v, %d records", err, len(records))
			continue
		}
		r := records[0]
		if d := cmp.Diff(want, patternsOf(t, r.Bundle)); d != "" {
			t.Error(d)
		}
		if !strings.Contains(r.Text, "Not taken over") || r.Time.Year() != 2014 {
			t.Errorf("%q %v", r.Text, r.Time)
		}
	}
}

func TestWhatIsNoOpenIOCIsRefused(t *testing.T) {
	t.Parallel()
	bomb := `<!DOCTYPE ioc [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><ioc id="7d2eaadf-a5ff-4199-c00e-3d2e0f1a2b3c">&b;</ioc>`
	either := strings.Repeat(`<IndicatorItem condition="is"><Context search="FileItem/FileName"/><Content>a</Content></IndicatorItem>`, 4)
	explode := `<ioc id="7d2eaadf-a5ff-4199-c00e-3d2e0f1a2b3c"><definition><Indicator operator="AND">` + strings.Repeat(`<Indicator operator="OR">`+either+`</Indicator>`, 20) + `</Indicator></definition></ioc>`
	for _, s := range []string{``, `<a/>`, `<ioc/>`, `<ioc id="x"/>`, bomb, explode, openIOC10[:900]} {
		if records, _, err := readBytes(t, openIOCFormat, []byte(s)); err == nil || len(records) > 0 {
			t.Errorf("%.60q was read", s)
		}
	}
}

func FuzzOpenIOC(f *testing.F) {
	f.Add([]byte(openIOC10))
	f.Add([]byte(openIOC11))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = openIOCFormat.Read(t.Context(), bytes.NewReader(b), func(r Record) error {
			if _, err := cti.ParseBundle(r.Bundle); err != nil {
				t.Errorf("%v: %s", err, r.Bundle)
			}
			return nil
		}, func([]byte, error) {})
	})
}

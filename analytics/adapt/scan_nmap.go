package adapt

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// nmapVulnerable is what nmap's vulnerability library writes for a weakness that it
// found ("NOT VULNERABLE" is another line).
var nmapVulnerable = regexp.MustCompile(`(?m)^\s*(?:State: )?(?:LIKELY )?VULNERABLE\b`)

// nmapRisk is how that library says how bad it is.
var nmapRisk = regexp.MustCompile(`(?m)^\s*Risk factor: ([A-Za-z]{3,10})`)

// readNmap reads nmap's XML (nmap.dtd, xmloutputversion 1.04 and 1.05): each open
// port is a finding, and each script's answer that names a weakness is one more.
func readNmap(ctx context.Context, r io.Reader, good func(Record) error, bad func([]byte, error)) error {
	x := newXML(ctx, r, "the nmap report")
	root, err := x.root()
	if err != nil {
		return err
	}
	if root.Name.Local != "nmaprun" {
		return ledger.Problemf(ledger.CodeInvalid, "the file is not nmap's XML: its outermost element is not nmaprun (nmap -oX writes it)")
	}
	for {
		t, err := x.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if tag, ok := t.(xml.StartElement); ok && tag.Name.Local == "host" {
			if err := nmapHost(x, tag, good, bad); err != nil {
				return err
			}
		}
	}
}

// nmapHeld bounds what waits for the names of a host, in bytes.
const nmapHeld = 16 << 20

// nmapFinding is an element that waits until the host is known: nmap may write the
// names after the ports.
type nmapFinding struct {
	node     *xmlNode
	port     *xmlNode
	original []byte
}

// nmapMachine gives the findings of one host.
type nmapMachine struct {
	host  Record // time, asset, observables
	found []nmapFinding
	bytes int
	good  func(Record) error
	bad   func([]byte, error)
}

func nmapHost(x *xmlReader, tag xml.StartElement, good func(Record) error, bad func([]byte, error)) error {
	h := nmapMachine{host: Record{Time: scanTime(xmlAttribute(tag.Attr, "endtime"))}, good: good, bad: bad}
	depth := x.depth
	for {
		t, err := x.next()
		if err != nil {
			if failed := h.flush(); failed != nil { // what stands before the fault is lost to nobody
				return failed
			}
			return err
		}
		if _, end := t.(xml.EndElement); end && x.depth < depth {
			return h.flush()
		}
		tag, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		switch tag.Name.Local {
		case "address", "hostname", "port", "script":
			n, raw, err := x.element(tag)
			if err != nil {
				if failed := h.flush(); failed != nil {
					return failed
				}
				return err
			}
			if err := h.add(n, raw); err != nil {
				return err
			}
		}
	}
}

func (h *nmapMachine) add(n *xmlNode, raw []byte) error {
	switch n.Name {
	case "address":
		if n.attr("addrtype") == "mac" {
			o, ok := MAC(n.attr("addr"))
			h.host.observe(o, ok, "")
		} else {
			h.host.host(n.attr("addr"))
		}
		return nil
	case "hostname":
		h.host.host(n.attr("name"))
		return nil
	case "port":
		h.found = append(h.found, nmapFinding{n, n, raw})
		for _, s := range n.all("script") {
			h.found = append(h.found, nmapFinding{s, n, raw})
		}
	case "script":
		h.found = append(h.found, nmapFinding{n, &xmlNode{}, raw})
	}
	if h.bytes += len(raw); h.bytes > nmapHeld {
		return h.flush()
	}
	return nil
}

// flush gives what waits, with what is known of the host.
func (h *nmapMachine) flush() error {
	for _, f := range h.found {
		var (
			rec Record
			is  bool
		)
		if f.node == f.port {
			if f.port.child("state").attr("state") != "open" {
				continue
			}
			rec = nmapPort(f.port, f.original)
			if rec.Asset.Port == 0 {
				h.bad(f.original, unfit("an open port of nmap"))
				continue
			}
		} else if rec, is = nmapScript(f); !is {
			continue
		}
		rec.Time = h.host.Time
		rec.Asset.Address, rec.Asset.Name = h.host.Asset.Address, h.host.Asset.Name
		rec.Observables = append(rec.Observables, h.host.Observables...)
		if err := h.good(rec); err != nil {
			return err
		}
	}
	h.found, h.bytes = nil, 0
	return nil
}

func nmapPort(port *xmlNode, original []byte) Record {
	service := port.child("service")
	name := strings.Join(strings.Fields(service.attr("product")+" "+service.attr("version")), " ")
	title := "open " + port.attr("protocol") + " port " + port.attr("portid") + " " + service.attr("name")
	if name != "" {
		title += ": " + name
	}
	rec := newFinding("nmap:open-port", title, original)
	rec.service(port.attr("protocol"), port.attr("portid"))
	rec.product(service.attr("product"), service.attr("version"), "")
	for _, c := range service.all("cpe") {
		rec.platform(c.Text)
	}
	return rec
}

// nmapScript reads the answer of a script; false when it names no weakness.
func nmapScript(f nmapFinding) (Record, bool) {
	id, output := f.node.attr("id"), f.node.attr("output")
	if !nmapVulnerable.MatchString(output) && id != "vulners" && id != "vulscan" {
		return Record{}, false
	}
	rec := newFinding("nmap:"+id, id+": "+nmapTitle(output), f.original)
	rec.service(f.port.attr("protocol"), f.port.attr("portid"))
	service := f.port.child("service")
	rec.product(service.attr("product"), service.attr("version"), "")
	for _, c := range service.all("cpe") {
		rec.platform(c.Text)
	}
	rec.CVEs = cves(output)
	severity, stated := 0, false
	walkXML(f.node, func(n *xmlNode) {
		if n.Name == "elem" && n.attr("key") == "cvss" {
			if v, ok := scanScore(n.Text); ok {
				severity, stated = max(severity, v), true
			}
		}
	})
	if m := nmapRisk.FindStringSubmatch(output); m != nil && !stated {
		severity, stated = scanWord(m[1])
	}
	if stated {
		rec.Severity = severity
	}
	return rec, true
}

// nmapTitle is the first line of a script's answer that is more than its state.
func nmapTitle(output string) string {
	for l := range strings.Lines(output) {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "VULNERABLE") && !strings.HasPrefix(l, "State:") {
			return l
		}
	}
	return "vulnerable"
}

// walkXML visits an element and all within it, whose depth the reader bounded.
func walkXML(n *xmlNode, visit func(*xmlNode)) {
	visit(n)
	for _, c := range n.Children {
		walkXML(c, visit)
	}
}

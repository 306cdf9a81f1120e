// Package sbom judges bills of materials before a node takes them: JSON of
// CycloneDX 1.4 to 1.7, of SPDX 2.3 and JSON-LD of SPDX 3.0, each strictly by its
// own form. What a bill lists is read by analytics/cti, which also reads bills
// that were taken before this judgement existed.
package sbom

import (
	"bytes"
	_ "embed"
	"strings"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Bill is a bill of materials that was found to be in order.
type Bill struct {
	Format     string // ledger.FormatCycloneDX or ledger.FormatSPDX
	Version    string // of the format, as 1.6, 2.3 or 3.0.1
	Components []cti.Component
}

var (
	//go:embed cyclonedx.txt
	cycloneText string
	//go:embed spdx.txt
	spdxText string
	//go:embed licenses.txt
	licenseText string

	cyclone  = mustParse(cycloneText)
	spdx     = mustParse(spdxText)
	licenses = words(licenseText)
)

func words(text string) map[string]struct{} {
	set := map[string]struct{}{}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, w := range strings.Fields(line) {
			set[w] = struct{}{}
		}
	}
	return set
}

// minors are the versions of CycloneDX that are taken, with what the grammar
// calls them.
var minors = map[string]int{"1.4": 4, "1.5": 5, "1.6": 6, "1.7": 7}

// Read judges a bill and reads its components. Its errors are Problems: invalid
// with the place of the first fault, too_large beyond the bounds of cti.
func Read(b []byte) (*Bill, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if err := otherForm(text); err != nil {
		return nil, err
	}
	if err := strictjson.Check("the bill of materials", text, cti.SBOMLimits); err != nil {
		return nil, err
	}
	doc, ok := decode(text)
	if !ok {
		return nil, invalid("", "must be a JSON object")
	}
	bill, err := judged(doc)
	if err != nil {
		return nil, err
	}
	if bill.Components, err = cti.Components(text); err != nil {
		return nil, err
	}
	return bill, nil
}

func judged(doc map[string]any) (*Bill, error) {
	switch {
	case doc["bomFormat"] != nil || doc["specVersion"] != nil:
		version, _ := doc["specVersion"].(string)
		minor, known := minors[version]
		if !known {
			return nil, invalid("specVersion", "must be 1.4, 1.5, 1.6 or 1.7: write the bill again in one of them")
		}
		j := &judge{cyclone, minor, licenses}
		if f := j.fits(cyclone.find("bom", minor), doc); f != nil {
			return nil, invalid(f.at, f.detail)
		}
		return &Bill{Format: ledger.FormatCycloneDX, Version: version}, nil
	case doc["@context"] != nil:
		version, f := graph(doc)
		if f != nil {
			return nil, invalid(f.at, f.detail)
		}
		return &Bill{Format: ledger.FormatSPDX, Version: version}, nil
	case doc["spdxVersion"] != nil:
		if doc["spdxVersion"] != "SPDX-2.3" {
			return nil, invalid("spdxVersion", "must be SPDX-2.3; a bill of SPDX 3.0 has an @context and a @graph instead")
		}
		j := &judge{spdx, lastMinor, licenses}
		if f := j.fits(spdx.find("bom", lastMinor), doc); f != nil {
			return nil, invalid(f.at, f.detail)
		}
		if f := identifiers(doc); f != nil {
			return nil, invalid(f.at, f.detail)
		}
		return &Bill{Format: ledger.FormatSPDX, Version: "2.3"}, nil
	}
	return nil, invalid("", "must be CycloneDX (bomFormat and specVersion), SPDX 2.3 (spdxVersion) or SPDX 3.0 (@context and @graph)")
}

// otherForm says what to do with the forms that are not taken.
func otherForm(text []byte) error {
	switch {
	case bytes.HasPrefix(text, []byte("<")):
		return invalid("", "is XML, which is not taken: convert it to JSON, as cyclonedx-cli convert --output-format json does")
	case bytes.HasPrefix(text, []byte("SPDXVersion:")) || bytes.Contains(text[:min(len(text), 4096)], []byte("\nSPDXVersion:")):
		return invalid("", "is SPDX as tag and value, which is not taken: convert it to JSON, as pyspdxtools -o bill.spdx.json does")
	case len(text) > 0 && text[0] < ' ' && text[0] != '\t' && text[0] != '\n' && text[0] != '\r':
		return invalid("", "is no text and may be a protocol buffer, which is not taken: convert it to JSON, as cyclonedx-cli convert --output-format json does")
	}
	return nil
}

// identifiers wants every SPDX identifier once (SPDX 2.3, clause 7.2).
func identifiers(doc map[string]any) *fault {
	seen := map[string]struct{}{"SPDXRef-DOCUMENT": {}}
	for _, list := range []string{"packages", "files", "snippets"} {
		entries, _ := doc[list].([]any)
		for _, e := range entries {
			id, _ := object(e)["SPDXID"].(string)
			if _, twice := seen[id]; twice {
				return &fault{list, "must not have an SPDXID twice"}
			}
			seen[id] = struct{}{}
		}
	}
	return nil
}

func invalid(at, detail string) error {
	if at == "" {
		at = "document"
	}
	return &ledger.Problem{
		Code: ledger.CodeInvalid, Detail: "the bill of materials is not one that can be taken",
		Faults: []ledger.Fault{{Field: at, Detail: detail}},
	}
}

// Package network_test holds the house rules that concern the whole repository.
package network_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/secant-platform/secant/"

// mayImport says which packages of this module a package may import. The most
// specific key wins: "a/..." is a and everything below it, "a/*" is each package
// directly below a, apart from its siblings. Packages under one "..." key may
// import each other.
var mayImport = map[string][]string{
	"chaincode/ledger":            {},
	"chaincode/verify":            {"chaincode/ledger"},
	"chaincode/state":             {"chaincode/ledger", "chaincode/verify"},
	"chaincode/statetest":         {"chaincode", "chaincode/ledger", "chaincode/state", "chaincode/verify"},
	"chaincode/*":                 {"chaincode/ledger", "chaincode/verify", "chaincode/state"}, // one contract each
	"chaincode":                   {"chaincode/ledger", "chaincode/state", "chaincode/*"},
	"chaincode/cmd/...":           {"chaincode"},
	"chaincode/client":            {"chaincode/ledger"},
	"chaincode/client/clienttest": {"chaincode", "chaincode/ledger", "chaincode/client", "chaincode/state", "chaincode/statetest"},

	"identity/...": {"chaincode/ledger", "chaincode/verify"},

	"analytics/fact":       {"chaincode/ledger", "analytics/adapt", "analytics/correlate", "analytics/sequence"}, // what a node counted, what tools said and what matched is part of what it knows
	"analytics/...":        {"chaincode/ledger", "chaincode/verify", "analytics/fact"},
	"analytics/worker/...": {"analytics/...", "analytics/fact", "chaincode/ledger", "chaincode/verify", "chaincode/client"},

	"gateway/config":    {"analytics/strictjson"},
	"gateway/problem":   {"chaincode/ledger"},
	"gateway/auth":      {"chaincode/ledger", "gateway/problem"},
	"gateway/telemetry": {"chaincode/ledger"},
	"gateway/store":     {"chaincode/ledger", "gateway/store/postgres", "analytics/adapt", "analytics/correlate", "analytics/cti", "analytics/fact", "analytics/fhir", "identity/desk", "identity/catalogue", "identity/status"}, // the records of what was issued
	"gateway/vault":     {"chaincode/ledger", "gateway/vault/object"},
	"gateway/vault/...": {},
	"gateway/ingest":    {"chaincode/ledger", "analytics/edf", "analytics/hl7", "analytics/phd", "analytics/proof", "analytics/pseudonym", "analytics/log", "analytics/sdc", "analytics/senml", "analytics/wfdb", "gateway/vault"},
	"gateway/session":   {"chaincode/ledger", "gateway/auth", "identity/..."},
	"gateway/agreement": {"chaincode/ledger", "chaincode/verify", "analytics/fact", "identity/..."},
	"gateway/server":    {"chaincode/ledger", "gateway/auth", "gateway/problem", "gateway/telemetry"},
	"gateway/admit":     {"chaincode/ledger", "analytics/fact", "analytics/proof", "gateway/auth"},
	"gateway/rest":      append(slices.Clone(handlerMayImport), "analytics/export"),
	"gateway/edge":      {"chaincode/ledger", "gateway/client", "gateway/telemetry", "analytics/proof"},
	"gateway/source":    {"chaincode/ledger", "gateway/telemetry"},
	"gateway/mllp":      {"chaincode/ledger", "gateway/source", "gateway/telemetry", "analytics/hl7", "analytics/proof"},
	"gateway/collect":   {"chaincode/ledger", "gateway/source", "gateway/telemetry", "identity/...", "analytics/adapt", "analytics/cti", "analytics/fact", "analytics/strictjson"},
	"gateway/forward":   {"gateway/telemetry", "analytics/adapt"},
	"gateway/coap":      {"chaincode/ledger", "gateway/source", "gateway/telemetry", "analytics/proof", "analytics/pseudonym"},
	"gateway/mqtt":      {"chaincode/ledger", "gateway/auth", "gateway/source", "gateway/telemetry", "analytics/proof", "analytics/pseudonym", "analytics/strictjson"},
	"gateway/label":     {"chaincode/ledger", "gateway/auth", "analytics/fact", "analytics/gs1"},
	"gateway/dicom":     append(slices.Clone(handlerMayImport), "analytics/dicom"),
	"gateway/oid4":      handlerMayImport,
	"gateway/taxii":     handlerMayImport,
	"gateway/misp":      handlerMayImport,
	"gateway/resolver":  handlerMayImport,
	"gateway/exchange":  {"chaincode/ledger", "gateway/auth", "analytics/fact", "analytics/strictjson", "identity/escrow"},
	"gateway/webhook":   {"chaincode/ledger", "identity/...", "analytics/fact", "analytics/fhir"},
	"gateway/fhir":      {"chaincode/ledger", "gateway/admit", "gateway/auth", "gateway/problem", "analytics/fhir", "analytics/proof", "analytics/pseudonym"},
	"gateway/console":   {"chaincode/client", "chaincode/ledger", "gateway/config", "analytics/strictjson"},
	// For tests of whatever opens a store.
	"gateway/store/postgres":  {},
	"gateway/store/storetest": {},
	// A holder's own program, which has nothing of a node's.
	"gateway/wallet": {"chaincode/ledger", "chaincode/verify", "analytics/strictjson", "identity/..."},
	// Other programs' too, so it has nothing of a node's.
	"gateway/client": {"chaincode/ledger", "analytics/fact", "analytics/proof", "analytics/taxonomy"},
	"gateway/bulk":   {"chaincode/ledger", "analytics/adapt", "analytics/fact", "analytics/proof", "gateway/auth", "gateway/client", "gateway/config"},
	// A device's own program, which has nothing of a node's.
	"gateway/attest": {"chaincode/ledger", "gateway/auth", "identity/..."},
	"gateway/app":    {"gateway/...", "gateway/*", "identity/...", "analytics/...", "analytics/fact", "analytics/worker/...", "chaincode/client", "chaincode/ledger", "chaincode/verify"},
	"network/...":    {"chaincode/ledger", "gateway/config"},
	// Who leaves the channel also leaves the ledger's roster, by the members' votes.
	"network/govern": {"network/...", "chaincode/ledger", "chaincode/client"},
	"":               {"gateway/app", "gateway/attest", "gateway/bulk", "gateway/console", "gateway/wallet", "gateway/config", "network/...", "network/govern", "analytics/proof", "chaincode/ledger"},
}

// handlerMayImport keeps the protocol packages apart from each other and from
// storage: they declare the few methods that they call.
var handlerMayImport = []string{
	"gateway/admit", "gateway/agreement", "gateway/auth", "gateway/problem", "gateway/session", "chaincode/ledger", "identity/...", "analytics/adapt", "analytics/compliance", "analytics/compliance/oscal", "analytics/compliance/report", "analytics/correlate", "analytics/cti", "analytics/edf", "analytics/fact", "analytics/gs1", "analytics/hl7", "analytics/mds2", "analytics/mud", "analytics/phd", "analytics/proof", "analytics/pseudonym", "analytics/sanitise", "analytics/sbom", "analytics/sdc", "analytics/senml", "analytics/strictjson", "analytics/taxonomy", "analytics/wfdb",
}

// matches reports whether path falls under pattern, and how specific that is.
func matches(pattern, path string) (bool, int) {
	switch {
	case pattern == path:
		return true, 1000 + len(pattern)
	case strings.HasSuffix(pattern, "/*"):
		parent := strings.TrimSuffix(pattern, "*")
		rest, ok := strings.CutPrefix(path, parent)
		return ok && !strings.Contains(rest, "/"), len(parent)
	case strings.HasSuffix(pattern, "/..."):
		tree := strings.TrimSuffix(pattern, "/...")
		return path == tree || strings.HasPrefix(path, tree+"/"), len(tree)
	}
	return false, 0
}

func ruleOf(path string) string {
	best, score := "", -1
	for pattern := range mayImport {
		if ok, specific := matches(pattern, path); ok && specific > score {
			best, score = pattern, specific
		}
	}
	return best
}

func allowed(from, to string) bool {
	rule := ruleOf(from)
	if strings.HasSuffix(rule, "/...") && ruleOf(to) == rule {
		return true
	}
	return slices.ContainsFunc(mayImport[rule], func(pattern string) bool {
		ok, _ := matches(pattern, to)
		return ok
	})
}

// eachImport calls visit for each import of one of our packages by product code
// (tests may reach further). Files are parsed here, rather than listed by the go
// command, because go test notes the files that a test opens: a changed import
// anywhere makes the cached result stale.
func eachImport(t *testing.T, visit func(file, from, to string)) {
	t.Helper()
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || path != root && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		if from == "." {
			from = ""
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if to, ours := strings.CutPrefix(imported, module); ours {
				visit(path, filepath.ToSlash(from), to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportDirections(t *testing.T) {
	seen := 0
	eachImport(t, func(file, from, to string) {
		seen++
		if !allowed(from, to) {
			t.Errorf("%s: %s must not import %s", file, from, to)
		}
	})
	if seen == 0 {
		t.Fatal("no import of this module found: the walk is broken")
	}
}

// TestForbiddenArrows shows that the table refuses what the design refuses, so
// that a rule that became too wide is noticed.
func TestForbiddenArrows(t *testing.T) {
	for _, arrow := range [][2]string{
		{"chaincode/ledger", "chaincode/verify"},
		{"chaincode/device", "chaincode/anchor"},
		{"chaincode/anchor", "chaincode/client"},
		{"analytics/proof", "chaincode/client"},
		{"analytics/risk", "gateway/store"},
		{"gateway/rest", "gateway/store"},
		{"gateway/store", "chaincode/client"},
		{"network/launch", "gateway/app"},
		{"network/demo", "analytics/proof"},
	} {
		if allowed(arrow[0], arrow[1]) {
			t.Errorf("%s may import %s, and must not", arrow[0], arrow[1])
		}
	}
}

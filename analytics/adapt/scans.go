package adapt

import "strings"

// scanFormats are what scanners write. Those that name themselves come first, tables
// last.
var scanFormats = []Format{
	{
		Name: "nmap", Tool: "nmap XML", Kind: KindScan, Read: readNmap,
		Detect: func(head []byte) bool { return isRoot(head, "nmaprun") },
	},
	{
		Name: "nessus", Tool: "Nessus and Tenable, XML and CSV", Kind: KindScan, Read: readNessus,
		Detect: func(head []byte) bool { return isRoot(head, "NessusClientData_v2") || tableHead(head, nessusColumns) },
	},
	{
		Name: "openvas", Tool: "OpenVAS and Greenbone, XML and CSV", Kind: KindScan, Read: readOpenVAS,
		Detect: func(head []byte) bool {
			return isRoot(head, "get_reports_response") || isOpenVASReport(head) || tableHead(head, hasColumns("ip", "nvt name", "nvt oid"))
		},
	},
	{
		Name: "qualys", Tool: "Qualys VM and VMDR, XML and CSV", Kind: KindScan, Read: readQualys,
		Detect: func(head []byte) bool {
			name, _ := rootOf(head)
			return qualysRoots[name] || tableHead(head, qualysColumns)
		},
	},
	{
		Name: "trivy", Tool: "Trivy JSON", Kind: KindScan, Read: readTrivy,
		Detect: func(head []byte) bool {
			names := jsonHead(head)
			return has(names, "SchemaVersion") && (has(names, "ArtifactName") || has(names, "Results"))
		},
	},
	{
		Name: "grype", Tool: "Grype JSON", Kind: KindScan, Read: readGrype,
		Detect: func(head []byte) bool {
			names := jsonHead(head)
			return has(names, "matches") && (has(names, "matches[].vulnerability") || has(names, "matches[].artifact") || names["descriptor.name"] == "grype")
		},
	},
	{
		Name: "sarif", Tool: "SARIF 2.1.0", Kind: KindScan, Read: readSARIF,
		Detect: func(head []byte) bool {
			names := jsonHead(head)
			return strings.Contains(names["$schema"], "sarif") || has(names, "runs") &&
				(strings.HasPrefix(names["version"], "2.") || has(names, "runs[].tool") || has(names, "runs[].results"))
		},
	},
	{
		Name: "osv", Tool: "OSV: osv-scanner and single records", Kind: KindScan, Read: readOSV,
		Detect: func(head []byte) bool {
			names := jsonHead(head)
			return has(names, "results[].packages") || has(names, "results[].source") || has(names, "results") && has(names, "experimental_config") ||
				has(names, "vulns[].modified") ||
				has(names, "id") && !has(names, "type") && (has(names, "modified") || has(names, "schema_version")) && (has(names, "affected") || has(names, "details") || has(names, "summary") || has(names, "aliases"))
		},
	},
	{
		Name: "cyclonedx", Tool: "CycloneDX with vulnerabilities, JSON and XML", Kind: KindScan, Read: readCycloneDX,
		Detect: func(head []byte) bool {
			name, space := rootOf(head)
			names := jsonHead(head)
			return name == "bom" && strings.HasPrefix(space, "http://cyclonedx.org/schema/bom/") || names["bomFormat"] == "CycloneDX"
		},
	},
	{
		Name: "openvex", Tool: "OpenVEX", Kind: KindScan, Read: readOpenVEX,
		Detect: func(head []byte) bool { return strings.HasPrefix(jsonHead(head)["@context"], "https://openvex.dev/ns") },
	},
}

func isRoot(head []byte, name string) bool {
	root, _ := rootOf(head)
	return root == name
}

// isOpenVASReport tells a report of OpenVAS by its attributes: "report" alone is what
// many call theirs.
func isOpenVASReport(head []byte) bool {
	return isRoot(head, "report") && (strings.Contains(string(head), "format_id=") || strings.Contains(string(head), "<gmp>") || strings.Contains(string(head), "<omp>"))
}

func has(names map[string]string, name string) bool {
	_, ok := names[name]
	return ok
}

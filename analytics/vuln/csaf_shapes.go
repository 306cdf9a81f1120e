package vuln

// The parts of a CSAF 2.0 document that are read (CSAF 2.0, section 3.2). The
// schema was checked before they are filled.

type csafDocument struct {
	Document        csafMeta            `json:"document"`
	ProductTree     csafTree            `json:"product_tree"`
	Vulnerabilities []csafVulnerability `json:"vulnerabilities"`
}

type csafMeta struct {
	Category     string `json:"category"`
	Lang         string `json:"lang"`
	SourceLang   string `json:"source_lang"`
	Title        string `json:"title"`
	Distribution struct {
		TLP struct {
			Label string `json:"label"`
		} `json:"tlp"`
	} `json:"distribution"`
	Notes     []csafNote `json:"notes"`
	Publisher struct {
		Category  string `json:"category"`
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"publisher"`
	References []csafReference `json:"references"`
	Tracking   csafTracking    `json:"tracking"`
}

type csafNote struct {
	Category string `json:"category"`
	Text     string `json:"text"`
	Title    string `json:"title"`
}

type csafReference struct {
	Category string `json:"category"`
	URL      string `json:"url"`
}

type csafTracking struct {
	Current string `json:"current_release_date"`
	Initial string `json:"initial_release_date"`
	ID      string `json:"id"`
	Status  string `json:"status"`
	Version string `json:"version"`
	History []struct {
		Date   string `json:"date"`
		Number string `json:"number"`
	} `json:"revision_history"`
}

type csafTree struct {
	Branches      []csafBranch  `json:"branches"`
	Full          []csafProduct `json:"full_product_names"`
	Groups        []csafGroup   `json:"product_groups"`
	Relationships []struct {
		Category  string      `json:"category"`
		Product   csafProduct `json:"full_product_name"`
		Reference string      `json:"product_reference"`
		RelatesTo string      `json:"relates_to_product_reference"`
	} `json:"relationships"`
}

type csafBranch struct {
	Category string       `json:"category"`
	Name     string       `json:"name"`
	Product  *csafProduct `json:"product"`
	Branches []csafBranch `json:"branches"`
}

type csafProduct struct {
	ID     string      `json:"product_id"`
	Name   string      `json:"name"`
	Helper *csafHelper `json:"product_identification_helper"`
}

type csafHelper struct {
	CPE    string `json:"cpe"`
	PURL   string `json:"purl"`
	Hashes []struct {
		Files []struct {
			Algorithm string `json:"algorithm"`
		} `json:"file_hashes"`
	} `json:"hashes"`
	Models  []string `json:"model_numbers"`
	SKUs    []string `json:"skus"`
	Generic []struct {
		Namespace string `json:"namespace"`
		URI       string `json:"uri"`
	} `json:"x_generic_uris"`
}

type csafGroup struct {
	ID       string   `json:"group_id"`
	Products []string `json:"product_ids"`
}

type csafVulnerability struct {
	CVE string `json:"cve"`
	CWE *struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"cwe"`
	Flags []csafFlag `json:"flags"`
	IDs   []struct {
		System string `json:"system_name"`
		Text   string `json:"text"`
	} `json:"ids"`
	Involvements []struct {
		Date  string `json:"date"`
		Party string `json:"party"`
	} `json:"involvements"`
	Notes        []csafNote        `json:"notes"`
	Status       csafStatus        `json:"product_status"`
	Remediations []csafRemediation `json:"remediations"`
	Scores       []csafScore       `json:"scores"`
	Threats      []csafThreat      `json:"threats"`
	Title        string            `json:"title"`
}

type csafFlag struct {
	Label    string   `json:"label"`
	Groups   []string `json:"group_ids"`
	Products []string `json:"product_ids"`
}

type csafStatus struct {
	FirstAffected      []string `json:"first_affected"`
	FirstFixed         []string `json:"first_fixed"`
	Fixed              []string `json:"fixed"`
	KnownAffected      []string `json:"known_affected"`
	KnownNotAffected   []string `json:"known_not_affected"`
	LastAffected       []string `json:"last_affected"`
	Recommended        []string `json:"recommended"`
	UnderInvestigation []string `json:"under_investigation"`
}

// states gives the products of each state, in a fixed order.
func (s *csafStatus) states() []struct {
	status   string
	products []string
} {
	return []struct {
		status   string
		products []string
	}{
		{StatusAffected, concat(s.KnownAffected, s.FirstAffected, s.LastAffected)},
		{StatusNotAffected, s.KnownNotAffected},
		{StatusFixed, concat(s.FirstFixed, s.Fixed)},
		{StatusUnderInvestigation, s.UnderInvestigation},
	}
}

func concat(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

type csafRemediation struct {
	Category string   `json:"category"`
	Details  string   `json:"details"`
	Groups   []string `json:"group_ids"`
	Products []string `json:"product_ids"`
	URL      string   `json:"url"`
}

type csafThreat struct {
	Category string   `json:"category"`
	Details  string   `json:"details"`
	Groups   []string `json:"group_ids"`
	Products []string `json:"product_ids"`
}

type csafScore struct {
	Products []string       `json:"products"`
	V2       map[string]any `json:"cvss_v2"`
	V3       map[string]any `json:"cvss_v3"`
}

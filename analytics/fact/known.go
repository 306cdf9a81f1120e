package fact

// KnownTerm is what the vocabularies of a node say of an id: of ATT&CK, CAPEC or CWE.
type KnownTerm struct {
	ID         string      `json:"id" example:"T1059"`
	Name       string      `json:"name,omitempty" doc:"Absent: no vocabulary of this node has it."`
	Kind       string      `json:"kind,omitempty" doc:"As its vocabulary says." example:"technique"`
	Parents    []KnownName `json:"parents,omitempty" doc:"What it is under: of a technique its tactics too."`
	Deprecated bool        `json:"deprecated,omitempty"`
	Successor  *KnownName  `json:"successor,omitempty" doc:"What stands in its place."`
	Vocabulary string      `json:"vocabulary,omitempty" doc:"That says so."`
	Version    string      `json:"version,omitempty" doc:"Its digest."`
}

// KnownName is a term of the same vocabulary.
type KnownName struct {
	ID   string `json:"id" example:"TA0002"`
	Name string `json:"name" example:"Execution"`
}

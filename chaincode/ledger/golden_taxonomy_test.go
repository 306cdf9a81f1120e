package ledger

// taxonomyRecords holds one of each record of the contract "taxonomy".
var taxonomyRecords = map[string]any{
	"vocabulary-new": &Vocabulary{V: 1, ID: "ward-threats", Title: "Threats to wards", Kind: VocabularyNodes, Maintainer: "hospital-north", Created: at, Since: at},
	"vocabulary": &Vocabulary{
		V: 1, ID: "ward-threats", Title: "Threats to wards", Kind: VocabularyNodes, Maintainer: "hospital-north", Created: at,
		Version: 2, Digest: hex32(51), Nodes: 2, Since: at,
	},
	"vocabulary-version": &VocabularyVersion{
		V: 1, Vocabulary: "ward-threats", Number: 2, Digest: hex32(51), Previous: hex32(50), Nodes: 2, Change: ChangeAdd, Node: "pump-abuse",
		Proposal: hex32(12), Adopted: at,
	},
	"vocabulary-version-imported": &VocabularyVersion{
		V: 1, Vocabulary: "mitre-attack", Number: 1, Digest: hex32(51), Nodes: 691, Change: ChangeImport,
		Imported: &Imported{Digest: hex32(53), Label: "18.1", Nodes: 691}, Proposal: hex32(12), Adopted: at,
	},
	"vocabulary-manifest": &VocabularyManifest{
		V: 1, Vocabulary: "ward-threats", Number: 2, Previous: hex32(50),
		Nodes: []ManifestEntry{
			{ID: "old", Since: 1, Digest: hex32(54), Successor: "pump-abuse"}, {ID: "pump-abuse", Since: 2, Digest: hex32(55), Parent: "device-abuse"},
		},
	},
	"vocabulary-node": &Node{
		V: 1, Vocabulary: "ward-threats", Since: 2, Proposal: hex32(12), Digest: hex32(55),
		Term: Term{
			Definition: "Commands that change what an infusion pump gives.", External: []External{{ID: "T0831", Source: "mitre-attack-ics"}},
			ID: "pump-abuse", Name: "Pump abuse", Parent: "device-abuse",
		},
		Evidence: []NodeEvidence{{Digest: hex32(2), Sharer: "hospital-north"}},
	},
	"vocabulary-change": &VocabularyChange{
		V: 1, Vocabulary: "ward-threats", Proposal: hex32(12), Change: ChangeAdd, Term: &Term{Definition: "What it is.", ID: "pump-abuse", Name: "Pump abuse"},
		Evidence: []NodeEvidence{{Digest: hex32(2), Sharer: "hospital-north"}},
	},
	"vocabulary-change-deprecate": &VocabularyChange{
		V: 1, Vocabulary: "ward-threats", Proposal: hex32(12), Change: ChangeDeprecate, Node: "old", Successor: "pump-abuse",
	},
	"closure-withdrawn": &Closure{V: 1, Proposal: hex32(12), Outcome: ClosedWithdrawn, By: "hospital-north", Time: at},
	"closure-rejected":  &Closure{V: 1, Proposal: hex32(12), Outcome: ClosedRejected, Voters: []string{"authority", "medtech"}, By: "medtech", Time: at},
}

// taxonomyKeys says under which keys they stand.
var taxonomyKeys = map[string][]string{
	"vocabulary":          {"voc", "ward-threats"},
	"vocabulary-version":  {"voc.v", "ward-threats", "000002"},
	"vocabulary-manifest": {"voc.mf", "ward-threats", "000002"},
	"vocabulary-node":     {"voc.n", "ward-threats", "pump-abuse", "000002"},
	"vocabulary-change":   {"voc.ch", "ward-threats", hex32(12)},
	"closure-withdrawn":   {"prp.cl", hex32(12)},
}

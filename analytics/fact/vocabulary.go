package fact

import "time"

// VocabularyVersion is a version of a vocabulary that the node took in, or that the members
// agreed on.
type VocabularyVersion struct {
	ID        string    `json:"id" doc:"What it is called at this node."`
	Digest    string    `json:"digest" doc:"SHA-256 of the version, in the form in which the node keeps it; of one that the members agreed on, its digest on the ledger."`
	Title     string    `json:"title" doc:"What it calls itself."`
	Authority string    `json:"authority" doc:"Whose ids its nodes have, as mitre-attack."`
	Nodes     int       `json:"nodes"`
	Imported  time.Time `json:"imported" doc:"When it was taken in, or adopted."`
	Number    int       `json:"number,omitempty" doc:"Of a version that the members agreed on: its number on the ledger. Absent: the node took it in by itself."`
	Document  string    `json:"document,omitempty" doc:"SHA-256 of the document, unpacked, that it was read from: by that members agree on one."`
}

// LabelledText is the text of a STIX object that is to be labelled.
type LabelledText struct {
	Object     int64 // when it was added, in microseconds
	Collection string
	ID         string
	Body       []byte
	Report     string // digest of a report that brought it; empty: none did
}

// TextLabel says that a STIX object's text speaks of a node of a vocabulary.
type TextLabel struct {
	Object      string `json:"object" doc:"Id of the STIX object."`
	Collection  string `json:"collection" doc:"Id of the collection that it is in."`
	Vocabulary  string `json:"vocabulary"`
	Version     string `json:"version" doc:"Digest of the vocabulary's version by which it was judged."`
	Model       string `json:"model" doc:"Digest of the classifier by which it was judged; empty: there was none."`
	Node        string `json:"node"`
	Name        string `json:"name" doc:"Of the node."`
	Basis       string `json:"basis" enum:"tag,id,name,classifier" doc:"On what it rests, the surest if on several."`
	Probability int    `json:"probability" doc:"Basis points. Of a classifier's label calibrated; of the others an order of ours."`
	Sentence    string `json:"sentence" doc:"Where it stands; empty for a tag."`

	Added int64 `json:"-"` // place of the object
}

// TextLabelFilter narrows labels; an empty field does not narrow.
type TextLabelFilter struct{ Object, Vocabulary, Node string }

// TextLabelPage is one page of labels, of the newest objects first.
type TextLabelPage struct {
	Items []TextLabel `json:"items"`
	Next  string      `json:"next"`
}

// Examples are sentences that a classifier is trained with, in the form in which they came.
type Examples struct {
	Name   string
	Digest string // of Body
	Body   []byte
}

// Classifier is a trained one.
type Classifier struct {
	Digest  string // of Body
	Basis   string // digest of what it was trained with
	Trained time.Time
	Body    []byte
}

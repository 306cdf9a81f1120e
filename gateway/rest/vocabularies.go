package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// MaxReference bounds reference data that is handed in whole, in bytes as it is sent.
const MaxReference = 64 << 20

const (
	pathVocabulary = "/v1/vocabularies/{id}"
	pathExamples   = "/v1/classifier/examples"
)

// References lists the routes that take reference data, as auth.Router names them.
func References() []string {
	return []string{"PUT " + ginPath(pathVocabulary), "POST " + pathExamples}
}

// TextLabels finds what texts speak of.
type TextLabels interface {
	Labels(ctx context.Context, f fact.TextLabelFilter, page ledger.PageRequest) (fact.TextLabelPage, error)
}

// Labeller takes vocabularies in and says what texts speak of.
type Labeller interface {
	Vocabularies(ctx context.Context, all bool) ([]fact.VocabularyVersion, error)
	Import(ctx context.Context, id string, body []byte) (fact.VocabularyVersion, error)
	Nodes(ctx context.Context, q NodeQuery) (list []taxonomy.Node, next string, err error)
	Correspond(ctx context.Context, from, to string) ([]taxonomy.Correspondence, error)
	Teach(ctx context.Context, body []byte) (Taught, error)
	Classify(ctx context.Context, text string, atLeast int) (Classified, error)
	Classifier(ctx context.Context) (ClassifierState, error)
	Candidates(ctx context.Context) ([]taxonomy.Candidate, error)
}

// NodeQuery asks for nodes of a vocabulary.
type NodeQuery struct {
	Vocabulary string
	Version    string // digest; empty: the one in use
	Find       string // in ids, names and synonyms; empty: all
	After      string // id of the node before
	Size       int
}

// Taught is what became of sentences that were handed in.
type Taught struct {
	Name       string                  `json:"name" doc:"What they are kept as; others of this name are replaced."`
	Sentences  int                     `json:"sentences"`
	Labels     int                     `json:"labels" doc:"Different ones."`
	Vocabulary *fact.VocabularyVersion `json:"vocabulary,omitempty" doc:"That was taken in with them, of a bundle of ATT&CK."`
}

// Classified is what a text speaks of.
type Classified struct {
	Labels   []taxonomy.Label  `json:"labels" doc:"The surest first, each node once."`
	Versions map[string]string `json:"versions" doc:"Digest of each vocabulary's version by which it was judged."`
	Model    string            `json:"model" doc:"Digest of the classifier; empty: there is none."`
}

// ClassifierState is the classifier that is in use.
type ClassifierState struct {
	Digest   string    `json:"digest" doc:"SHA-256 of the model; empty: none was trained yet."`
	Basis    string    `json:"basis" doc:"Digest of what it was trained with."`
	Trained  time.Time `json:"trained,omitzero"`
	Examples int       `json:"examples" doc:"Sentences."`
	Labels   int       `json:"labels" doc:"That it knows."`
	Bytes    int       `json:"bytes"`
	Error    int       `json:"calibrationError" doc:"Expected calibration error on sentences of documents kept out of training, basis points."`
	Training bool      `json:"training" doc:"Another is being trained, or will be."`
}

type classifyText struct {
	Body struct {
		Text    string `json:"text" minLength:"1" maxLength:"200000" doc:"Plain text; of markup the letters count."`
		AtLeast int    `json:"atLeast,omitempty" minimum:"0" maximum:"10000" doc:"Basis points that a classifier's label must have; absent: 5000."`
	}
}

// PathVocabulary names a vocabulary in the path.
type PathVocabulary struct {
	ID string `path:"id" pattern:"^[-._0-9A-Za-z]{1,48}$" patternDescription:"1 to 48 letters, digits and -._" doc:"What the vocabulary is called at this node."`
}

type listVocabularies struct {
	All bool `query:"all" doc:"Every version that was taken in, and not only those in use."`
}

type listNodes struct {
	PathVocabulary
	Version string `query:"version" pattern:"^([0-9a-f]{64})?$" doc:"Digest of the version; absent: the one in use."`
	Find    string `query:"find" maxLength:"100" doc:"Only those with this in their id, name or a synonym, in capitals or not."`
	Size    int    `query:"size" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor  string `query:"cursor" maxLength:"1024" doc:"Where to go on: next of the page before."`
}

type listCorrespondences struct {
	PathVocabulary
	With string `query:"with" required:"true" pattern:"^[-._0-9A-Za-z]{1,48}$" doc:"The other vocabulary."`
}

type listTextLabels struct {
	Page
	Object     string `query:"object" maxLength:"200" doc:"Only those of this STIX object (id)."`
	Vocabulary string `query:"vocabulary" maxLength:"48" doc:"Only those of this vocabulary."`
	Node       string `query:"node" maxLength:"200" doc:"Only those of this node."`
}

func (a *API) vocabularyRoutes() {
	a.vocabularyReading()
	a.vocabularyWriting()
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "classify-text", Method: http.MethodPost, Path: "/v1/classify", Tags: []string{"vocabularies"},
		Summary:     "Say what a text speaks of",
		Description: "By the vocabularies and the classifier in use. Nothing of the text is kept.",
	}, func(ctx context.Context, in *classifyText) (*body[Classified], error) {
		got, err := a.Labeller.Classify(ctx, in.Body.Text, in.Body.AtLeast)
		return &body[Classified]{got}, err
	})
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "get-classifier", Method: http.MethodGet, Path: "/v1/classifier", Tags: []string{"vocabularies"},
		Summary: "The classifier in use",
	}, func(ctx context.Context, _ *struct{}) (*body[ClassifierState], error) {
		got, err := a.Labeller.Classifier(ctx)
		return &body[ClassifierState]{got}, err
	})
}

func (a *API) vocabularyReading() {
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-vocabularies", Method: http.MethodGet, Path: "/v1/vocabularies", Tags: []string{"vocabularies"},
		Summary:     "The vocabularies by which this node sorts texts",
		Description: "Those that its members took in, and those that the consortium agreed on, which go before one of the same name.",
	}, func(ctx context.Context, in *listVocabularies) (*body[Items[fact.VocabularyVersion]], error) {
		got, err := a.Labeller.Vocabularies(ctx, in.All)
		return &body[Items[fact.VocabularyVersion]]{Items[fact.VocabularyVersion]{got}}, err
	})
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-vocabulary-nodes", Method: http.MethodGet, Path: pathVocabulary + "/nodes", Tags: []string{"vocabularies"},
		Summary: "The nodes of a vocabulary, by id",
	}, func(ctx context.Context, in *listNodes) (*body[List[taxonomy.Node]], error) {
		got, next, err := a.Labeller.Nodes(ctx, NodeQuery{Vocabulary: in.ID, Version: in.Version, Find: in.Find, After: in.Cursor, Size: in.Size})
		if err != nil {
			return nil, err
		}
		return listed(got, next, func(n taxonomy.Node) taxonomy.Node { return n }), nil
	})
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-correspondences", Method: http.MethodGet, Path: pathVocabulary + "/correspondences", Tags: []string{"vocabularies"},
		Summary: "Which nodes of a vocabulary correspond to which of another",
	}, func(ctx context.Context, in *listCorrespondences) (*body[Items[taxonomy.Correspondence]], error) {
		got, err := a.Labeller.Correspond(ctx, in.ID, in.With)
		return &body[Items[taxonomy.Correspondence]]{Items[taxonomy.Correspondence]{append([]taxonomy.Correspondence{}, got...)}}, err
	})
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-classifications", Method: http.MethodGet, Path: "/v1/classifications", Tags: []string{"vocabularies"},
		Summary:     "What the texts of this node's STIX objects speak of",
		Description: "Of what members share and of what was collected here, the newest first. Each label names the versions by which it was judged.",
	}, func(ctx context.Context, in *listTextLabels) (*body[List[fact.TextLabel]], error) {
		got, err := a.Labels.Labels(ctx, fact.TextLabelFilter{Object: in.Object, Vocabulary: in.Vocabulary, Node: in.Node}, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(l fact.TextLabel) fact.TextLabel { return l }), nil
	})
	register(a.api, auth.ThreatsRead, huma.Operation{
		OperationID: "list-candidates", Method: http.MethodGet, Path: "/v1/candidates", Tags: []string{"vocabularies"},
		Summary:     "Terms that recur in texts and stand in no vocabulary",
		Description: "The strongest first, each with sentences of reports that have it. A report is named by its digest on the ledger, what was only collected here by its STIX id.",
	}, func(ctx context.Context, _ *struct{}) (*body[Items[taxonomy.Candidate]], error) {
		got, err := a.Labeller.Candidates(ctx)
		return &body[Items[taxonomy.Candidate]]{Items[taxonomy.Candidate]{got}}, err
	})
}

func (a *API) vocabularyWriting() {
	content := map[string]*huma.MediaType{
		typeJSON: {Schema: &huma.Schema{Type: "object"}}, typeCSV: {Schema: &huma.Schema{Type: "string"}},
		typeGzip: {Schema: &huma.Schema{Type: "string", Format: "binary"}},
	}
	a.api.stream(auth.ReferenceWrite, huma.Operation{
		OperationID: "put-vocabulary", Method: http.MethodPut, Path: pathVocabulary, Tags: []string{"vocabularies"},
		Summary: "Take in a vocabulary, in place of the version before",
		Description: "The body is a STIX bundle of ATT&CK or CAPEC, a taxonomy (machinetag.json) or a galaxy's cluster of MISP, a list of CWE (CSV), or CSV with the columns " +
			"id, name, kind, parent, synonyms, description, external, successor; any of them packed by gzip. Texts are labelled anew, and versions before are kept.",
		Parameters:  []*huma.Param{pathParam("id", "What the vocabulary is called at this node, 1 to 48 lower-case letters, digits and .-_.")},
		RequestBody: &huma.RequestBody{Required: true, Content: content},
		Responses: map[string]*huma.Response{"200": {
			Description: "It was taken in", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[fact.VocabularyVersion](a.api)}},
		}},
	}, func(c *gin.Context) error {
		return reference(c, func(ctx context.Context, text []byte) (fact.VocabularyVersion, error) {
			return a.Labeller.Import(ctx, c.Param("id"), text)
		})
	})
	a.api.stream(auth.ReferenceWrite, huma.Operation{
		OperationID: "teach-classifier", Method: http.MethodPost, Path: pathExamples, Tags: []string{"vocabularies"},
		Summary: "Hand in sentences from which a classifier is trained",
		Description: "The body is a STIX bundle of ATT&CK, which is taken in as a vocabulary, too, or an array of objects with text, label and doc_title; packed by gzip or not. " +
			"Training goes on afterwards, for some minutes, and texts are labelled anew.",
		RequestBody: &huma.RequestBody{Required: true, Content: content},
		Responses: map[string]*huma.Response{"200": {
			Description: "They were taken in", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Taught](a.api)}},
		}},
	}, func(c *gin.Context) error { return reference(c, a.Labeller.Teach) })
}

// reference reads reference data and answers with what became of it.
func reference[T any](c *gin.Context, take func(context.Context, []byte) (T, error)) error {
	if _, err := contentType(c, typeJSON, typeCSV, typeGzip); err != nil {
		return err
	}
	text, err := readBody(c)
	if err != nil {
		return err
	}
	got, err := take(c.Request.Context(), text)
	if err != nil {
		return inBody(err)
	}
	return writeJSON(c, http.StatusOK, got)
}

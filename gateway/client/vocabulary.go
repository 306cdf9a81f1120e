package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
)

// Taught is what became of sentences that a classifier is trained with.
type Taught struct {
	Name       string                  `json:"name"`
	Sentences  int                     `json:"sentences"`
	Labels     int                     `json:"labels"`     // different ones
	Vocabulary *fact.VocabularyVersion `json:"vocabulary"` // that was taken in with them; nil: none
}

// Classified is what a text speaks of.
type Classified struct {
	Labels   []taxonomy.Label  `json:"labels"`   // the surest first
	Versions map[string]string `json:"versions"` // digest of each vocabulary's version
	Model    string            `json:"model"`    // digest of the classifier; empty: there is none
}

// PutVocabulary has the node take a vocabulary in: a STIX bundle of ATT&CK or CAPEC, a
// taxonomy or a galaxy's cluster of MISP, CSV; packed by gzip or not. Right:
// reference:write.
func (c *Client) PutVocabulary(ctx context.Context, name string, document []byte) (*fact.VocabularyVersion, error) {
	var out fact.VocabularyVersion
	r := request{method: http.MethodPut, path: "/v1/vocabularies/" + url.PathEscape(name), media: mediaOfReference(document), body: document}
	return found(&out, c.call(ctx, r, &out))
}

// TeachClassifier hands in sentences: a STIX bundle of ATT&CK, or an array of objects with
// text, label and doc_title; packed by gzip or not. Right: reference:write.
func (c *Client) TeachClassifier(ctx context.Context, document []byte) (*Taught, error) {
	var out Taught
	r := request{method: http.MethodPost, path: "/v1/classifier/examples", media: mediaOfReference(document), body: document}
	return found(&out, c.call(ctx, r, &out))
}

// Classify says what a text speaks of. atLeast is in basis points; 0: as the node tells by
// default. Right: threats:read.
func (c *Client) Classify(ctx context.Context, text string, atLeast int) (*Classified, error) {
	var out Classified
	in := struct {
		Text    string `json:"text"`
		AtLeast int    `json:"atLeast,omitempty"`
	}{text, atLeast}
	return found(&out, c.post(ctx, "/v1/classify", in, &out))
}

// TextLabels lists what the texts of the node's STIX objects speak of, of the newest
// objects first. Right: threats:read.
func (c *Client) TextLabels(ctx context.Context, f fact.TextLabelFilter) iter.Seq2[fact.TextLabel, error] {
	return pages[fact.TextLabel](ctx, c, "/v1/classifications", values("object", f.Object, "vocabulary", f.Vocabulary, "node", f.Node))
}

// Candidates lists the terms that recur in texts and stand in no vocabulary, the strongest
// first. Right: threats:read.
func (c *Client) Candidates(ctx context.Context) ([]taxonomy.Candidate, error) {
	var out struct{ Items []taxonomy.Candidate }
	err := c.get(ctx, "/v1/candidates", nil, &out)
	return out.Items, err
}

func mediaOfReference(document []byte) string {
	switch {
	case len(document) > 1 && document[0] == 0x1f && document[1] == 0x8b: // RFC 1952, section 2.3.1
		return "application/gzip"
	case len(document) > 0 && (document[0] == '{' || document[0] == '['):
		return mediaJSON
	}
	return "text/csv"
}

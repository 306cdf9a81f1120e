package app

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/secant-platform/secant/analytics/classify"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/store"
)

// labeller feeds the pure packages classify and taxonomy with what the node knows. What
// it judges by is named by a basis: the digests of the vocabularies and of the classifier.
type labeller struct {
	store *store.Store
	wake  func() // the worker's loops; set when there is a worker

	mu    sync.Mutex // guards what follows, and is held for as long as it takes to read it
	state *judging   // nil: not read yet
	basis string     // of what was trained last, or could not be
}

// judging is what texts are labelled by. It does not change.
type judging struct {
	basis        string
	versions     map[string]string // vocabulary -> digest
	vocabularies []*taxonomy.Vocabulary
	model        *classify.Model // nil: none
	digest       string          // of it
	labeller     *taxonomy.Labeller
}

func newLabeller(s *store.Store) *labeller { return &labeller{store: s, wake: func() {}} }

// trainingSeed is the seed of every training: the same examples give the same model at
// every member's node.
const trainingSeed = 1

// Bounds of one turn of labelling.
const (
	labelBatch    = 100
	candidateOf   = 2_000 // newest texts in which terms are looked for
	candidateFrom = 3     // reports that must have a term
)

// unzipped returns reference data, unpacked where it is gzip, within bounds.
func unzipped(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the file is not gzip that can be read")
	}
	text, err := io.ReadAll(io.LimitReader(z, taxonomy.MaxBytes+1))
	if err != nil {
		return nil, ledger.Problemf(ledger.CodeInvalid, "the file is not gzip that can be read")
	}
	if len(text) > taxonomy.MaxBytes {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "the file has more than %d bytes once unpacked", taxonomy.MaxBytes)
	}
	return text, nil
}

// packed packs a text for the store, the same text always into the same bytes.
func packed(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(text)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("packing reference data: %w", err)
	}
	return b.Bytes(), nil
}

// Import takes a vocabulary in, under a name.
func (l *labeller) Import(ctx context.Context, id string, body []byte) (fact.VocabularyVersion, error) {
	text, err := unzipped(body)
	if err != nil {
		return fact.VocabularyVersion{}, err
	}
	return l.take(ctx, id, text)
}

func (l *labeller) take(ctx context.Context, id string, text []byte) (fact.VocabularyVersion, error) {
	document := classify.Digest(text)
	if err := l.isFree(ctx, id, document); err != nil {
		return fact.VocabularyVersion{}, err
	}
	v, err := taxonomy.Read(id, text)
	if err != nil {
		return fact.VocabularyVersion{}, err
	}
	form, err := packed(v.Encode())
	if err != nil {
		return fact.VocabularyVersion{}, err
	}
	is := fact.VocabularyVersion{ID: v.ID, Digest: v.Digest(), Title: v.Title, Authority: v.Authority, Nodes: len(v.Nodes), Document: document}
	if _, err := l.store.PutVocabulary(ctx, is, form); err != nil {
		return is, err
	}
	l.wake()
	is, _, err = l.store.ReferenceVocabulary(ctx, id, "")
	return is, err
}

// Teach takes sentences in that a classifier is trained with.
func (l *labeller) Teach(ctx context.Context, body []byte) (rest.Taught, error) {
	text, err := unzipped(body)
	if err != nil {
		return rest.Taught{}, err
	}
	var got rest.Taught
	var examples []classify.Example
	if bytes.HasPrefix(bytes.TrimLeft(text, " \r\n\t"), []byte("{")) {
		if examples, _, err = classify.ReadATTACK(text); err != nil {
			return got, err
		}
		got.Name = matrix(text)
		v, err := l.take(ctx, got.Name, text)
		if err != nil {
			return got, err
		}
		got.Vocabulary = &v
	} else {
		if examples, err = classify.ReadLabelled(text); err != nil {
			return got, err
		}
		got.Name = "sentences-" + classify.Digest(text)[:12]
	}
	labels := map[string]bool{}
	for i := range examples {
		if examples[i].Label != "" {
			labels[examples[i].Label] = true
		}
	}
	got.Sentences, got.Labels = len(examples), len(labels)
	form, err := packed(text)
	if err != nil {
		return got, err
	}
	if err := l.store.PutExamples(ctx, fact.Examples{Name: got.Name, Digest: classify.Digest(text), Body: form}); err != nil {
		return got, err
	}
	l.wake()
	return got, nil
}

// matrix is what ATT&CK calls the part of it that a bundle is, as enterprise-attack.
func matrix(bundle []byte) string {
	var b struct {
		Objects []struct {
			Type       string
			References []struct {
				ID string `json:"external_id"`
			} `json:"external_references"`
		}
	}
	if err := json.Unmarshal(bundle, &b); err == nil {
		for _, o := range b.Objects {
			if o.Type == "x-mitre-matrix" && len(o.References) > 0 && o.References[0].ID != "" {
				return strings.ToLower(o.References[0].ID)
			}
		}
	}
	return "attack"
}

// Label labels the texts that were not labelled by what the node has now, and looks for
// terms.
func (l *labeller) Label(ctx context.Context) (changed bool, err error) {
	j, err := l.judging(ctx)
	if err != nil || len(j.vocabularies) == 0 {
		return false, err
	}
	basis, to, err := l.store.Labelling(ctx)
	if err != nil {
		return false, err
	}
	if basis != j.basis {
		to = 0
	}
	for {
		n, last, err := l.labelSome(ctx, j, to)
		if err != nil {
			return changed, err
		}
		if n == 0 {
			break
		}
		changed, to = true, last
	}
	if !changed {
		return false, nil
	}
	return true, l.lookForTerms(ctx, j)
}

func (l *labeller) labelSome(ctx context.Context, j *judging, to int64) (n int, last int64, err error) {
	texts, err := l.store.Unlabelled(ctx, to, labelBatch)
	if err != nil || len(texts) == 0 {
		return 0, to, err
	}
	var objects []int64
	var labels []fact.TextLabel
	for i := range texts {
		if err := ctx.Err(); err != nil {
			return 0, to, err
		}
		t := &texts[i]
		objects = append(objects, t.Object)
		for _, v := range j.labeller.Label(textOf(t.Body)) {
			model := ""
			if v.Basis == taxonomy.BasisClassifier {
				model = j.digest
			}
			labels = append(labels, fact.TextLabel{
				Added: t.Object, Object: t.ID, Collection: t.Collection, Vocabulary: v.Vocabulary, Version: j.versions[v.Vocabulary], Model: model,
				Node: v.Node, Name: v.Name, Basis: v.Basis, Probability: v.Probability, Sentence: v.Sentence,
			})
		}
	}
	last = texts[len(texts)-1].Object
	return len(texts), last, l.store.PutLabels(ctx, j.basis, last, objects, labels)
}

// textOf is what a STIX object says in words, and by what tags. One that cannot be read
// says nothing.
func textOf(body []byte) taxonomy.Text {
	var o struct {
		Name, Description, Abstract, Content, Explanation, Context string
		Labels, Aliases                                            []string
		References                                                 []struct {
			Source string `json:"source_name"`
			ID     string `json:"external_id"`
		} `json:"external_references"`
	}
	if err := json.Unmarshal(body, &o); err != nil {
		return taxonomy.Text{}
	}
	t := taxonomy.Text{Text: strings.Join(slices.DeleteFunc(
		append([]string{o.Name, o.Abstract, o.Description, o.Content, o.Explanation}, o.Aliases...), func(s string) bool { return s == "" }), "\n\n"), Tags: o.Labels}
	for _, r := range o.References {
		if r.ID != "" {
			t.Tags = append(t.Tags, r.ID)
		}
	}
	return t
}

// lookForTerms looks for terms in the newest texts. What one report brought counts as one.
func (l *labeller) lookForTerms(ctx context.Context, j *judging) error {
	texts, err := l.store.NewestTexts(ctx, candidateOf)
	if err != nil {
		return err
	}
	by := map[string]string{}
	for i := range texts {
		t := &texts[i]
		key := cmp.Or(t.Report, t.ID)
		if text := textOf(t.Body).Text; len(by[key]) < taxonomy.MaxText {
			by[key] += text + "\n\n"
		}
	}
	reports := make([]taxonomy.Report, 0, len(by))
	for key, text := range by {
		reports = append(reports, taxonomy.Report{Digest: key, Text: text})
	}
	slices.SortFunc(reports, func(a, b taxonomy.Report) int { return strings.Compare(a.Digest, b.Digest) })
	found := taxonomy.Emerging(reports, taxonomy.NewBackground(j.vocabularies), candidateFrom, func(sentence string) (string, bool) {
		if labels := j.labeller.Label(taxonomy.Text{Text: sentence}); len(labels) > 0 {
			return labels[0].Vocabulary + "/" + labels[0].Node, true
		}
		return "", false
	})
	docs := make([][]byte, len(found))
	for i := range found {
		if docs[i], err = json.Marshal(found[i]); err != nil {
			return fmt.Errorf("encoding a term: %w", err)
		}
	}
	return l.store.PutCandidates(ctx, docs)
}

// Candidates returns the terms that were found last.
func (l *labeller) Candidates(ctx context.Context) ([]taxonomy.Candidate, error) {
	docs, err := l.store.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]taxonomy.Candidate, len(docs))
	for i, doc := range docs {
		if err := json.Unmarshal(doc, &list[i]); err != nil {
			return nil, fmt.Errorf("reading a term: %w", err)
		}
	}
	return list, l.withEvidence(ctx, list)
}

// Classify says what a text speaks of, and keeps nothing.
func (l *labeller) Classify(ctx context.Context, text string, atLeast int) (rest.Classified, error) {
	j, err := l.judging(ctx)
	if err != nil {
		return rest.Classified{}, err
	}
	by := j.labeller
	if atLeast > 0 {
		by = by.From(atLeast)
	}
	return rest.Classified{Labels: by.Label(taxonomy.Text{Text: text}), Versions: j.versions, Model: j.digest}, nil
}

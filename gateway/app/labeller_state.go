package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/classify"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
)

// judging returns what texts are labelled by now.
func (l *labeller) judging(ctx context.Context) (*judging, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	used, err := l.Vocabularies(ctx, false)
	if err != nil {
		return nil, err
	}
	kept, err := l.store.Classifier(ctx, "")
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return nil, err
	}
	var names strings.Builder
	j := &judging{versions: map[string]string{}, digest: kept.Digest}
	for _, v := range used {
		j.versions[v.ID] = v.Digest
		fmt.Fprintf(&names, "%s %s\n", v.ID, v.Digest)
	}
	j.basis = classify.Digest([]byte(names.String() + kept.Digest))
	if l.state != nil && l.state.basis == j.basis {
		return l.state, nil
	}
	for _, is := range used {
		v, err := l.read(ctx, is.ID, is.Digest)
		if err != nil {
			return nil, err
		}
		j.vocabularies = append(j.vocabularies, v)
	}
	if kept.Digest != "" {
		if j.model, err = classify.Decode(kept.Body); err != nil {
			return nil, fmt.Errorf("reading the classifier: %w", err)
		}
	}
	j.labeller = taxonomy.NewLabeller(j.vocabularies, j.model, 0)
	l.state = j
	return j, nil
}

// read reads a version of a vocabulary from the store, be it adopted or taken in.
func (l *labeller) read(ctx context.Context, id, digest string) (*taxonomy.Vocabulary, error) {
	if v, err := l.adopted(ctx, id, digest); ledger.CodeOf(err) != ledger.CodeNotFound {
		return v, err
	}
	return l.taken(ctx, id, digest)
}

// taken reads a version of a vocabulary that the node took in.
func (l *labeller) taken(ctx context.Context, id, digest string) (*taxonomy.Vocabulary, error) {
	_, form, err := l.store.ReferenceVocabulary(ctx, id, digest)
	if err != nil {
		return nil, err
	}
	text, err := unzipped(form)
	if err != nil {
		return nil, fmt.Errorf("reading a vocabulary: %w", err)
	}
	return taxonomy.Decode(text)
}

// vocabulary returns a version of a vocabulary; an empty digest: the one in use.
func (l *labeller) vocabulary(ctx context.Context, id, digest string) (*taxonomy.Vocabulary, error) {
	j, err := l.judging(ctx)
	if err != nil {
		return nil, err
	}
	if digest == "" || digest == j.versions[id] {
		for _, v := range j.vocabularies {
			if v.ID == id {
				return v, nil
			}
		}
	}
	return l.read(ctx, id, digest)
}

// Nodes lists nodes of a vocabulary.
func (l *labeller) Nodes(ctx context.Context, q rest.NodeQuery) (list []taxonomy.Node, next string, err error) {
	v, err := l.vocabulary(ctx, q.Vocabulary, q.Version)
	if err != nil {
		return nil, "", err
	}
	find := strings.ToLower(q.Find)
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), find) }
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.ID <= q.After || !has(n.ID) && !has(n.Name) && !slices.ContainsFunc(n.Synonyms, has) {
			continue
		}
		if len(list) == q.Size {
			return list, list[len(list)-1].ID, nil
		}
		list = append(list, *n)
	}
	return list, "", nil
}

// Correspond maps one vocabulary in use to another.
func (l *labeller) Correspond(ctx context.Context, from, to string) ([]taxonomy.Correspondence, error) {
	a, err := l.vocabulary(ctx, from, "")
	if err != nil {
		return nil, err
	}
	b, err := l.vocabulary(ctx, to, "")
	if err != nil {
		return nil, err
	}
	return taxonomy.Correspond(a, b), nil
}

// examplesBasis names what is trained with.
func (l *labeller) examplesBasis(ctx context.Context) (string, error) {
	list, err := l.store.Examples(ctx, false)
	if err != nil || len(list) == 0 {
		return "", err
	}
	var names strings.Builder
	for _, e := range list {
		fmt.Fprintf(&names, "%s %s\n", e.Name, e.Digest)
	}
	return classify.Digest([]byte(names.String())), nil
}

// Train trains a classifier with all examples of the node, unless the one in use was
// trained with them, and reports whether there is another. Texts are labelled by the one
// before as long.
func (l *labeller) Train(ctx context.Context) (changed bool, err error) {
	basis, err := l.examplesBasis(ctx)
	if err != nil || basis == "" {
		return false, err
	}
	kept, err := l.store.Classifier(ctx, "")
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return false, err
	}
	l.mu.Lock()
	done := kept.Basis == basis || l.basis == basis
	l.basis = basis
	l.mu.Unlock()
	if done {
		return false, nil
	}
	examples, err := l.examples(ctx)
	if err != nil {
		return false, err
	}
	m, err := classify.Train(ctx, examples, classify.Options{Seed: trainingSeed})
	if code := ledger.CodeOf(err); code == ledger.CodeInvalid || code == ledger.CodeTooLarge {
		return false, nil // too little to learn of, or too much: the one before stays in use
	}
	if err != nil {
		return false, err
	}
	file := m.Encode()
	err = l.store.PutClassifier(ctx, fact.Classifier{Digest: classify.Digest(file), Basis: basis, Body: file})
	return err == nil, err
}

// examples reads all sentences that the node was given. Labels that were revoked have
// their successors' ids.
func (l *labeller) examples(ctx context.Context) ([]classify.Example, error) {
	list, err := l.store.Examples(ctx, true)
	if err != nil {
		return nil, err
	}
	all, successor := classify.Background(), map[string]string{}
	for _, e := range list {
		text, err := unzipped(e.Body)
		if err != nil {
			return nil, fmt.Errorf("reading examples: %w", err)
		}
		var some []classify.Example
		if strings.HasPrefix(e.Name, "sentences-") {
			some, err = classify.ReadLabelled(text)
		} else {
			var replaced map[string]string
			some, replaced, err = classify.ReadATTACK(text)
			for from, to := range replaced {
				successor[from] = to
			}
		}
		if err != nil {
			return nil, fmt.Errorf("reading examples: %w", err)
		}
		all = append(all, some...)
	}
	for i := range all {
		all[i].Label = classify.Follow(successor, all[i].Label)
	}
	return all, nil
}

// Classifier tells of the classifier in use.
func (l *labeller) Classifier(ctx context.Context) (rest.ClassifierState, error) {
	basis, err := l.examplesBasis(ctx)
	if err != nil {
		return rest.ClassifierState{}, err
	}
	kept, err := l.store.Classifier(ctx, "")
	if err != nil && ledger.CodeOf(err) != ledger.CodeNotFound {
		return rest.ClassifierState{}, err
	}
	s := rest.ClassifierState{Digest: kept.Digest, Basis: kept.Basis, Trained: kept.Trained, Bytes: len(kept.Body), Training: basis != kept.Basis}
	if kept.Digest == "" {
		return s, nil
	}
	j, err := l.judging(ctx)
	if err != nil || j.model == nil {
		return s, err
	}
	s.Examples, s.Labels, s.Error = j.model.Examples, len(j.model.Labels)-1, j.model.Calibration.Error
	return s, nil
}

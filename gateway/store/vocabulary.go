package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// PutVocabulary keeps a version of a vocabulary, which is in use from now on, and reports
// whether another was before.
func (s *Store) PutVocabulary(ctx context.Context, v fact.VocabularyVersion, body []byte) (changed bool, err error) {
	err = s.update(ctx, func(ctx context.Context, t *txn) error {
		if v.Document != "" { // what a document was read as stays: labels name it
			if _, err := t.exec(ctx, "INSERT INTO reference_document (id, document, digest) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", v.ID, v.Document, v.Digest); err != nil {
				return fmt.Errorf("keeping what a vocabulary was read from: %w", err)
			}
		}
		var digest string
		if _, err := t.get(ctx, "SELECT digest FROM reference_vocabulary WHERE id = ? ORDER BY number DESC LIMIT 1", []any{v.ID}, &digest); err != nil {
			return fmt.Errorf("reading the vocabulary before: %w", err)
		}
		if changed = digest != v.Digest; !changed {
			return nil
		}
		// A version that was in use before is in use again.
		if _, err := t.exec(ctx, "DELETE FROM reference_vocabulary WHERE id = ? AND digest = ?", v.ID, v.Digest); err != nil {
			return fmt.Errorf("keeping a vocabulary: %w", err)
		}
		_, err := t.exec(ctx, `INSERT INTO reference_vocabulary (number, id, digest, title, authority, nodes, imported, body)
			VALUES ((SELECT coalesce(max(number), 0) + 1 FROM reference_vocabulary), ?, ?, ?, ?, ?, ?, ?)`,
			v.ID, v.Digest, v.Title, v.Authority, v.Nodes, millis(s.now()), body)
		return wrapf(err, "keeping a vocabulary")
	})
	return changed, err
}

const vocabularyColumns = `v.id, v.digest, v.title, v.authority, v.nodes, v.imported,
	coalesce((SELECT min(document) FROM reference_document d WHERE d.id = v.id AND d.digest = v.digest), '')`

func scanVocabulary(from scanner, more ...any) (fact.VocabularyVersion, error) {
	var v fact.VocabularyVersion
	var imported int64
	err := from.Scan(append([]any{&v.ID, &v.Digest, &v.Title, &v.Authority, &v.Nodes, &imported, &v.Document}, more...)...)
	v.Imported = fromMillis(imported)
	return v, err
}

// ReferenceVocabularies returns the versions that are in use, by name; all: every version that was
// taken in, the newest of each name first.
func (s *Store) ReferenceVocabularies(ctx context.Context, all bool) ([]fact.VocabularyVersion, error) {
	query := "SELECT " + vocabularyColumns + " FROM reference_vocabulary v"
	if !all {
		query += " WHERE number = (SELECT max(number) FROM reference_vocabulary w WHERE w.id = v.id)"
	}
	rows, err := s.reading.QueryContext(ctx, query+" ORDER BY id, number DESC")
	if err != nil {
		return nil, fmt.Errorf("reading vocabularies: %w", err)
	}
	defer rows.Close()
	list := []fact.VocabularyVersion{}
	for rows.Next() {
		v, err := scanVocabulary(rows)
		if err != nil {
			return nil, fmt.Errorf("reading a vocabulary: %w", err)
		}
		list = append(list, v)
	}
	return list, wrapf(rows.Err(), "reading vocabularies")
}

// ReferenceVocabulary returns a version of a vocabulary with its body; an empty digest: the one in
// use. Problems: not_found.
func (s *Store) ReferenceVocabulary(ctx context.Context, id, digest string) (fact.VocabularyVersion, []byte, error) {
	var body []byte
	v, err := scanVocabulary(s.reading.QueryRowContext(ctx, "SELECT "+vocabularyColumns+`, v.body FROM reference_vocabulary v
		WHERE id = ?1 AND (?2 = '' OR digest = ?2) ORDER BY number DESC LIMIT 1`, id, digest), &body)
	if errors.Is(err, sql.ErrNoRows) {
		return v, nil, notFound("the vocabulary, or this version of it,")
	}
	return v, body, wrapf(err, "reading a vocabulary")
}

// DocumentVersion returns the version of a vocabulary that a document was read as. Problems:
// not_found.
func (s *Store) DocumentVersion(ctx context.Context, id, document string) (digest string, err error) {
	err = s.reading.QueryRowContext(ctx, "SELECT digest FROM reference_document WHERE id = ? AND document = ?", id, document).Scan(&digest)
	if errors.Is(err, sql.ErrNoRows) {
		return "", notFound("the document")
	}
	return digest, wrapf(err, "reading which version a document is")
}

// PutExamples keeps sentences to train with, in place of those of the same name.
func (s *Store) PutExamples(ctx context.Context, e fact.Examples) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, `INSERT INTO example (name, digest, imported, body) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, imported = excluded.imported, body = excluded.body`, e.Name, e.Digest, millis(s.now()), e.Body)
		return wrapf(err, "keeping examples")
	})
}

// Examples returns what is trained with, by name, without bodies when they are not asked for.
func (s *Store) Examples(ctx context.Context, bodies bool) ([]fact.Examples, error) {
	column := "NULL"
	if bodies {
		column = "body"
	}
	rows, err := s.reading.QueryContext(ctx, "SELECT name, digest, "+column+" FROM example ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("reading examples: %w", err)
	}
	defer rows.Close()
	var list []fact.Examples
	for rows.Next() {
		var e fact.Examples
		if err := rows.Scan(&e.Name, &e.Digest, &e.Body); err != nil {
			return nil, fmt.Errorf("reading examples: %w", err)
		}
		list = append(list, e)
	}
	return list, wrapf(rows.Err(), "reading examples")
}

// PutClassifier keeps a trained classifier, which is in use from now on.
func (s *Store) PutClassifier(ctx context.Context, c fact.Classifier) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		_, err := t.exec(ctx, "INSERT INTO classifier (digest, basis, trained, body) VALUES (?, ?, ?, ?)", c.Digest, c.Basis, millis(s.now()), c.Body)
		return wrapf(err, "keeping a classifier")
	})
}

// Classifier returns the one in use, or the one of a digest. Problems: not_found.
func (s *Store) Classifier(ctx context.Context, digest string) (fact.Classifier, error) {
	var c fact.Classifier
	var trained int64
	err := s.reading.QueryRowContext(ctx, "SELECT digest, basis, trained, body FROM classifier WHERE ?1 = '' OR digest = ?1 ORDER BY number DESC LIMIT 1", digest).
		Scan(&c.Digest, &c.Basis, &trained, &c.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return c, notFound("a classifier")
	}
	c.Trained = fromMillis(trained)
	return c, wrapf(err, "reading a classifier")
}

// labelled are the types of STIX objects whose texts are labelled.
const labelled = `type IN ('report', 'note', 'grouping', 'opinion', 'incident', 'campaign', 'indicator', 'infrastructure', 'intrusion-set', 'malware', 'threat-actor', 'tool')`

// Unlabelled returns objects that were added after a place, in the order in which they were.
func (s *Store) Unlabelled(ctx context.Context, after int64, limit int) ([]fact.LabelledText, error) {
	return s.texts(ctx, "added > ? AND "+labelled+" ORDER BY added LIMIT ?", after, limit)
}

// NewestTexts returns the objects with texts that were added last, the newest first.
func (s *Store) NewestTexts(ctx context.Context, limit int) ([]fact.LabelledText, error) {
	return s.texts(ctx, "last = 1 AND "+labelled+" ORDER BY added DESC LIMIT ?", limit)
}

// maxTexts is by how many bytes of objects a list of texts ends: who wants more asks
// again.
const maxTexts = 32 << 20

func (s *Store) texts(ctx context.Context, where string, args ...any) ([]fact.LabelledText, error) {
	query := "SELECT added, collection, id, body, coalesce((SELECT min(report) FROM stix_source WHERE object = added), '') FROM stix_object WHERE " + where //nolint:gosec // where is one of the two above
	rows, err := s.reading.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading texts: %w", err)
	}
	defer rows.Close()
	var list []fact.LabelledText
	for bytes := 0; bytes < maxTexts && rows.Next(); {
		var v fact.LabelledText
		if err := rows.Scan(&v.Object, &v.Collection, &v.ID, &v.Body, &v.Report); err != nil {
			return nil, fmt.Errorf("reading a text: %w", err)
		}
		bytes += len(v.Body)
		list = append(list, v)
	}
	return list, wrapf(rows.Err(), "reading texts")
}

// Labelling returns by what texts were labelled last, and up to which object.
func (s *Store) Labelling(ctx context.Context) (basis string, to int64, err error) {
	err = s.reading.QueryRowContext(ctx, `SELECT coalesce((SELECT value FROM setting WHERE name = 'label_basis'), ''),
		coalesce((SELECT value FROM setting WHERE name = 'label_to'), '0')`).Scan(&basis, &to)
	return basis, to, wrapf(err, "reading how far texts are labelled")
}

// PutLabels keeps the labels of objects, in place of those that they had, and how far
// labelling by that basis has come.
func (s *Store) PutLabels(ctx context.Context, basis string, to int64, objects []int64, labels []fact.TextLabel) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		for _, o := range objects {
			if _, err := t.exec(ctx, "DELETE FROM text_label WHERE object = ?", o); err != nil {
				return fmt.Errorf("replacing labels: %w", err)
			}
		}
		for i := range labels {
			l := &labels[i]
			if _, err := t.exec(ctx, `INSERT INTO text_label (object, vocabulary, node, collection, id, name, basis, probability, sentence, version, model)
				SELECT added, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM stix_object WHERE added = ?`,
				l.Vocabulary, l.Node, l.Collection, l.Object, l.Name, l.Basis, l.Probability, l.Sentence, l.Version, l.Model, l.Added); err != nil {
				return fmt.Errorf("keeping labels: %w", err)
			}
		}
		for name, value := range map[string]string{"label_basis": basis, "label_to": strconv.FormatInt(to, 10)} {
			if err := t.setText(ctx, name, value); err != nil {
				return fmt.Errorf("noting how far texts are labelled: %w", err)
			}
		}
		return nil
	})
}

// Labels lists labels, of the newest objects first.
func (s *Store) Labels(ctx context.Context, f fact.TextLabelFilter, req ledger.PageRequest) (fact.TextLabelPage, error) {
	l := listing{table: "text_label", newest: true, order: []string{"object", "vocabulary", "node"}}
	l.narrow("id", f.Object)
	l.narrow("vocabulary", f.Vocabulary)
	l.narrow("node", f.Node)
	p := fact.TextLabelPage{Items: []fact.TextLabel{}}
	next, err := eachOf(ctx, s, s.reading, l, "id, collection, vocabulary, version, model, node, name, basis, probability, sentence", req,
		func(from scanner, more ...any) error {
			var v fact.TextLabel
			err := from.Scan(append([]any{&v.Object, &v.Collection, &v.Vocabulary, &v.Version, &v.Model, &v.Node, &v.Name, &v.Basis, &v.Probability, &v.Sentence}, more...)...)
			p.Items = append(p.Items, v)
			return err
		})
	p.Next = next
	return p, err
}

// PutCandidates keeps terms that were found, in place of those before.
func (s *Store) PutCandidates(ctx context.Context, docs [][]byte) error {
	return s.update(ctx, func(ctx context.Context, t *txn) error {
		if _, err := t.exec(ctx, "DELETE FROM term_candidate"); err != nil {
			return fmt.Errorf("replacing terms: %w", err)
		}
		for i, doc := range docs {
			if _, err := t.exec(ctx, "INSERT INTO term_candidate (place, doc) VALUES (?, ?)", i, string(doc)); err != nil {
				return fmt.Errorf("keeping terms: %w", err)
			}
		}
		// What they quote may have been withdrawn since it was read.
		_, err := t.exec(ctx, `DELETE FROM term_candidate WHERE EXISTS (SELECT 1 FROM withdrawal q
			WHERE instr(term_candidate.doc, q.digest) > 0 AND NOT `+stoodBy("q.digest")+")")
		return wrapf(err, "keeping terms")
	})
}

// Candidates returns the terms that were found last, the strongest first.
func (s *Store) Candidates(ctx context.Context) ([][]byte, error) {
	rows, err := s.reading.QueryContext(ctx, "SELECT doc FROM term_candidate ORDER BY place")
	if err != nil {
		return nil, fmt.Errorf("reading terms: %w", err)
	}
	defer rows.Close()
	var docs [][]byte
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return nil, fmt.Errorf("reading a term: %w", err)
		}
		docs = append(docs, doc)
	}
	return docs, wrapf(rows.Err(), "reading terms")
}

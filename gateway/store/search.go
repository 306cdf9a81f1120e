package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

const (
	maxSearchBytes = 512
	maxSearchWords = 32
	indexBatch     = 500 // objects whose words are indexed in one transaction
	// maxShown bounds the objects whose words stand with what is found, in bytes: of a
	// larger one there are its id and type.
	maxShown = 256 << 10
)

// Words of what was withdrawn stay in the index's files, marked as deleted, until parts of
// it are merged. settingForget says that this is to be done.
const (
	settingForget  = "words_forget"
	settingIndexed = "stix_indexed"
	forgetNothing  = 0
	forgetBegin    = 1
	forgetGoOn     = 2
	forgetPages    = 500 // written in one transaction
)

// IndexIntelligence indexes the words of objects that were added since it was last
// called, or removes those of what was withdrawn, and reports how many it came to: none
// when nothing remains to be done.
func (s *Store) IndexIntelligence(ctx context.Context) (int, error) {
	after, err := s.setting(ctx, settingIndexed)
	if err != nil {
		return 0, fmt.Errorf("reading how far words are indexed: %w", err)
	}
	rows, err := s.reading.QueryContext(ctx, "SELECT added, body FROM stix_object WHERE added > ? ORDER BY added LIMIT ?", after, indexBatch)
	if err != nil {
		return 0, fmt.Errorf("reading what is to be indexed: %w", err)
	}
	defer rows.Close()
	type entry struct {
		added       int64
		name, words string
	}
	var batch []entry
	for bytes := 0; bytes < maxBodies && rows.Next(); {
		var e entry
		var body []byte
		if err := rows.Scan(&e.added, &body); err != nil {
			return 0, fmt.Errorf("reading what is to be indexed: %w", err)
		}
		bytes += len(body)
		e.name, e.words = cti.Text(body)
		batch = append(batch, e)
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("reading what is to be indexed: %w", err)
	}
	if len(batch) == 0 {
		return s.forgetWords(ctx)
	}
	return len(batch), s.derive(ctx, func(ctx context.Context, t *txn) error {
		for _, e := range batch {
			// What was deleted meanwhile is not found.
			if _, err := t.exec(ctx, `INSERT INTO intelligence_text (rowid, name, words)
				SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM stix_object WHERE added = ?1)`, e.added, e.name, e.words); err != nil {
				return fmt.Errorf("indexing an object: %w", err)
			}
		}
		return wrapf(t.set(ctx, settingIndexed, batch[len(batch)-1].added), "noting how far words are indexed")
	})
}

// forgetWords goes on merging the index, until nothing stands in it that was deleted.
func (s *Store) forgetWords(ctx context.Context) (steps int, err error) {
	state, err := s.setting(ctx, settingForget)
	if err != nil || state == forgetNothing {
		return 0, err
	}
	return 1, s.derive(ctx, func(ctx context.Context, t *txn) error {
		// More may have been withdrawn since.
		if _, err := t.get(ctx, "SELECT value FROM setting WHERE name = ?", []any{settingForget}, &state); err != nil {
			return fmt.Errorf("reading what is to be forgotten: %w", err)
		}
		var before, after int64
		if _, err := t.get(ctx, "SELECT total_changes()", nil, &before); err != nil {
			return fmt.Errorf("counting what was merged: %w", err)
		}
		pages, next := forgetPages, int64(forgetGoOn)
		if state == forgetBegin {
			pages = -forgetPages // marks all there is as to be merged
		}
		if _, err := t.exec(ctx, "INSERT INTO intelligence_text (intelligence_text, rank) VALUES ('merge', ?)", pages); err != nil {
			return fmt.Errorf("merging the index of words: %w", err)
		}
		if _, err := t.get(ctx, "SELECT total_changes()", nil, &after); err != nil {
			return fmt.Errorf("counting what was merged: %w", err)
		}
		if state == forgetGoOn && after-before < 2 { // FTS5's way to say that nothing was done
			next = forgetNothing
		}
		return t.set(ctx, settingForget, next)
	})
}

// Search finds objects by their words, the newest first. Problems: invalid for words
// that are none.
func (s *Store) Search(ctx context.Context, f fact.SearchFilter, req ledger.PageRequest) (fact.FoundPage, error) {
	words, err := matchWords(f.Words)
	if err != nil {
		return fact.FoundPage{}, err
	}
	// By row id, from the words outwards (CROSS JOIN), the index is read from its end and no further than the page: ranking
	// would read every object that has a common word.
	l := listing{
		table: "intelligence_text CROSS JOIN stix_object o ON o.added = intelligence_text.rowid",
		where: []string{"intelligence_text MATCH ?", "o.last", "o.collection IN (" + marks(len(f.Collections)) + ")"},
		args:  append([]any{words}, anys(f.Collections)...),
		order: []string{"intelligence_text.rowid"}, newest: true,
	}
	if len(f.Types) > 0 {
		l.where, l.args = append(l.where, "o.type IN ("+marks(len(f.Types))+")"), append(l.args, anys(f.Types)...)
	}
	p := fact.FoundPage{Items: []fact.Found{}}
	p.Next, err = eachOf(ctx, s, s.reading, l, "o.collection, o.id, o.type, o.version, o.added, CASE WHEN length(o.body) <= "+strconv.Itoa(maxShown)+" THEN o.body END", req, func(from scanner, more ...any) error {
		var one fact.Found
		var version, added int64
		if err := from.Scan(append([]any{&one.Collection, &one.ID, &one.Type, &version, &added, &one.Body}, more...)...); err != nil {
			return err //nolint:wrapcheck // eachOf says what was read
		}
		one.Version, one.Added = time.UnixMicro(version).UTC(), time.UnixMicro(added).UTC()
		p.Items = append(p.Items, one)
		return nil
	})
	return p, err
}

// matchWords turns what somebody typed into an expression of FTS5 that has no operators:
// each word or phrase is a string, and all must be there.
func matchWords(typed string) (string, error) {
	if len(typed) > maxSearchBytes {
		return "", ledger.Problemf(ledger.CodeInvalid, "what is searched for has more than %d bytes", maxSearchBytes)
	}
	var terms []string
	for i, part := range strings.Split(typed, `"`) {
		words := []string{part}
		if i%2 == 0 { // outside quotation marks
			words = strings.Fields(part)
		}
		for _, word := range words {
			if !strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
				continue
			}
			term := `"` + strings.ReplaceAll(word, "\x00", " ") + `"`
			if i%2 == 0 && strings.HasSuffix(word, "*") {
				term += "*"
			}
			terms = append(terms, term)
		}
	}
	switch {
	case len(terms) == 0:
		return "", ledger.Problemf(ledger.CodeInvalid, "what is searched for has no word")
	case len(terms) > maxSearchWords:
		return "", ledger.Problemf(ledger.CodeInvalid, "what is searched for has more than %d words", maxSearchWords)
	}
	return strings.Join(terms, " "), nil
}

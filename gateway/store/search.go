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

// Words of what was withdrawn stay in the index's files for a while. settingForget says
// that they are to be removed from these.
const (
	settingForget  = "words_forget"
	settingIndexed = "stix_indexed"
	forgetNothing  = 0
	forgetBegin    = 1
	forgetGoOn     = 2
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
			if err := s.engine.addWords(ctx, t, e.added, e.name, e.words); err != nil {
				return fmt.Errorf("indexing an object: %w", err)
			}
		}
		return wrapf(t.set(ctx, settingIndexed, batch[len(batch)-1].added), "noting how far words are indexed")
	})
}

// forgetWords goes on removing words, until none is left of what was deleted.
func (s *Store) forgetWords(ctx context.Context) (steps int, err error) {
	state, err := s.setting(ctx, settingForget)
	if err != nil || state == forgetNothing {
		return 0, err
	}
	if state == forgetGoOn {
		if err := s.engine.clean(ctx); err != nil {
			return 0, fmt.Errorf("removing words from the index: %w", err)
		}
	}
	return 1, s.derive(ctx, func(ctx context.Context, t *txn) error {
		// More may have been withdrawn since.
		if _, err := t.get(ctx, "SELECT value FROM setting WHERE name = ?", []any{settingForget}, &state); err != nil {
			return fmt.Errorf("reading what is to be forgotten: %w", err)
		}
		done, err := s.engine.forgetWords(ctx, t, state == forgetBegin)
		if err != nil {
			return fmt.Errorf("removing words from the index: %w", err)
		}
		next := int64(forgetGoOn)
		if done {
			next = forgetNothing
		}
		return t.set(ctx, settingForget, next)
	})
}

// Search finds objects by their words, the newest first. Problems: invalid for words
// that are none.
func (s *Store) Search(ctx context.Context, f fact.SearchFilter, req ledger.PageRequest) (fact.FoundPage, error) {
	terms, err := searchTerms(f.Words)
	if err != nil {
		return fact.FoundPage{}, err
	}
	// By row id, from the words outwards (CROSS JOIN), the index is read from its end and no further than the page: ranking
	// would read every object that has a common word.
	l := listing{
		table: "intelligence_text CROSS JOIN stix_object o ON o.added = intelligence_text.rowid",
		where: []string{"o.last = 1", "o.collection IN (" + marks(len(f.Collections)) + ")"},
		args:  anys(f.Collections),
		order: []string{"intelligence_text.rowid"}, newest: true,
	}
	if len(f.Types) > 0 {
		l.where, l.args = append(l.where, "o.type IN ("+marks(len(f.Types))+")"), append(l.args, anys(f.Types)...)
	}
	if err := s.engine.matching(ctx, s.reading, &l, terms); err != nil {
		return fact.FoundPage{}, fmt.Errorf("looking for words: %w", err)
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

// term is a word, or words that stand one behind the other, with whatever is between
// them that is no letter and no digit.
type term struct {
	words  string
	begins bool // the last word may go on
}

// searchTerms reads what somebody typed, in which nothing is an operator but quotation
// marks and a star: all terms must be there.
func searchTerms(typed string) ([]term, error) {
	if len(typed) > maxSearchBytes {
		return nil, ledger.Problemf(ledger.CodeInvalid, "what is searched for has more than %d bytes", maxSearchBytes)
	}
	var terms []term
	for i, part := range strings.Split(typed, `"`) {
		words := []string{part}
		if i%2 == 0 { // outside quotation marks
			words = strings.Fields(part)
		}
		for _, word := range words {
			if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
				terms = append(terms, term{word, i%2 == 0 && strings.HasSuffix(word, "*")})
			}
		}
	}
	switch {
	case len(terms) == 0:
		return nil, ledger.Problemf(ledger.CodeInvalid, "what is searched for has no word")
	case len(terms) > maxSearchWords:
		return nil, ledger.Problemf(ledger.CodeInvalid, "what is searched for has more than %d words", maxSearchWords)
	}
	return terms, nil
}

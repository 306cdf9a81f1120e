package app

import (
	"context"
	"slices"
	"strings"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/taxonomy"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// mostAgreed is how many vocabularies of the consortium texts are labelled by, the first
// ones by id.
const mostAgreed = 200

// agreed lists the vocabularies that hold by vote of the members, by id, once a version was
// adopted.
func (l *labeller) agreed(ctx context.Context) ([]ledger.Vocabulary, error) {
	var list []ledger.Vocabulary
	for req := (ledger.PageRequest{Size: ledger.MaxPageSize}); ; {
		page, err := l.store.Vocabularies(ctx, req)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if v := &page.Items[i].Record; isAgreed(v) && len(list) < mostAgreed {
				list = append(list, *v)
			}
		}
		if req.Bookmark = page.Next; req.Bookmark == "" || len(list) == mostAgreed {
			return list, nil
		}
	}
}

func isAgreed(v *ledger.Vocabulary) bool { return v.Version > 0 }

// isFree refuses a name that the members' word has, but for the documents that they agreed
// on under it.
func (l *labeller) isFree(ctx context.Context, id, document string) error {
	v, err := l.store.Vocabulary(ctx, id)
	switch {
	case ledger.CodeOf(err) == ledger.CodeNotFound:
		return nil
	case err != nil:
		return err
	case isAgreed(&v.Record) && v.Record.Kind == ledger.VocabularyImported:
		found := false
		err := l.versions(ctx, id, func(at *ledger.VocabularyVersion) (bool, error) {
			found = at.Imported != nil && at.Imported.Digest == document
			return !found, nil
		})
		if err == nil && !found {
			err = ledger.Problemf(ledger.CodeConflict, "the members agreed on another document under that name: take that one in, yours under another name, or propose yours to them")
		}
		return err
	case isAgreed(&v.Record):
		return ledger.Problemf(ledger.CodeConflict, "the members agreed on a vocabulary of that name: take yours in under another, or propose the change to them")
	}
	return nil
}

// nodesOf reads a version of a vocabulary as the members adopted it.
func (l *labeller) nodesOf(ctx context.Context, v *ledger.Vocabulary, number int) (*taxonomy.Vocabulary, error) {
	var nodes []ledger.Node
	for req := (ledger.PageRequest{Size: ledger.MaxPageSize}); ; {
		page, err := l.store.VocabularyNodes(ctx, v.ID, number, req)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			nodes = append(nodes, page.Items[i].Record)
		}
		if req.Bookmark = page.Next; req.Bookmark == "" {
			return taxonomy.Agreed(v, nodes)
		}
	}
}

// adopted reads the version of a vocabulary that has that digest on the ledger. Problems:
// not_found.
func (l *labeller) adopted(ctx context.Context, id, digest string) (*taxonomy.Vocabulary, error) {
	version, err := l.store.AdoptedVersion(ctx, id, digest)
	if err != nil {
		return nil, err
	}
	if doc := version.Record.Imported; doc != nil {
		form, err := l.store.DocumentVersion(ctx, id, doc.Digest)
		if err != nil {
			return nil, err
		}
		return l.taken(ctx, id, form)
	}
	v, err := l.store.Vocabulary(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.nodesOf(ctx, &v.Record, version.Record.Number)
}

// versions calls each for the versions of a vocabulary that were adopted, the newest first,
// until it has enough.
func (l *labeller) versions(ctx context.Context, id string, each func(*ledger.VocabularyVersion) (more bool, err error)) error {
	for req := (ledger.PageRequest{Size: ledger.MaxPageSize}); ; {
		page, err := l.store.VocabularyVersions(ctx, id, req)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if more, err := each(&page.Items[i].Record); err != nil || !more {
				return err
			}
		}
		if req.Bookmark = page.Next; req.Bookmark == "" {
			return nil
		}
	}
}

// asVersion tells an agreed vocabulary as those are told that the node took in; false: it
// is of a document that is not here. Whose ids its nodes have is then the document's to say.
func (l *labeller) asVersion(ctx context.Context, v *ledger.Vocabulary, at *ledger.VocabularyVersion) (is fact.VocabularyVersion, here bool, err error) {
	is = fact.VocabularyVersion{
		ID: v.ID, Digest: at.Digest, Title: v.Title, Authority: taxonomy.AuthorityAgreed(v.ID), Nodes: at.Nodes, Imported: at.Adopted, Number: at.Number,
	}
	if at.Imported == nil {
		return is, true, nil
	}
	form, err := l.store.DocumentVersion(ctx, v.ID, at.Imported.Digest)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return is, false, nil
	}
	if err != nil {
		return is, false, err
	}
	taken, _, err := l.store.ReferenceVocabulary(ctx, v.ID, form)
	is.Authority, is.Nodes, is.Document = taken.Authority, taken.Nodes, at.Imported.Digest
	return is, err == nil, err
}

// Vocabularies lists the versions that texts are labelled by, by name; all: every version
// that was adopted or taken in, the newest of each name first. Of a vocabulary of documents
// the newest holds that is here: until there is one, what the node took in by itself.
func (l *labeller) Vocabularies(ctx context.Context, all bool) ([]fact.VocabularyVersion, error) {
	agreed, err := l.agreed(ctx)
	if err != nil {
		return nil, err
	}
	list := []fact.VocabularyVersion{}
	names := map[string]bool{}
	for i := range agreed {
		v := &agreed[i]
		if !all && v.Kind == ledger.VocabularyNodes { // which is most of them
			is, _, err := l.asVersion(ctx, v, &ledger.VocabularyVersion{Number: v.Version, Digest: v.Digest, Nodes: v.Nodes, Adopted: v.Since})
			if err != nil {
				return nil, err
			}
			names[v.ID] = true
			list = append(list, is)
			continue
		}
		err := l.versions(ctx, v.ID, func(at *ledger.VocabularyVersion) (bool, error) {
			is, here, err := l.asVersion(ctx, v, at)
			if err != nil || !here {
				return true, err
			}
			names[v.ID] = true
			list = append(list, is)
			return all, nil
		})
		if err != nil {
			return nil, err
		}
	}
	own, err := l.store.ReferenceVocabularies(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, v := range own {
		if all || !names[v.ID] {
			list = append(list, v)
		}
	}
	slices.SortStableFunc(list, func(a, b fact.VocabularyVersion) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// withEvidence gives each term the reports that a proposal of it can rest on: those that
// every member can read, as many as a proposal may name.
func (l *labeller) withEvidence(ctx context.Context, terms []taxonomy.Candidate) error {
	var digests []string
	for i := range terms {
		for _, s := range terms[i].Sentences {
			digests = append(digests, s.Report)
		}
	}
	found, err := l.store.EvidenceIn(ctx, digests)
	if err != nil {
		return err
	}
	for i := range terms {
		t := &terms[i]
		t.Evidence = []ledger.NodeEvidence{}
		for _, s := range t.Sentences {
			if e, ok := found[s.Report]; ok && len(t.Evidence) < ledger.MaxNodeEvidence {
				t.Evidence = append(t.Evidence, e)
			}
		}
	}
	return nil
}

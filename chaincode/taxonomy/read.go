package taxonomy

import (
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/state"
)

// Get returns a vocabulary as it is now.
func (c *Contract) Get(ctx *state.Context, req ledger.GetVocabulary) (*ledger.Vocabulary, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.Vocabularies.Get(ctx, ledger.VocabularyKey(req.ID))
}

// List returns a page of vocabularies.
func (c *Contract) List(ctx *state.Context, req ledger.PageRequest) (*ledger.VocabularyPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.Vocabularies.List(ctx, nil, req)
	if err != nil {
		return nil, err
	}
	return &ledger.VocabularyPage{Items: items, Next: next}, nil
}

// GetVersion returns one version of a vocabulary.
func (c *Contract) GetVersion(ctx *state.Context, req ledger.GetVocabularyVersion) (*ledger.VocabularyVersion, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	return state.VocabularyVersions.Get(ctx, ledger.VocabularyVersionKey(req.Vocabulary, req.Number))
}

// ListVersions returns a page of the versions of a vocabulary.
func (c *Contract) ListVersions(ctx *state.Context, req ledger.ListVocabularyVersions) (*ledger.VocabularyVersionPage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	items, next, err := state.VocabularyVersions.List(ctx, []string{req.Vocabulary}, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.VocabularyVersionPage{Items: items, Next: next}, nil
}

// ListNodes returns a page of the nodes of one version of a vocabulary, as they
// were in it.
func (c *Contract) ListNodes(ctx *state.Context, req ledger.ListNodes) (*ledger.NodePage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	m, err := state.VocabularyManifests.Get(ctx, ledger.VocabularyManifestKey(req.Vocabulary, req.Number))
	if err != nil {
		return nil, err
	}
	from, _ := m.Find(req.Page.Bookmark)
	to := min(len(m.Nodes), from+req.Page.Limit())
	page := &ledger.NodePage{Items: make([]ledger.Node, 0, to-from)}
	if to < len(m.Nodes) {
		page.Next = m.Nodes[to].ID
	}
	keys := make([]ledger.Key, 0, to-from)
	for _, e := range m.Nodes[from:to] {
		keys = append(keys, ledger.NodeKey(m.Vocabulary, e.ID, e.Since))
	}
	if len(keys) == 0 {
		return page, nil
	}
	nodes, err := state.VocabularyNodes.FindMany(ctx, keys...)
	if err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if n == nil {
			return nil, ledger.Problemf(ledger.CodeInternal, "the manifest names a node that is not there")
		}
		page.Items = append(page.Items, *n)
	}
	return page, nil
}

// GetChange returns a proposed change, its votes and what became of it.
func (c *Contract) GetChange(ctx *state.Context, req ledger.GetVocabularyChange) (*ledger.VocabularyChangeView, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	p, err := state.ViewProposal(ctx, req.Proposal)
	if err != nil {
		return nil, err
	}
	change, err := state.VocabularyChanges.Get(ctx, ledger.VocabularyChangeKey(p.Proposal.Subject.Vocabulary, p.Proposal.ID))
	if err != nil {
		return nil, err
	}
	return &ledger.VocabularyChangeView{Change: *change, Proposal: *p}, nil
}

// ListChanges returns a page of the changes proposed to one vocabulary, or to all.
func (c *Contract) ListChanges(ctx *state.Context, req ledger.ListVocabularyChanges) (*ledger.VocabularyChangePage, error) {
	if err := ctx.PermitMember(); err != nil {
		return nil, err
	}
	var parts []string
	if req.Vocabulary != "" {
		parts = []string{req.Vocabulary}
	}
	items, next, err := state.VocabularyChanges.List(ctx, parts, req.Page)
	if err != nil {
		return nil, err
	}
	return &ledger.VocabularyChangePage{Items: items, Next: next}, nil
}

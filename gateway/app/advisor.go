package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/vuln"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/rest"
	"github.com/secant-platform/secant/gateway/store"
)

// advisor feeds the pure package vuln with what the node knows. It keeps what
// advisories are matched with between two of them.
type advisor struct {
	store *store.Store
	bills *assessor // reads bills of materials

	mu       sync.Mutex // guards what follows
	index    *vuln.Index
	judge    *vuln.Judge
	basis    string // of judge; empty: there is none
	releases []fact.RunRelease
}

func newAdvisor(s *store.Store, bills *assessor) *advisor {
	return &advisor{store: s, bills: bills, index: vuln.NewIndex()}
}

// adviseBatch is how many advisories are in memory at once.
const adviseBatch = 8

// Advise matches the advisories that were not matched with what the node knows
// now, and reports whether there were any.
func (a *advisor) Advise(ctx context.Context) (changed bool, err error) {
	for {
		n, err := a.adviseSome(ctx)
		if err != nil || n == 0 {
			return changed, err
		}
		changed = true
	}
}

func (a *advisor) adviseSome(ctx context.Context) (n int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.look(ctx); err != nil {
		return 0, err
	}
	due, err := a.store.DueAdvisories(ctx, a.basis, adviseBatch)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		if err := a.matchOne(ctx, d); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}

// look brings the judge up to what the node knows now. The caller holds mu.
func (a *advisor) look(ctx context.Context) error {
	l, err := a.store.Landscape(ctx, a.basis)
	if err != nil || l.Basis == a.basis {
		return err
	}
	releases := make([]vuln.Release, len(l.Releases))
	for i, r := range l.Releases {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Bill != "" && !a.index.Has(r.Bill) {
			components, err := a.bills.components(ctx, r.Bill)
			if err != nil {
				return err
			}
			a.index.Add(r.Bill, components)
		}
		releases[i] = vuln.Release{
			DI: r.DI, Version: r.Version, Model: r.Model, Number: r.Number, Maker: r.ManufacturerName, MakerID: r.Manufacturer, Bill: r.Bill,
		}
	}
	decisions := make([]vuln.Decision, len(l.Decisions))
	for i, d := range l.Decisions {
		decisions[i] = vuln.Decision{Subject: d.Subject, DI: d.DI, Confirmed: d.Confirmed}
	}
	var said []vuln.Said
	for _, v := range l.VEX {
		var statements []vuln.Statement
		if err := json.Unmarshal(v.Doc, &statements); err != nil {
			return fmt.Errorf("reading statements on exploitability: %w", err)
		}
		for _, s := range statements {
			said = append(said, vuln.Said{Statement: s, By: v.Sharer, Document: v.Digest})
		}
	}
	a.judge = vuln.NewJudge(a.index, releases, decisions, said)
	a.basis, a.releases = l.Basis, l.Releases
	return nil
}

// matchOne matches an advisory and keeps what was found. The caller holds mu and
// has looked.
func (a *advisor) matchOne(ctx context.Context, d fact.DueAdvisory) error {
	advisory, err := vuln.Reread(d.Body)
	if err != nil {
		// A body that was read before and is not read any more: nothing is found, and
		// it is not tried again until something changes.
		return a.store.PutMatches(ctx, d.ID, a.basis, nil)
	}
	found := a.judge.Match(advisory)
	matches := make([]fact.ReleaseMatch, len(found))
	for i := range found {
		matches[i] = viewMatch(d.ID, &a.releases[found[i].Release], &found[i])
	}
	return a.store.PutMatches(ctx, d.ID, a.basis, matches)
}

// matchID names a match: the same after each matching.
func matchID(advisory, di, version string) string {
	sum := sha256.Sum256([]byte("secant-match-v1\x00" + advisory + "\x00" + di + "\x00" + version))
	return hex.EncodeToString(sum[:16])
}

func viewMatch(advisory string, r *fact.RunRelease, m *vuln.Match) fact.ReleaseMatch {
	v := fact.ReleaseMatch{
		ID: matchID(advisory, r.DI, r.Version), Advisory: advisory, DI: r.DI, Version: r.Version,
		State: m.State, Basis: m.Basis, Confidence: m.Confidence,
		MatchText: fact.MatchText{
			Reasons: slices.Concat([]string{}, m.Reasons), Subjects: slices.Concat([]string{}, m.Subjects),
			Vulnerabilities: []fact.Concern{}, Actions: []fact.Action{},
		},
	}
	for _, c := range m.Vulnerabilities {
		v.Vulnerabilities = append(v.Vulnerabilities, fact.Concern(c))
	}
	for _, act := range m.Actions {
		v.Actions = append(v.Actions, fact.Action{Category: act.Category, Detail: act.Detail, URL: act.URL})
	}
	return v
}

// Import reads advisories, keeps them and matches them with what the node knows.
func (a *advisor) Import(ctx context.Context, body []byte) ([]rest.ImportedAdvisory, error) {
	return a.importOf(ctx, body, nil)
}

// importOf imports what those publishers say; nil: whoever.
func (a *advisor) importOf(ctx context.Context, body []byte, publishers []string) ([]rest.ImportedAdvisory, error) {
	list, err := vuln.Parse(body)
	if err != nil {
		return nil, err
	}
	for _, advisory := range list {
		if publishers != nil && !slices.Contains(publishers, advisory.Namespace) {
			return nil, ledger.Problemf(ledger.CodeDenied, "an advisory of a publisher whose advisories this feed may not bring")
		}
	}
	all := []rest.ImportedAdvisory{}
	for _, advisory := range list {
		v := viewAdvisory(advisory)
		outcome, err := a.store.PutAdvisory(ctx, v, advisory.Body)
		if err != nil {
			return nil, err
		}
		all = append(all, rest.ImportedAdvisory{ID: v.ID, Tracking: v.Tracking, Title: v.Title, Outcome: outcome, Findings: v.Findings})
	}
	for i := range all {
		if all[i].Outcome != store.AdvisoryUnchanged {
			if err := a.rematch(ctx, all[i].ID); err != nil {
				return nil, err
			}
		}
		kept, err := a.store.Advisory(ctx, all[i].ID)
		if err != nil {
			return nil, err
		}
		all[i].Units, all[i].Open = kept.Units, kept.Open
	}
	return all, nil
}

func (a *advisor) rematch(ctx context.Context, id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.look(ctx); err != nil {
		return err
	}
	d, err := a.store.AdvisoryToMatch(ctx, id)
	if err != nil {
		return err
	}
	return a.matchOne(ctx, d)
}

// maxShown bounds the products that are kept for people to read.
const maxShown = 100

func viewAdvisory(a *vuln.Advisory) fact.Advisory {
	v := fact.Advisory{
		ID: a.ID(), Format: a.Format, Tracking: a.Tracking, Namespace: a.Namespace, Publisher: a.Publisher, Title: a.Title, Version: a.Version,
		Status: a.Status, Marking: a.Marking, Published: kept(a.Published), Updated: kept(a.Updated), Digest: ledger.BodyDigest(a.Body), Score: a.Score(),
		AdvisoryText: fact.AdvisoryText{
			Summary: a.Summary, References: slices.Concat([]string{}, a.References), Vulnerabilities: []fact.Vulnerability{}, Products: []string{}, Findings: []string{},
		},
	}
	for i := range a.Vulnerabilities {
		u := &a.Vulnerabilities[i]
		v.Vulnerabilities = append(v.Vulnerabilities, fact.Vulnerability{ID: u.ID, Title: u.Title, Score: u.Score, Vector: u.Vector, CWE: u.CWE})
	}
	for i := range a.Products {
		if i == maxShown {
			break
		}
		v.Products = append(v.Products, a.Products[i].Full)
	}
	for _, f := range a.Findings {
		if !slices.Contains(v.Findings, f.Test) {
			v.Findings = append(v.Findings, f.Test)
		}
	}
	return v
}

// kept gives a time that a document does not tell as the beginning of time, which
// is what the store can hold.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t
}

// Decide remembers what a person said of a match, and matches its advisory anew.
// With the scope product it holds for every advisory on the same product of the
// same vendor, with the scope advisory for this one only.
func (a *advisor) Decide(ctx context.Context, id string, d rest.Verdict, by, role string) (fact.ReleaseMatch, error) {
	m, err := a.store.AdvisoryMatch(ctx, id)
	if err != nil {
		return m, err
	}
	scope := d.Scope
	if scope == "" {
		if scope = rest.ScopeProduct; len(m.Subjects) == 0 {
			scope = rest.ScopeAdvisory
		}
	}
	if scope == rest.ScopeProduct && len(m.Subjects) == 0 {
		return m, &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the decision is not valid", Faults: []ledger.Fault{{
			Field: "body.scope", Detail: "must be advisory: the match rests on an identifier of a component, and no name of a product could be remembered",
		}}}
	}
	subjects := []string{vuln.AdvisorySubject(m.Advisory)}
	if scope == rest.ScopeProduct {
		subjects = m.Subjects
		if d.Verdict == rest.VerdictConfirmed {
			// Whoever confirms has seen the version, too.
			subjects = append(slices.Clone(subjects), vuln.AdvisorySubject(m.Advisory))
		}
	}
	var decisions []fact.AdvisoryDecision
	for _, s := range subjects {
		decisions = append(decisions, fact.AdvisoryDecision{
			Subject: s, DI: m.DI, Confirmed: d.Verdict == rest.VerdictConfirmed, By: by, Role: role, Note: d.Note, Advisory: m.Advisory,
		})
	}
	if err := a.store.Decide(ctx, decisions); err != nil {
		return m, err
	}
	if err := a.rematch(ctx, m.Advisory); err != nil {
		return m, err
	}
	return a.store.AdvisoryMatch(ctx, id)
}

// PutKEV takes a catalogue of exploited vulnerabilities in.
func (a *advisor) PutKEV(ctx context.Context, body []byte) (rest.Taken, error) {
	list, day, err := vuln.ParseKEV(body)
	if err != nil {
		return rest.Taken{}, err
	}
	rows := make([]store.ExploitedRow, len(list))
	for i, e := range list {
		rows[i] = store.ExploitedRow{Vulnerability: e.CVE, Exploited: fact.Exploited{Added: e.Added, Due: kept(e.Due), Ransomware: e.Ransomware, Action: e.Action}}
	}
	return rest.Taken{Count: len(rows), Day: day}, a.store.PutExploited(ctx, rows)
}

// epssBatch is how many scores one write holds.
const epssBatch = 5_000

// PutEPSS takes EPSS' daily file in, CSV or gzip of it. All of it is read before
// any of it is kept.
func (a *advisor) PutEPSS(ctx context.Context, body []byte) (rest.Taken, error) {
	var from io.Reader = bytes.NewReader(body)
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(from)
		if err != nil {
			return rest.Taken{}, ledger.Problemf(ledger.CodeInvalid, "the file is not gzip that can be read")
		}
		from = z
	}
	var rows []store.LikelihoodRow
	day, err := vuln.ParseEPSS(from, func(l vuln.Likelihood) error {
		rows = append(rows, store.LikelihoodRow{Vulnerability: l.CVE, Probability: l.Probability, Percentile: l.Percentile})
		return nil
	})
	if err != nil {
		return rest.Taken{}, err
	}
	for part := range slices.Chunk(rows, epssBatch) {
		if err := a.store.PutLikelihoods(ctx, part, false); err != nil {
			return rest.Taken{}, err
		}
	}
	return rest.Taken{Count: len(rows), Day: day}, a.store.PutLikelihoods(ctx, nil, true)
}

// takeVEX keeps the statements on exploitability that a shared report carries, and
// reports whether it carries any: such a report is no warning.
func (a *assessor) takeVEX(ctx context.Context, digest string, body []byte) (title string, is bool, err error) {
	documents, err := vuln.Carried(body)
	if errors.Is(err, vuln.ErrNoVEX) {
		return "", false, nil
	}
	if err != nil {
		return "", true, err
	}
	statements := []vuln.Statement{}
	for _, d := range documents {
		statements = append(statements, d.Statements...)
	}
	doc, err := json.Marshal(statements)
	if err != nil {
		return "", true, fmt.Errorf("encoding statements on exploitability: %w", err)
	}
	return "VEX: " + documents[0].Title, true, a.store.PutVEX(ctx, digest, doc)
}

// Carry makes the report with which the organisation shares a VEX document.
func (a *advisor) Carry(document []byte, sharer, name string) ([]byte, error) {
	return vuln.Carry(document, sharer, name)
}

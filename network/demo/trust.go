package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// issuerLabel names the issuer that every organisation's node runs.
const issuerLabel = "credentials"

// credentialType is what the nodes' catalogue says of a credential type.
type credentialType struct {
	Name         string   `json:"name"`
	Version      string   `json:"version"`
	SchemaDigest string   `json:"schemaDigest"`
	Issuers      []string `json:"issuers"` // kinds of organisation
}

// proposal is what a node says of a question to the members.
type proposal struct {
	ID        string                 `json:"id"`
	Subject   ledger.ProposalSubject `json:"subject"`
	State     string                 `json:"state"`
	Overtaken bool                   `json:"overtaken"`
	Approvals []string               `json:"approvals"`
	Needed    int                    `json:"needed"`
	Votes     []ledger.Vote          `json:"votes"`
}

func (p *proposal) path() string { return "/v1/proposals/" + p.ID }

// acceptance is one issuer that the members are to accept for one type.
type acceptance struct {
	org, issuer string
	kind        credentialType
	proposal    *proposal // nil while there is none that can still be enacted
	before      int       // proposals of the same that came to nothing
}

// trust has the members accept each organisation's own issuer for the credential
// types that the catalogue lets its kind issue. What was decided before, either
// way, stays. Each round runs side by side for all issuers and types.
func (s *seeding) trust(ctx context.Context) error {
	begin := time.Now()
	list, err := page[credentialType](ctx, s.as(north, operator), "/v1/credential-types", nil)
	if err != nil {
		return err
	}
	var roster ledger.Roster
	if err := s.as(north, operator).get(ctx, "/v1/roster", &roster); err != nil {
		return err
	}
	voters := s.voters(&roster)
	wanted, err := s.undecided(ctx, &roster, list)
	if err != nil || len(wanted) == 0 || len(voters) < roster.Needed() {
		return err
	}
	if err := s.awaitIssuers(ctx, wanted, issuerTime); err != nil {
		return err
	}
	if err := atOnce(ctx, len(list), func(ctx context.Context, i int) error { return s.count(s.ensureSchema(ctx, list[i])) }); err != nil {
		return err
	}
	var accepted atomic.Int64
	for _, round := range []func(context.Context, int) error{
		func(ctx context.Context, i int) error { return s.count(s.propose(ctx, wanted[i])) },
		func(ctx context.Context, i int) error { return s.approve(ctx, wanted[i], turned(voters, i)) },
		func(ctx context.Context, i int) error {
			made, err := s.enact(ctx, wanted[i])
			if made {
				accepted.Add(1)
			}
			return s.count(made, err)
		},
	} {
		if err := atOnce(ctx, len(wanted), round); err != nil {
			return err
		}
	}
	if n := accepted.Load(); n > 0 {
		s.say.line(fmt.Sprintf("the members accepted their credential issuers: %d proposals, each carried by %d of %d (%s)",
			n, roster.Needed(), len(roster.Organisations), since(begin)))
	}
	return nil
}

// page reads a whole list, page by page.
func page[T any](ctx context.Context, c *caller, path string, q url.Values) ([]T, error) {
	q = maps.Clone(q)
	if q == nil {
		q = url.Values{}
	}
	var all []T
	for {
		var p struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		at := path
		if len(q) > 0 {
			at += "?" + q.Encode()
		}
		if err := c.get(ctx, at, &p); err != nil {
			return nil, err
		}
		all = append(all, p.Items...)
		if p.Next == "" {
			return all, nil
		}
		q.Set("cursor", p.Next)
	}
}

// turned returns the list beginning at its i-th entry, so that the work is spread.
func turned(list []string, i int) []string {
	i %= len(list)
	return slices.Concat(list[i:], list[:i])
}

// voters are the members with a node here, by id.
func (s *seeding) voters(roster *ledger.Roster) []string {
	return slices.DeleteFunc(slices.Clone(roster.Organisations), func(org string) bool {
		_, here := s.net.Organisation(org)
		return !here
	})
}

// undecided lists the issuers and types for which the trust registry has no row,
// each with the newest proposal that can still be enacted.
func (s *seeding) undecided(ctx context.Context, roster *ledger.Roster, types []credentialType) ([]*acceptance, error) {
	c := s.as(north, operator)
	rows, err := page[ledger.TrustRow](ctx, c, "/v1/trust", nil)
	if err != nil {
		return nil, err
	}
	var wanted []*acceptance
	for _, o := range s.net.Organisations {
		if !roster.Has(o.ID) {
			continue
		}
		issuer := ledger.IssuerDID(roster.Network, o.ID, issuerLabel)
		for _, t := range types {
			decided := slices.ContainsFunc(rows, func(r ledger.TrustRow) bool { return r.Issuer == issuer && r.CredentialType == t.Name })
			if !decided && slices.Contains(t.Issuers, o.Kind) {
				wanted = append(wanted, &acceptance{org: o.ID, issuer: issuer, kind: t})
			}
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	if roster.Network == "" {
		return nil, fmt.Errorf("the members have not agreed on the network's name yet: %d of %d are registered", len(roster.Organisations), len(s.net.Organisations))
	}
	asked, err := page[proposal](ctx, c, "/v1/proposals", url.Values{"kind": {ledger.ProposeAcceptIssuer}})
	if err != nil {
		return nil, err
	}
	for _, a := range wanted {
		for _, p := range asked {
			switch {
			case p.Subject != a.subject():
			case p.Overtaken || p.State == "enacted" || p.State == "expired":
				a.before++
			case a.proposal == nil:
				a.proposal = &p
			}
		}
	}
	return wanted, nil
}

func (a *acceptance) subject() ledger.ProposalSubject {
	return ledger.ProposalSubject{Issuer: a.issuer, CredentialType: a.kind.Name, Schema: a.kind.Version}
}

// issuerTime is how long the nodes may take to put their issuers' DIDs on the
// ledger, which they do when they start.
const issuerTime = time.Minute

// errNoIssuer ends a wait for issuers that took as long as it may.
var errNoIssuer = errors.New("no issuer")

// awaitIssuers waits until every issuer has its DID, and not longer than limit.
func (s *seeding) awaitIssuers(ctx context.Context, wanted []*acceptance, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNoIssuer)
	defer cancel()
	var missing string
	err := await(ctx, "the DIDs of the credential issuers", func(ctx context.Context) (bool, error) {
		dids, err := page[ledger.DID](ctx, s.as(north, operator), "/v1/dids", url.Values{"kind": {ledger.DIDIssuer}})
		i := slices.IndexFunc(wanted, func(a *acceptance) bool {
			return !slices.ContainsFunc(dids, func(d ledger.DID) bool { return d.ID == a.issuer })
		})
		if i >= 0 && err == nil {
			missing = wanted[i].org
		}
		return i < 0, err
	})
	if context.Cause(ctx) == errNoIssuer { //nolint:errorlint // the cause is this very value
		return fmt.Errorf("the node of %s has put no DID of its credential issuer on the ledger for %v: see its log, and run this again", missing, limit)
	}
	return err
}

// ensureSchema has the first hospital publish a type's schema unless it is.
func (s *seeding) ensureSchema(ctx context.Context, t credentialType) (bool, error) {
	c := s.as(north, operator)
	find := func() (*ledger.Schema, error) {
		list, err := page[ledger.Schema](ctx, c, "/v1/schemas", url.Values{"type": {t.Name}})
		i := slices.IndexFunc(list, func(s ledger.Schema) bool { return s.Version == t.Version })
		if i < 0 {
			return nil, err
		}
		if list[i].Digest != t.SchemaDigest {
			return nil, fmt.Errorf("the schema %s of %s stands on the ledger with another document", t.Version, t.Name)
		}
		return &list[i], nil
	}
	if there, err := find(); there != nil || err != nil {
		return false, err
	}
	path := "/v1/credential-types/" + url.PathEscape(t.Name) + "/schema"
	document, err := c.do(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return false, err
	}
	_, err = c.send(ctx, request{
		method: http.MethodPut, path: "/v1/schemas/" + url.PathEscape(t.Name) + "/" + url.PathEscape(t.Version),
		mediaType: "application/schema+json", body: document.body,
	})
	if refused(err, ledger.CodeAlreadyExists) {
		_, err = find()
		return false, err
	}
	return err == nil, err
}

// keyTime is for how long a proposal is sent under one key.
const keyTime = 10 * time.Minute

// propose has the issuer's organisation ask the members, unless they were asked.
func (s *seeding) propose(ctx context.Context, a *acceptance) (bool, error) {
	if a.proposal != nil {
		return false, nil
	}
	c := s.as(a.org, operator)
	err := await(ctx, a.org+" to learn of the schema of "+a.kind.Name, func(ctx context.Context) (bool, error) {
		return c.has(ctx, "/v1/schemas/"+url.PathEscape(a.kind.Name)+"/"+url.PathEscape(a.kind.Version), nil)
	})
	if err != nil {
		return false, err
	}
	body, err := json.Marshal(ledger.Propose{Kind: ledger.ProposeAcceptIssuer, Subject: a.subject(), Reason: "The organisation's own issuer, for a type that its kind issues."})
	if err != nil {
		return false, fmt.Errorf("encoding a proposal: %w", err)
	}
	// A run that was cut off may have sent the same: under one key it is one. What
	// failed is kept under its key as well, and is tried again under the next.
	key := fmt.Sprint("seed ", a.issuer, " ", a.kind.Name, " ", a.kind.Version, " ", a.before, " ", time.Now().Truncate(keyTime).Unix())
	answer, err := c.send(ctx, request{
		method: http.MethodPost, path: "/v1/proposals", mediaType: "application/json", body: body,
		header: map[string]string{"Idempotency-Key": ledger.Digest("seed", []byte(key))},
	})
	if refused(err, ledger.CodeAlreadyExists, ledger.CodeGone) { // it is accepted by now, or its DID has ended
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a.proposal = &proposal{}
	if err := decode(answer.body, "/v1/proposals", a.proposal); err != nil {
		return false, err
	}
	if answer.status == http.StatusAccepted { // answered before it was done: its place names it
		var op struct {
			Result proposal `json:"result"`
		}
		if err := c.get(ctx, answer.header.Get("Location"), &op); err != nil {
			return false, err
		}
		*a.proposal = op.Result
	}
	return true, nil
}

// approve has as many members approve a proposal as are missing. One that voted
// against it is not asked again.
func (s *seeding) approve(ctx context.Context, a *acceptance, voters []string) error {
	if a.proposal == nil {
		return nil
	}
	if err := s.as(a.org, operator).get(ctx, a.proposal.path(), a.proposal); err != nil {
		return err
	}
	silent := slices.DeleteFunc(voters, func(org string) bool {
		return slices.ContainsFunc(a.proposal.Votes, func(v ledger.Vote) bool { return v.Organisation == org })
	})
	missing := max(0, a.proposal.Needed-len(a.proposal.Approvals))
	if missing > len(silent) {
		a.proposal = nil // the members want it otherwise
		return nil
	}
	return atOnce(ctx, missing, func(ctx context.Context, i int) error {
		c := s.as(silent[i], operator)
		err := await(ctx, silent[i]+" to learn of the proposal "+short(a.proposal.ID), func(ctx context.Context) (bool, error) {
			return c.has(ctx, a.proposal.path(), nil)
		})
		if err != nil {
			return err
		}
		err = c.command(ctx, a.proposal.path()+"/votes", map[string]bool{"approve": true})
		if refused(err, ledger.CodeAlreadyExists) {
			return nil
		}
		return s.count(err == nil, err)
	})
}

// enact has the issuer's organisation carry out what the members approved.
func (s *seeding) enact(ctx context.Context, a *acceptance) (bool, error) {
	if a.proposal == nil {
		return false, nil
	}
	c := s.as(a.org, operator)
	err := await(ctx, a.org+" to learn of the votes on "+short(a.proposal.ID), func(ctx context.Context) (bool, error) {
		err := c.get(ctx, a.proposal.path(), a.proposal)
		return a.proposal.State != "open", err
	})
	if err != nil {
		return false, err
	}
	_, err = c.send(ctx, request{method: http.MethodPost, path: a.proposal.path() + "/enactment"})
	if refused(err, ledger.CodeAlreadyExists, ledger.CodeGone) { // by another run, or decided otherwise meanwhile
		return false, nil
	}
	return err == nil, err
}

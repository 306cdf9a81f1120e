package client

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Source says whose word an answer is.
type Source struct {
	Own           bool     // a peer of the own organisation
	Organisations []string // MSP ids of those whose peers gave this answer, sorted
}

// Consult is [Client.Evaluate], except that when no peer of the own organisation
// can be reached, those of the other organisations are asked. One of them alone
// is not believed: the answer, or the refusal, is what a majority of all
// organisations say in the same bytes, to one and the same proposal. The
// others learn what was asked. What feeds a read model never comes this way.
//
// Besides the contract's problems there is unavailable, when too few answered,
// and busy, when they do not agree yet.
func (c *Client) Consult(ctx context.Context, name string, req, out any) (Source, error) {
	err := c.Evaluate(ctx, name, req, out)
	if err == nil {
		return Source{Own: true, Organisations: []string{c.cfg.Organisation}}, nil
	}
	if ledger.CodeOf(err) != ledger.CodeUnavailable || ctx.Err() != nil || len(c.others) == 0 {
		return Source{}, err
	}
	c.opts.log.InfoContext(ctx, "other organisations were asked", slog.String("name", name), slog.Any("error", err))
	answer, err := c.poll(ctx, name, req)
	if err != nil {
		return Source{}, fmt.Errorf("asking other organisations for %s: %w", name, err)
	}
	source := Source{Organisations: answer.organisations}
	if answer.problem != nil {
		return source, fmt.Errorf("evaluating %s: %w", name, answer.problem)
	}
	if out == nil || len(answer.payload) == 0 {
		return source, nil
	}
	if err := json.Unmarshal(answer.payload, out); err != nil {
		return source, fmt.Errorf("decoding the answer of %s: %w", name, err)
	}
	return source, nil
}

// answer is what some organisations say to a proposal.
type answer struct {
	payload       []byte
	problem       *ledger.Problem // the contract's refusal, instead of a payload
	organisations []string
}

// poll asks each of the other organisations for itself, and returns the answer
// of a majority.
func (c *Client) poll(ctx context.Context, name string, req any) (*answer, error) {
	proposed, err := c.proposed(name, req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var asked sync.WaitGroup
	defer asked.Wait()
	defer cancel() // those that are not needed any more
	type reply struct {
		organisation string
		payload      []byte
		err          error
	}
	replies := make(chan reply, len(c.others))
	for organisation, a := range c.others {
		asked.Go(func() {
			payload, err := evaluateAt(ctx, a, organisation, proposed)
			replies <- reply{organisation, payload, err} // has a place for each
		})
	}
	var answers []*answer
	for range c.others {
		r := <-replies
		got := &answer{payload: r.payload}
		if r.err != nil {
			p := problemOf(r.err)
			if p == nil || p.Code == ledger.CodeUnavailable || p.Code == ledger.CodeBusy {
				c.opts.log.DebugContext(ctx, "an organisation did not answer", slog.String("organisation", r.organisation), slog.Any("error", r.err))
				continue
			}
			got.problem = p
		}
		if got = tally(&answers, got, r.organisation); len(got.organisations) >= c.majority {
			slices.Sort(got.organisations)
			return got, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("waiting for their answers: %w", err)
	}
	if len(answers) > 1 {
		return nil, ledger.Problemf(ledger.CodeBusy, "the peers of other organisations do not have the same blocks yet")
	}
	return nil, ledger.Problemf(ledger.CodeUnavailable, "the organisation's own peers do not answer, and those of fewer than %d others do", c.majority)
}

// tally counts an answer with the one that says the same.
func tally(answers *[]*answer, got *answer, organisation string) *answer {
	for _, a := range *answers {
		if string(a.payload) == string(got.payload) && same(a.problem, got.problem) {
			a.organisations = append(a.organisations, organisation)
			return a
		}
	}
	got.organisations = []string{organisation}
	*answers = append(*answers, got)
	return got
}

func same(a, b *ledger.Problem) bool {
	return a == b || a != nil && b != nil && a.Error() == b.Error()
}

// proposed encodes one proposal, for all: answers that depend on its time or id
// could not be compared otherwise.
func (c *Client) proposed(name string, req any) (*gateway.ProposedTransaction, error) {
	proposal, err := propose(c.reader.network.GetContract(c.cfg.Chaincode), name, req)
	if err != nil {
		return nil, err
	}
	encoded, err := proposal.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding the proposal: %w", err)
	}
	var out gateway.ProposedTransaction
	if err := proto.Unmarshal(encoded, &out); err != nil {
		return nil, fmt.Errorf("encoding the proposal: %w", err)
	}
	return &out, nil
}

// evaluateAt evaluates a proposal at a peer of one organisation, and at no other's.
func evaluateAt(ctx context.Context, a *actor, organisation string, proposed *gateway.ProposedTransaction) ([]byte, error) {
	encoded, err := proto.Marshal(&gateway.ProposedTransaction{
		TransactionId: proposed.GetTransactionId(), Proposal: proposed.GetProposal(),
		EndorsingOrganizations: []string{organisation},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the proposal: %w", err)
	}
	proposal, err := a.gateway.NewProposal(encoded)
	if err != nil {
		return nil, fmt.Errorf("making the proposal: %w", err)
	}
	return proposal.EvaluateWithContext(ctx) //nolint:wrapcheck // the caller reads its type
}

package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// UnknownOutcome is the error of a submit after which a transaction may or may
// not become valid: sending it or waiting for its block failed. Look it up by
// its id, or send the same bytes again; do not make a new transaction before
// its outcome is known, unless its keys make that harmless.
type UnknownOutcome struct { //nolint:errname // it names what is known, not a fault
	Tx    string // transaction id, hex
	Cause error
}

// Error says which transaction it is.
func (u *UnknownOutcome) Error() string {
	return fmt.Sprintf("the outcome of transaction %s is unknown: %v", u.Tx, u.Cause)
}

// Unwrap gives the Problem (unavailable) before the cause.
func (u *UnknownOutcome) Unwrap() []error {
	return []error{ledger.Problemf(ledger.CodeUnavailable, "the ledger did not confirm in time; the outcome is not known yet"), u.Cause}
}

// Rejected is the error of a transaction that stands in a block as invalid:
// what it would have written does not hold and never will.
type Rejected struct { //nolint:errname // it names what is known, not a fault
	Tx    string // transaction id, hex
	Block uint64 // number of its block
	Code  string // Fabric's validation code, as in "MVCC_READ_CONFLICT"
}

// Error says which transaction it is and why.
func (r *Rejected) Error() string {
	return fmt.Sprintf("transaction %s is invalid in block %d (%s): %v", r.Tx, r.Block, r.Code, r.problem())
}

// Unwrap gives the Problem.
func (r *Rejected) Unwrap() error { return r.problem() }

func (r *Rejected) problem() *ledger.Problem {
	switch code := peer.TxValidationCode(peer.TxValidationCode_value[r.Code]); code {
	case peer.TxValidationCode_MVCC_READ_CONFLICT, peer.TxValidationCode_PHANTOM_READ_CONFLICT:
		return ledger.Problemf(ledger.CodeConflict, "another transaction changed the same records first")
	case peer.TxValidationCode_EXPIRED_CHAINCODE, peer.TxValidationCode_CHAINCODE_VERSION_CONFLICT,
		peer.TxValidationCode_INVALID_CHAINCODE:
		return ledger.Problemf(ledger.CodeConflict, "the chaincode was upgraded meanwhile")
	case peer.TxValidationCode_DUPLICATE_TXID, peer.TxValidationCode_BAD_PROPOSAL_TXID:
		// Whoever saw the id first can spoil it with an envelope of their own;
		// a new transaction has another id.
		return ledger.Problemf(ledger.CodeConflict, "the transaction's id was taken by another")
	case peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE:
		return ledger.Problemf(ledger.CodeDenied, "the endorsements did not satisfy the consortium's policy")
	default:
		return ledger.Problemf(ledger.CodeInternal, "the peers refused the transaction in its block")
	}
}

// refused is a Problem for those who act on it, with Fabric's own words for the
// log.
type refused struct {
	problem *ledger.Problem
	cause   error
}

func (r *refused) Error() string   { return fmt.Sprintf("%v (%v)", r.problem, r.cause) }
func (r *refused) Unwrap() []error { return []error{r.problem, r.cause} }

// The texts by which Fabric v3.1.1 tells apart what its types do not.
const (
	textMismatch     = "ProposalResponsePayloads do not match" // endorsers answered differently
	textTooFew       = "failed to collect enough"              // at least one endorser agreed before others did not
	textNoTx         = "no such transaction ID"                // from the ledger's index, by way of the system chaincode
	textDuplicate    = "duplicate transaction found"           // proposing with an id that stands in a block
	textAccess       = "access denied"                         // identity or policy check before the chaincode ran
	textFromContract = "chaincode response "                   // the chaincode itself answered with an error
	textLimit        = "exceeding concurrency limit"           // a peer's own bound on calls; its status is Unknown
	textProcessed    = "request already processed"             // an orderer that is slower than the quorum
	textExists       = "request already exists"                // an orderer that has the transaction in its pool
)

// refusal turns what a gateway answered before anything was sent to the
// orderers (endorsing, evaluating, looking up) into a Problem, when it is one.
// Anything else stays an internal error with its text, for the log.
func refusal(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	if p := problemOf(err); p != nil {
		return &refused{problem: p, cause: err}
	}
	return err
}

func problemOf(err error) *ledger.Problem {
	st := status.Convert(err)
	texts := explanations(st)
	if p := fromContract(st.Message(), texts); p != nil {
		return p
	}
	switch {
	case contains(texts, textMismatch):
		return ledger.Problemf(ledger.CodeBusy, "the endorsing peers do not have the same blocks yet")
	case contains(texts, textLimit), st.Code() == codes.ResourceExhausted:
		return ledger.Problemf(ledger.CodeBusy, "the peers are at their limit")
	case contains(texts, textAccess), st.Code() == codes.PermissionDenied, st.Code() == codes.Unauthenticated:
		return ledger.Problemf(ledger.CodeDenied, "the peers refused this node's identity")
	case contains(texts, textDuplicate):
		return ledger.Problemf(ledger.CodeAlreadyExists, "the transaction stands in a block already")
	case contains(texts, textFromContract):
		return nil // an error of the chaincode that is no Problem is a fault of ours
	}
	switch st.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.FailedPrecondition:
		return ledger.Problemf(ledger.CodeUnavailable, "not enough peers answered")
	case codes.Aborted:
		return ledger.Problemf(ledger.CodeUnavailable, "the endorsing peers could not run the chaincode")
	default:
		return nil
	}
}

// explanations are the texts in which peers gave their reasons: the details of
// the status when there are any, otherwise its message.
func explanations(st *status.Status) []string {
	var texts []string
	for _, d := range st.Details() {
		if detail, ok := d.(*gateway.ErrorDetail); ok {
			texts = append(texts, detail.GetMessage())
		}
	}
	if len(texts) == 0 {
		texts = append(texts, st.Message())
	}
	return texts
}

// fromContract finds the Problem that contracts answered with. When some
// endorsers agreed and others refused, or they refused for different reasons,
// some of them lack blocks: contracts are deterministic.
func fromContract(message string, texts []string) *ledger.Problem {
	var found *ledger.Problem
	for _, text := range texts {
		p, ok := ledger.ParseProblem(text)
		switch {
		case !ok:
			continue
		case found == nil:
			found = p
		case found.Code != p.Code:
			return ledger.Problemf(ledger.CodeBusy, "the endorsing peers do not agree yet: %s", found.Detail)
		}
	}
	if found != nil && strings.Contains(message, textTooFew) {
		return ledger.Problemf(ledger.CodeBusy, "the endorsing peers do not agree yet: %s", found.Detail)
	}
	return found
}

func contains(texts []string, part string) bool {
	for _, t := range texts {
		if strings.Contains(t, part) {
			return true
		}
	}
	return false
}

// noSuchTransaction reports whether a peer answered that it has no transaction
// of that id.
func noSuchTransaction(err error) bool {
	return contains(explanations(status.Convert(err)), textNoTx)
}

// overloaded reports whether a peer turned a call away because it has too many.
func overloaded(err error) bool {
	st := status.Convert(err)
	return st.Code() == codes.ResourceExhausted || strings.Contains(st.Message(), textLimit)
}

// ordered reports whether a failure to send says that orderers have seen the
// transaction already. A gateway sends it to all of them, and under load those
// that lag get it after the others have put it into a block, so that too few
// seem to take it. It proves nothing, but waiting is better than sending again.
func ordered(err error) bool {
	texts := explanations(status.Convert(err))
	return contains(texts, textProcessed) || contains(texts, textExists)
}

// retryable reports whether the same request may succeed soon. A conflict in a
// block does when it is prepared anew; one that contracts report does not: the
// request names something, such as a revision, that has moved on.
func retryable(err error) bool {
	switch p, _ := errors.AsType[*ledger.Problem](err); {
	case p == nil:
		return false
	case p.Code == ledger.CodeConflict:
		_, rejected := errors.AsType[*Rejected](err)
		return rejected
	default:
		return p.Code == ledger.CodeBusy || p.Code == ledger.CodeUnavailable
	}
}

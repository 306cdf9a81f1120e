package client

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// rpc is an error as a gateway peer sends it, with one detail for each text.
func rpc(code codes.Code, message string, details ...string) error {
	st := status.New(code, message)
	for _, d := range details {
		with, err := st.WithDetails(protoadapt.MessageV1Of(&gateway.ErrorDetail{Address: "127.0.0.1:7051", MspId: "medtech", Message: d}))
		if err != nil {
			panic(err)
		}
		st = with
	}
	return st.Err()
}

const (
	sayFirst = "failed to endorse transaction, see attached details for more info"                     // the gateway's own organisation refused
	sayOther = "failed to collect enough transaction endorsements, see attached details for more info" // others did
	sayEval  = "evaluate call to endorser returned error: "
)

// The texts are Fabric v3.1.1's, as a live network gave them.
func TestRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code ledger.Code
		text string // part of the detail
	}{
		"a contract refuses": {
			rpc(codes.Aborted, sayFirst, "chaincode response 500, [denied] this needs the role sharer", "chaincode response 500, [denied] this needs the role sharer"),
			ledger.CodeDenied, "this needs the role sharer",
		},
		"a request that the framework refuses": {
			rpc(codes.Aborted, sayFirst, "chaincode response 500, error managing parameter param0. [invalid] the request is not a JSON object of the form that this transaction takes"),
			ledger.CodeInvalid, "not a JSON object",
		},
		"faults of a request": {
			rpc(codes.Aborted, sayFirst, "chaincode response 500, [invalid] the report is not valid; digest: must be 64 lower-case hexadecimal digits"),
			ledger.CodeInvalid, "the report is not valid",
		},
		"a read refuses, details": {
			rpc(codes.Unknown, sayEval+"chaincode response 500, [not_found] the report does not exist", "chaincode response 500, [not_found] the report does not exist"),
			ledger.CodeNotFound, "the report does not exist",
		},
		"a read refuses, no details": {
			rpc(codes.Unknown, sayEval+"chaincode response 500, [not_found] the report does not exist"), ledger.CodeNotFound, "the report does not exist",
		},
		"an endorser lags behind the others": {
			rpc(codes.Aborted, sayOther, "chaincode response 500, [not_found] the model does not exist"), ledger.CodeBusy, "the model does not exist",
		},
		"endorsers refuse for different reasons": {
			rpc(codes.Aborted, sayFirst, "chaincode response 500, [not_found] the model does not exist", "chaincode response 500, [already_exists] the unit exists"),
			ledger.CodeBusy, "do not agree yet",
		},
		"one refuses, one is down": {
			rpc(codes.Aborted, sayFirst, "chaincode response 500, [denied] not yours",
				`rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:23430: connect: connection refused"`),
			ledger.CodeDenied, "not yours",
		},
		"endorsers answer differently": {
			rpc(codes.Aborted, sayOther, "ProposalResponsePayloads do not match", "ProposalResponsePayloads do not match"), ledger.CodeBusy, "same blocks",
		},
		"the framework's own error": {
			rpc(codes.Aborted, sayFirst, "chaincode response 500, Contract not found with name nope"), ledger.CodeInternal, "",
		},
		"no majority is up": {
			rpc(codes.FailedPrecondition, "no combination of peers can be derived which satisfy the endorsement policy: required chaincodes are not installed on sufficient peers"),
			ledger.CodeUnavailable, "not enough peers",
		},
		"the chaincode is not there yet": {
			rpc(codes.FailedPrecondition, "no peers available to evaluate chaincode secant in channel secant"), ledger.CodeUnavailable, "not enough peers",
		},
		"the peer is not on the channel yet": {
			rpc(codes.Unavailable, "failed to get config for channel [secant]: could not get last config for channel secant"), ledger.CodeUnavailable, "not enough peers",
		},
		"nobody listens": {
			rpc(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:23430: connect: connection refused"`),
			ledger.CodeUnavailable, "not enough peers",
		},
		"a peer hangs": {rpc(codes.DeadlineExceeded, "endorsement timeout expired while collecting endorsements"), ledger.CodeUnavailable, "not enough peers"},
		"the chaincode dies": {
			rpc(codes.Aborted, sayFirst, "error in simulation: failed to execute transaction 29e7: error sending: chaincode stream terminated"),
			ledger.CodeUnavailable, "could not run",
		},
		"the chaincode hangs": {
			rpc(codes.Aborted, sayFirst, "error in simulation: failed to execute transaction 29e7: error sending: timeout expired while executing transaction"),
			ledger.CodeUnavailable, "could not run",
		},
		"the gateway is at its limit": {
			rpc(codes.Unknown, "too many requests for /gateway.Gateway, exceeding concurrency limit (500)"), ledger.CodeBusy, "limit",
		},
		"an endorser is at its limit": {
			rpc(codes.Aborted, sayOther, "rpc error: code = Unknown desc = too many requests for /protos.Endorser, exceeding concurrency limit (2500)"), ledger.CodeBusy, "limit",
		},
		"an unknown identity": {
			rpc(codes.FailedPrecondition, sayEval+"error validating proposal: access denied: channel [secant] creator org unknown, creator is malformed"),
			ledger.CodeDenied, "identity",
		},
		"an identity without rights": {rpc(codes.PermissionDenied, "implicit policy evaluation failed - 0 sub-policies were satisfied"), ledger.CodeDenied, "identity"},
		"the id of a transaction that is in": {
			rpc(codes.Aborted, sayFirst, "duplicate transaction found [29e7]. Creator [0a0e]"), ledger.CodeAlreadyExists, "",
		},
		"anything else":        {rpc(codes.Unknown, "unexpected"), ledger.CodeInternal, ""},
		"not of a peer at all": {errors.New("encoding failed"), ledger.CodeInternal, ""},
		"a code that we do not know": {
			rpc(codes.Aborted, sayFirst, "chaincode response 500, [odd] something"), ledger.CodeInternal, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := refusal(t.Context(), tt.err)
			if got := ledger.CodeOf(err); got != tt.code {
				t.Fatalf("code %s of %v", got, err)
			}
			if p, ok := errors.AsType[*ledger.Problem](err); ok && !strings.Contains(p.Error(), tt.text) {
				t.Errorf("problem %v", p)
			}
			if !errors.Is(err, tt.err) {
				t.Error("Fabric's own words are lost")
			}
		})
	}
	if refusal(t.Context(), nil) != nil {
		t.Error("a problem with success")
	}
}

func TestRefusalKeepsFaults(t *testing.T) {
	err := refusal(t.Context(), rpc(codes.Aborted, sayFirst,
		"chaincode response 500, [invalid] the report is not valid; digest: must be 64 lower-case hexadecimal digits; size: must be 1 to 8388608 bytes"))
	p, _ := errors.AsType[*ledger.Problem](err)
	want := []ledger.Fault{{Field: "digest", Detail: "must be 64 lower-case hexadecimal digits"}, {Field: "size", Detail: "must be 1 to 8388608 bytes"}}
	if p == nil || !slices.Equal(p.Faults, want) {
		t.Errorf("got %+v", p)
	}
}

func TestACallersEndIsNoProblemOfTheLedger(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := refusal(ctx, rpc(codes.Canceled, "context canceled"))
	if _, ok := errors.AsType[*ledger.Problem](err); ok || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestEveryValidationCodeHasAProblem(t *testing.T) {
	for number, name := range peer.TxValidationCode_name {
		r := &Rejected{Tx: "a1", Block: 7, Code: name}
		want := ledger.CodeInternal
		switch peer.TxValidationCode(number) {
		case peer.TxValidationCode_MVCC_READ_CONFLICT, peer.TxValidationCode_PHANTOM_READ_CONFLICT,
			peer.TxValidationCode_EXPIRED_CHAINCODE, peer.TxValidationCode_CHAINCODE_VERSION_CONFLICT, peer.TxValidationCode_INVALID_CHAINCODE,
			peer.TxValidationCode_DUPLICATE_TXID, peer.TxValidationCode_BAD_PROPOSAL_TXID:
			want = ledger.CodeConflict
		case peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE:
			want = ledger.CodeDenied
		}
		if got := ledger.CodeOf(r); got != want {
			t.Errorf("%s is %s", name, got)
		}
		if text := r.Error(); !strings.Contains(text, name) || !strings.Contains(text, "a1") {
			t.Errorf("%q lacks the code or the transaction", text)
		}
	}
	if ledger.CodeOf(&Rejected{Code: "OF_A_LATER_FABRIC"}) == "" {
		t.Error("an unknown code has no problem")
	}
}

func TestUnknownOutcomeIsUnavailableAndKeepsItsCause(t *testing.T) {
	cause := rpc(codes.Unavailable, "insufficient number of orderers could successfully process transaction to satisfy quorum requirement",
		"received unsuccessful response from orderer: status=SERVICE_UNAVAILABLE, info=failed to submit request: request already processed")
	err := error(&UnknownOutcome{Tx: "a1", Cause: cause})
	if ledger.CodeOf(err) != ledger.CodeUnavailable || !errors.Is(err, cause) || !strings.Contains(err.Error(), "a1") {
		t.Error(err)
	}
	if !ordered(cause) {
		t.Error("lagging orderers are not recognised")
	}
	if ordered(rpc(codes.Unavailable, "insufficient number of orderers could successfully process transaction to satisfy quorum requirement",
		"rpc error: code = Unavailable desc = connection refused")) {
		t.Error("dead orderers are taken for lagging ones")
	}
}

func TestNoSuchTransaction(t *testing.T) {
	for text, want := range map[string]bool{
		"chaincode response 500, Failed to get transaction with id 29e7, error no such transaction ID [29e7] in index": true,
		"chaincode response 500, Failed to get transaction with id 29e7, error disk full":                              false,
	} {
		if got := noSuchTransaction(rpc(codes.Unknown, sayEval+text, text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func FuzzRefusal(f *testing.F) {
	f.Add(sayFirst, "chaincode response 500, [denied] no", "ProposalResponsePayloads do not match")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, message, first, second string) {
		err := refusal(t.Context(), rpc(codes.Aborted, strings.ToValidUTF8(message, "?"), strings.ToValidUTF8(first, "?"), strings.ToValidUTF8(second, "?")))
		if err == nil || ledger.CodeOf(err) == "" {
			t.Errorf("an error became %v", err)
		}
	})
}

package client

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// consortium is five organisations of which hospital-north, whose client it is,
// has no peer that runs; the others answer as the functions say, in the order of
// others, the last function for those that are left.
func consortium(t *testing.T, answers ...func(*gateway.EvaluateRequest) ([]byte, error)) (*Client, []*fakePeer) {
	t.Helper()
	peers := []*fakePeer{nobody(t, "hospital-north"), nobody(t, "hospital-north")}
	for i, org := range []string{"authority", "hospital-east", "hospital-south", "medtech"} {
		p := newPeer(t, org)
		p.script(func() { p.evaluate = answers[min(i, len(answers)-1)] })
		peers = append(peers, p)
	}
	return clientOf(t, member(t, peers...), WithEvaluateTimeout(2*time.Second)), peers[2:]
}

func refuses(code codes.Code, text string) func(*gateway.EvaluateRequest) ([]byte, error) {
	return func(*gateway.EvaluateRequest) ([]byte, error) { return nil, rpc(code, sayEval+text, text) }
}

func TestConsultIsTheMajoritysWordWhenTheOwnPeersAreDown(t *testing.T) {
	t.Parallel()
	honest := jsonOf(ledger.Threat{Digest: "07"})
	lie := jsonOf(ledger.Threat{Digest: "forged"})
	gone := func(*gateway.EvaluateRequest) ([]byte, error) {
		return nil, status.Error(codes.Unavailable, "stopping")
	}
	missing := refuses(codes.Unknown, "chaincode response 500, [not_found] the report does not exist")
	for name, tt := range map[string]struct {
		answers []func(*gateway.EvaluateRequest) ([]byte, error)
		want    ledger.Code
		of      int // organisations that gave the answer
	}{
		"all agree":                      {answers: []func(*gateway.EvaluateRequest) ([]byte, error){honest}, of: 3},
		"one lies":                       {answers: []func(*gateway.EvaluateRequest) ([]byte, error){lie, honest}, of: 3},
		"one is down":                    {answers: []func(*gateway.EvaluateRequest) ([]byte, error){gone, honest}, of: 3},
		"one lies and one is down":       {answers: []func(*gateway.EvaluateRequest) ([]byte, error){lie, gone, honest}, want: ledger.CodeBusy},
		"two are down":                   {answers: []func(*gateway.EvaluateRequest) ([]byte, error){gone, gone, honest}, want: ledger.CodeUnavailable},
		"two have not the block yet":     {answers: []func(*gateway.EvaluateRequest) ([]byte, error){missing, missing, honest}, want: ledger.CodeBusy},
		"all say that there is none":     {answers: []func(*gateway.EvaluateRequest) ([]byte, error){missing}, want: ledger.CodeNotFound, of: 3},
		"one says that there is none":    {answers: []func(*gateway.EvaluateRequest) ([]byte, error){missing, honest}, of: 3},
		"the majority is down":           {answers: []func(*gateway.EvaluateRequest) ([]byte, error){honest, gone}, want: ledger.CodeUnavailable},
		"what one refuses, three do not": {answers: []func(*gateway.EvaluateRequest) ([]byte, error){refuses(codes.PermissionDenied, "access denied"), honest}, of: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := consortium(t, tt.answers...)
			var got ledger.Threat
			source, err := c.Consult(t.Context(), ledger.ThreatGet, ledger.GetThreat{}, &got)
			if ledger.CodeOf(err) != tt.want || len(source.Organisations) != tt.of || source.Own || !slices.IsSorted(source.Organisations) {
				t.Fatalf("%+v, %v", source, err)
			}
			if err == nil && got.Digest != "07" {
				t.Errorf("read %+v of %v", got, source.Organisations)
			}
		})
	}
}

func TestConsultAsksEachForItselfAndAllTheSame(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]string{} // proposal, by organisation
	c, peers := consortium(t, func(r *gateway.EvaluateRequest) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(r.GetTargetOrganizations()) != 1 || len(r.GetProposedTransaction().GetSignature()) == 0 {
			t.Errorf("may ask %v", r.GetTargetOrganizations())
			return nil, status.Error(codes.Internal, "?")
		}
		asked[r.GetTargetOrganizations()[0]] = string(r.GetProposedTransaction().GetProposalBytes())
		return []byte("{}"), nil
	})
	if _, err := c.Consult(t.Context(), ledger.ThreatGet, ledger.GetThreat{}, nil); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	var first string
	for _, p := range peers {
		proposal, ok := asked[p.org]
		if !ok {
			continue // the majority was there before it
		}
		if first == "" {
			first = proposal
		}
		if proposal != first {
			t.Errorf("%s was asked something else", p.org)
		}
	}
	if len(asked) < 3 {
		t.Errorf("%d were asked", len(asked))
	}
}

func TestConsultBelievesItsOwnPeersAlone(t *testing.T) {
	t.Parallel()
	north, south := newPeer(t, "hospital-north"), newPeer(t, "hospital-south")
	c := clientOf(t, member(t, south, nobody(t, "hospital-north"), north))
	north.script(func() { north.evaluate = jsonOf(ledger.Threat{Digest: "07"}) })
	var got ledger.Threat
	source, err := c.Consult(t.Context(), ledger.ThreatGet, nil, &got)
	if err != nil || !source.Own || got.Digest != "07" || !slices.Equal(source.Organisations, []string{"hospital-north"}) {
		t.Errorf("%+v of %+v, %v", got, source, err)
	}
	north.script(func() {
		north.evaluate = refuses(codes.Unknown, "chaincode response 500, [not_found] the report does not exist")
	})
	if _, err := c.Consult(t.Context(), ledger.ThreatGet, nil, &got); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Error(err)
	}
	if got := south.taken(); got != nil {
		t.Errorf("another organisation was asked to %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Consult(ctx, ledger.ThreatGet, nil, &got); err == nil {
		t.Error("answered after the caller's end")
	}
}

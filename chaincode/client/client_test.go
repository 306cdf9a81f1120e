package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/secant-platform/secant/chaincode/ledger"
)

func TestSubmitGoesThroughAnotherOrganisationWhenItsOwnPeersAreDown(t *testing.T) {
	t.Parallel()
	south := newPeer(t, "hospital-south")
	south.script(func() { south.endorse = approve(t) })
	c := clientOf(t, member(t, south, nobody(t, "hospital-north"), nobody(t, "hospital-north")))
	start := time.Now()
	record, commit, err := Submit[ledger.Threat](t.Context(), c, ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{})
	if err != nil || record.Digest != "00" || commit.Block != 9 || len(commit.Tx) != 64 {
		t.Fatalf("%+v in %+v, %v", record, commit, err)
	}
	if got := south.taken(); !slices.Equal(got, []string{"endorse", "submit", "status"}) {
		t.Errorf("called %v", got)
	}
	if spent := time.Since(start); spent > 5*time.Second {
		t.Errorf("took %v", spent)
	}
}

// TestReadsNeverLeaveTheOwnOrganisation: those that a read model may rest on;
// [Client.Consult] is another matter.
func TestReadsNeverLeaveTheOwnOrganisation(t *testing.T) {
	t.Parallel()
	south := newPeer(t, "hospital-south")
	south.script(func() { south.evaluate = jsonOf(ledger.Threat{Digest: "forged"}) })
	c := clientOf(t, member(t, nobody(t, "hospital-north"), south))
	calls := map[string]func(context.Context) error{
		"evaluate": func(ctx context.Context) error { return c.Evaluate(ctx, ledger.ThreatGet, nil, new(ledger.Threat)) },
		"height":   func(ctx context.Context) error { _, err := c.Height(ctx); return err },
		"outcome":  func(ctx context.Context) error { _, err := c.Outcome(ctx, "a1"); return err },
	}
	for name, call := range calls {
		if err := call(t.Context()); ledger.CodeOf(err) != ledger.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.Follow(ctx, 0, func(context.Context, *ledger.Block) error { return errors.New("a block") }); err != nil {
		t.Error(err)
	}
	if got := south.taken(); got != nil {
		t.Errorf("another organisation was asked to %v", got)
	}

	// A gateway passes questions on, unless it is told whom it may ask.
	north := newPeer(t, "hospital-north")
	north.script(func() {
		north.evaluate = func(r *gateway.EvaluateRequest) ([]byte, error) {
			if !slices.Equal(r.GetTargetOrganizations(), []string{"hospital-north"}) {
				t.Errorf("may ask %v", r.GetTargetOrganizations())
			}
			return []byte(`{"digest":"07"}`), nil
		}
	})
	c = clientOf(t, member(t, south, north))
	var got ledger.Threat
	if err := c.Evaluate(t.Context(), ledger.ThreatGet, nil, &got); err != nil || got.Digest != "07" {
		t.Errorf("read %+v, %v", got, err)
	}
}

func TestAPeerThatAnswersWithARefusalIsNotPassedOver(t *testing.T) {
	t.Parallel()
	north, south := newPeer(t, "hospital-north"), newPeer(t, "hospital-south")
	north.script(func() {
		north.endorse = func(*gateway.EndorseRequest) (*common.Envelope, error) {
			return nil, rpc(codes.Aborted, sayFirst, "chaincode response 500, [denied] not yours")
		}
	})
	south.script(func() { south.endorse = approve(t) })
	c := clientOf(t, member(t, north, south))
	if _, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, nil); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Error(err)
	}
	if got := south.taken(); got != nil {
		t.Errorf("another peer was asked to %v", got)
	}
}

func TestAPeerThatHangsIsTriedLastForAWhile(t *testing.T) {
	t.Parallel()
	north, south := newPeer(t, "hospital-north"), newPeer(t, "hospital-south")
	hang := make(chan struct{})
	defer close(hang)
	north.script(func() {
		north.endorse = func(*gateway.EndorseRequest) (*common.Envelope, error) { <-hang; return nil, errBroken }
	})
	south.script(func() { south.endorse = approve(t) })
	long := WithEndorseTimeout(time.Second)
	c := clientOf(t, member(t, north, south), long, func(o *options) { o.suspicion, o.probe = time.Minute, time.Millisecond })
	prepare := func() time.Duration {
		start := time.Now()
		if _, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, nil); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	for range 3 {
		prepare()
	}
	if n, s := len(north.taken()), len(south.taken()); n != 1 || s != 3 {
		t.Errorf("the peer that hangs was asked %d times, the other %d times", n, s)
	}
	c.links[0].suspectUntil.Store(0) // the while is over
	if spent := prepare(); spent >= time.Second {
		t.Errorf("to see whether it is back took %v", spent)
	}
	south.script(func() {
		south.endorse = func(*gateway.EndorseRequest) (*common.Envelope, error) {
			return nil, rpc(codes.Unavailable, "no other peers")
		}
	})
	north.script(func() { north.endorse = approve(t) })
	prepare()
	if c.links[0].down.Load() {
		t.Error("the peer is back and still counts as down")
	}
}

func TestSubmitErrors(t *testing.T) {
	t.Parallel()
	quorum := "insufficient number of orderers could successfully process transaction to satisfy quorum requirement"
	processed := "received unsuccessful response from orderer: status=SERVICE_UNAVAILABLE, info=failed to submit request: request already processed"
	down := rpc(codes.Unavailable, quorum, "rpc error: code = Unavailable desc = connection refused")
	for name, tt := range map[string]struct {
		submit  error
		code    peer.TxValidationCode
		status  error
		unknown bool
		want    ledger.Code
		sent    int // over all peers
	}{
		"committed":                          {sent: 1},
		"orderers had it before":             {submit: rpc(codes.Unavailable, quorum, processed, processed), sent: 1},
		"too few orderers":                   {submit: down, unknown: true, want: ledger.CodeUnavailable, sent: 2},
		"no word of its block":               {status: status.Error(codes.Aborted, "the peer stops"), unknown: true, want: ledger.CodeUnavailable, sent: 1},
		"another transaction came first":     {code: peer.TxValidationCode_MVCC_READ_CONFLICT, want: ledger.CodeConflict, sent: 1},
		"endorsed by too few":                {code: peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE, want: ledger.CodeDenied, sent: 1},
		"orderers had it, but not its block": {submit: rpc(codes.Unavailable, quorum, processed), status: status.Error(codes.Aborted, "?"), unknown: true, want: ledger.CodeUnavailable, sent: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peers := []*fakePeer{newPeer(t, "hospital-north"), newPeer(t, "hospital-south"), newPeer(t, "hospital-east")}
			for _, p := range peers {
				p.script(func() { p.endorse = approve(t) })
				p.script(func() { p.submit = func() error { return tt.submit } })
				p.script(func() {
					p.status = func(context.Context) (*gateway.CommitStatusResponse, error) {
						return &gateway.CommitStatusResponse{Result: tt.code, BlockNumber: 9}, tt.status
					}
				})
			}
			c := clientOf(t, member(t, peers...))
			p, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{})
			if err != nil {
				t.Fatal(err)
			}
			commit, err := p.Submit(t.Context())
			if ledger.CodeOf(err) != tt.want || isUnknown(err) != tt.unknown {
				t.Errorf("got %v", err)
			}
			if u, ok := errors.AsType[*UnknownOutcome](err); ok && u.Tx != p.TxID {
				t.Errorf("the outcome of %s is unknown", u.Tx)
			}
			if err == nil && (commit.Tx != p.TxID || commit.Block != 9 || string(commit.Payload) != string(p.Payload)) {
				t.Errorf("committed %+v", commit)
			}
			sent := 0
			for _, p := range peers {
				for _, call := range p.taken() {
					if call == "submit" {
						sent++
					}
				}
			}
			if sent != tt.sent {
				t.Errorf("sent through %d peers", sent)
			}
		})
	}
}

func TestAPreparedTransactionSurvivesACrash(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	north.script(func() { north.endorse = approve(t) })
	cfg := member(t, north)
	before := clientOf(t, cfg)
	p, err := before.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{})
	if err != nil {
		t.Fatal(err)
	}
	after := clientOf(t, cfg)
	again, err := after.Restore(ledger.RoleSharer, p.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := again.Submit(t.Context())
	if err != nil || commit.Tx != p.TxID || again.TxID != p.TxID || string(commit.Payload) != string(p.Payload) {
		t.Errorf("committed %+v, %v", commit, err)
	}
	if _, err := after.Restore(ledger.RoleSharer, []byte("torn")); err == nil {
		t.Error("restored nonsense")
	}
}

func TestNothingIsSentAfterTheCallersEnd(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	north.script(func() { north.endorse = approve(t) })
	c := clientOf(t, member(t, north))
	p, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Submit(ctx); isUnknown(err) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := north.taken(); !slices.Equal(got, []string{"endorse"}) {
		t.Errorf("called %v", got)
	}
}

func TestOutcomeAsksForATransactionThatIsThere(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	c := clientOf(t, member(t, north))
	north.script(func() {
		north.evaluate = func(*gateway.EvaluateRequest) ([]byte, error) {
			text := "chaincode response 500, Failed to get transaction with id a1, error no such transaction ID [a1] in index"
			return nil, rpc(codes.Unknown, sayEval+text, text)
		}
	})
	if o, err := c.Outcome(t.Context(), "a1"); err != nil || o != (Outcome{}) {
		t.Errorf("%+v, %v", o, err)
	}
	if got := north.taken(); !slices.Equal(got, []string{"evaluate"}) {
		t.Errorf("called %v", got)
	}
	north.script(func() {
		north.evaluate = func(*gateway.EvaluateRequest) ([]byte, error) { return []byte("the transaction"), nil }
	})
	north.script(func() {
		north.status = func(context.Context) (*gateway.CommitStatusResponse, error) {
			return &gateway.CommitStatusResponse{Result: peer.TxValidationCode_PHANTOM_READ_CONFLICT, BlockNumber: 4}, nil
		}
	})
	want := Outcome{Known: true, Code: "PHANTOM_READ_CONFLICT", Block: 4}
	if o, err := c.Outcome(t.Context(), "a1"); err != nil || o != want {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestFollowOverTheWire(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	north.blocks = chain(t, 5)
	c := clientOf(t, member(t, nobody(t, "hospital-north"), north))
	stop := errors.New("enough")
	var got []uint64
	err := c.Follow(t.Context(), 2, func(_ context.Context, b *ledger.Block) error {
		if got = append(got, b.Number); b.Number == 4 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || !slices.Equal(got, numbers(2, 4)) {
		t.Errorf("delivered %v, %v", got, err)
	}
}

func TestARoleThatTheNodeLacksIsDenied(t *testing.T) {
	t.Parallel()
	c := clientOf(t, member(t, nobody(t, "hospital-north")))
	if _, err := c.Prepare(t.Context(), ledger.RoleAnchorer, ledger.AnchorCommit, nil); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Error(err)
	}
	if _, err := c.Restore(ledger.RoleAnchorer, nil); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Error(err)
	}
}

func TestARequestThatIsTooLargeIsNotSent(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	c := clientOf(t, member(t, north))
	req := ledger.GetThreat{Digest: strings.Repeat("x", ledger.MaxRequest)}
	if err := c.Evaluate(t.Context(), ledger.ThreatGet, req, nil); ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Error(err)
	}
	if got := north.taken(); got != nil {
		t.Errorf("called %v", got)
	}
}

func TestConnectListsWhatCannotWork(t *testing.T) {
	t.Parallel()
	_, err := Connect(t.Context(), Config{Peers: []Peer{{Address: "no port"}}})
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok || p.Code != ledger.CodeInvalid {
		t.Fatal(err)
	}
	var fields []string
	for _, f := range p.Faults {
		fields = append(fields, f.Field)
	}
	want := []string{"organisation", "channel", "peers[0].address", "peers[0].organisation", "peers[0].tlsRoot", "identities"}
	if !slices.Equal(fields, want) {
		t.Errorf("told of %v", fields)
	}

	good := member(t, nobody(t, "hospital-north"))
	for name, change := range map[string]func(*Config){
		"no certificate": func(c *Config) { c.Identities = map[ledger.Role]Identity{ledger.RoleSharer: {}} },
		"no key": func(c *Config) {
			c.Identities = map[ledger.Role]Identity{ledger.RoleSharer: {Certificate: good.Identities[ledger.RoleSharer].Certificate, Key: []byte("secret")}}
		},
		"no TLS root": func(c *Config) {
			c.Peers = []Peer{{Organisation: c.Organisation, Address: "127.0.0.1:1", TLSRoot: []byte("?")}}
		},
		"no peer of ours": func(c *Config) { c.Organisation = "medtech" },
	} {
		cfg := good
		change(&cfg)
		if c, err := Connect(t.Context(), cfg); err == nil {
			t.Errorf("%s: connected", name)
			_ = c.Close()
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: tells the key: %v", name, err)
		}
	}
}

func TestKeysStayOutOfText(t *testing.T) {
	t.Parallel()
	id := Identity{Certificate: []byte("certificate"), Key: []byte("secret")}
	cfg := Config{Identities: map[ledger.Role]Identity{ledger.RoleSharer: id}}
	for _, text := range []string{fmt.Sprint(id), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), id.LogValue().String()} {
		if strings.Contains(text, "secret") || strings.Contains(text, fmt.Sprint([]byte("secret"))) {
			t.Errorf("the key stands in %q", text)
		}
	}
}

package client

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// transientOf is what a proposal shows its endorsers.
func transientOf(t *testing.T, r *gateway.EndorseRequest) map[string][]byte {
	t.Helper()
	var proposal peer.Proposal
	var payload peer.ChaincodeProposalPayload
	if err := proto.Unmarshal(r.GetProposedTransaction().GetProposalBytes(), &proposal); err != nil {
		t.Error(err)
	}
	if err := proto.Unmarshal(proposal.GetPayload(), &payload); err != nil {
		t.Error(err)
	}
	return payload.GetTransientMap()
}

func TestWhatIsTransientReachesTheEndorsersAndNobodyElse(t *testing.T) {
	t.Parallel()
	const secret = "a statement that a person signed"
	var log bytes.Buffer
	north := newPeer(t, "hospital-north")
	north.script(func() {
		north.endorse = func(r *gateway.EndorseRequest) (*common.Envelope, error) {
			if got := transientOf(t, r); string(got["statements"]) != secret || string(got["more"]) != "1" || len(got) != 2 {
				t.Errorf("the endorser sees %q", got)
			}
			return endorsed(t, r, nil), nil
		}
	})
	c := clientOf(t, member(t, north), WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	shown := Transient{"statements": []byte(secret)}
	p, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, ledger.ShareThreat{}, shown, Transient{"more": []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(p.Bytes, []byte(secret)) || bytes.Contains(p.Bytes, []byte("statements")) {
		t.Error("what is transient stands in the prepared bytes")
	}
	again, err := c.Restore(ledger.RoleSharer, p.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Submit(t.Context()); err != nil {
		t.Error(err)
	}
	for _, text := range []string{
		log.String(), fmt.Sprint(shown), fmt.Sprintf("%+v %#v", shown, shown), shown.LogValue().String(),
	} {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprint([]byte(secret))) {
			t.Errorf("it stands in %q", text)
		}
	}
}

func TestATransientThatIsTooLargeIsNotSent(t *testing.T) {
	t.Parallel()
	north := newPeer(t, "hospital-north")
	c := clientOf(t, member(t, north))
	half := make([]byte, maxTransient/2)
	_, err := c.Prepare(t.Context(), ledger.RoleSharer, ledger.ThreatShare, nil, Transient{"a": half}, Transient{"b": half})
	if ledger.CodeOf(err) != ledger.CodeTooLarge {
		t.Error(err)
	}
	if got := north.taken(); got != nil {
		t.Errorf("called %v", got)
	}
}

func TestEachNewTransactionIsShownTheSame(t *testing.T) {
	t.Parallel()
	l := &scripted{submits: []error{errConflict, nil}}
	if _, _, err := Submit[ledger.Threat](t.Context(), l, ledger.RoleSharer, ledger.ThreatShare, nil, With(Transient{"statements": []byte("s")})); err != nil {
		t.Fatal(err)
	}
	if l.prepared != 2 || len(l.shown) != 2 || string(l.shown[1]["statements"]) != "s" {
		t.Errorf("%d transactions were shown %d transients", l.prepared, len(l.shown))
	}
}

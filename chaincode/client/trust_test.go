package client

import (
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestSignedReadIsHeldAgainstThePolicyOfItsTime changes the trust file under a
// client: what suffices follows it, whatever the client's configuration says.
func TestSignedReadIsHeldAgainstThePolicyOfItsTime(t *testing.T) {
	t.Parallel()
	names := []string{"hospital-north", "hospital-south", "hospital-east", "medtech", "authority"}
	north := newPeer(t, names[0])
	var endorsers []*endorser
	epoch := ledger.TrustEpoch{From: time.Now().Add(-time.Hour), Policy: ledger.PolicyMajority}
	for _, org := range names {
		endorsers = append(endorsers, newEndorser(t, org))
		epoch.Organisations = append(epoch.Organisations, ledger.TrustOrganisation{ID: org, Roots: []string{"PEM"}})
	}
	trust := &ledger.Trust{V: 1, Channel: "secant", Chaincode: "secant", Epochs: []ledger.TrustEpoch{epoch}}
	c := clientOf(t, member(t, north), WithTrust(func() *ledger.Trust { return trust }))
	signed := func(by ...*endorser) error {
		north.script(func() { north.endorse = approve(t, by...) })
		_, err := c.signedRead(t.Context(), ledger.AnchorGet, nil) // once: what is refused would be tried again
		return err
	}
	next := func(policy string) {
		t.Helper()
		time.Sleep(2 * time.Millisecond) // epochs begin with a millisecond, no two with the same
		if _, err := trust.Next(time.Now(), func(e *ledger.TrustEpoch) { e.Policy = policy }); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error, words string) {
		t.Helper()
		if ledger.CodeOf(err) != ledger.CodeUnavailable || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
	refused(signed(endorsers[:2]...), "2 organisations signed, and 3 are needed")
	next(ledger.PolicyOutOf(2))
	if err := signed(endorsers[:2]...); err != nil {
		t.Error(err)
	}
	refused(signed(endorsers[0], newEndorser(t, "a stranger")), "1 organisations signed, and 2 are needed")
	next(ledger.PolicyOutOf(4))
	refused(signed(endorsers[:3]...), "3 organisations signed, and 4 are needed")
	if err := signed(endorsers[:4]...); err != nil {
		t.Error(err)
	}
	trust.Epochs[len(trust.Epochs)-1].To = time.Now()
	refused(signed(endorsers...), "no epoch")
}

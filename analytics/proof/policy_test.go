package proof_test

import (
	"crypto/elliptic"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/proof/prooftest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Endorsers that do not make a majority of the consortium at the time of the read.
func TestEndorsersThatDoNotSuffice(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		edit  func(*world)
		words string
	}{
		"minority": {func(w *world) {
			w.anchor.Endorsers = w.Peers(w.t, north, "authority")
		}, "2 of 5 organisations, 3 are needed"},
		"two reads of one organisation": {func(w *world) {
			o := w.Org(w.t, north)
			w.anchor.Endorsers = []*prooftest.Identity{o.Peer, o.Second, w.Org(w.t, "authority").Peer}
		}, "2 of 5 organisations"},
		"one peer three times": {func(w *world) {
			p := w.Org(w.t, north).Peer
			w.anchor.Endorsers = []*prooftest.Identity{p, p, p}
		}, "1 of 5 organisations"},
		"client certificate instead of peer": {func(w *world) {
			w.anchor.Endorsers[1] = w.Org(w.t, "hospital-south").Client
		}, "not a peer's"},
		"no node role": {func(w *world) {
			w.anchor.Endorsers[1] = w.Org(w.t, "hospital-south").Issue(w.t)
		}, "not a peer's"},
		"peer and admin at once": {func(w *world) {
			w.anchor.Endorsers[1] = w.Org(w.t, "hospital-south").Issue(w.t, "peer", "admin")
		}, "not a peer's"},
		"revoked certificate": {func(w *world) {
			o := w.Org(w.t, "hospital-south")
			w.trust.Epochs[0].Organisations[1].Revoked = []string{"00", o.Peer.Serial()}
		}, "hospital-south: the certificate is revoked"},
		"certificate expired at the read": {func(w *world) {
			w.anchor.Endorsers[1] = w.Org(w.t, "hospital-south").IssueFor(w.t, prooftest.Now.AddDate(0, -2, 0), prooftest.Now.Add(-time.Second), "peer")
		}, "valid at the time of the read"},
		"certificate not yet valid at the read": {func(w *world) {
			w.anchor.Endorsers[1] = w.Org(w.t, "hospital-south").IssueFor(w.t, prooftest.Now.Add(time.Second), prooftest.Now.AddDate(0, 2, 0), "peer")
		}, "valid at the time of the read"},
		"organisation outside the consortium": {func(w *world) {
			w.anchor.Endorsers[1] = prooftest.NewOrganisation(w.t, "clinic").Peer
		}, "no member"},
		"another authority under a member's name": {func(w *world) {
			w.anchor.Endorsers[1] = prooftest.NewOrganisation(w.t, "hospital-south").Peer
		}, "not one of the organisation's"},
		"one member's peer under another's name": {func(w *world) {
			p := *w.Org(w.t, "hospital-south").Peer
			p.Org = "medtech"
			w.anchor.Endorsers = append(w.Peers(w.t, north, "hospital-south"), &p)
		}, "not one of the organisation's"},
		"old epoch's certificate": {func(w *world) {
			// Half an hour ago hospital-south changed its authority.
			old, now := w.trust.Epochs[0], w.Trust().Epochs[0]
			old.To, now.From = prooftest.Now.Add(-time.Hour), prooftest.Now.Add(-time.Hour)
			now.Organisations[1] = prooftest.NewOrganisation(w.t, "hospital-south").Trust()
			w.trust.Epochs = []ledger.TrustEpoch{old, now}
		}, "not one of the organisation's"},
		"old epoch's member": {func(w *world) {
			old, now := w.trust.Epochs[0], w.Trust().Epochs[0]
			old.To, now.From = prooftest.Now.Add(-time.Hour), prooftest.Now.Add(-time.Hour)
			now.Organisations = append(now.Organisations[:1:1], now.Organisations[2:]...)
			w.trust.Epochs = []ledger.TrustEpoch{old, now}
		}, "2 of 4 organisations, 3 are needed"},
		"read before the trust file begins": {func(w *world) {
			w.trust.Epochs[0].From = prooftest.Now.Add(time.Hour)
		}, "no epoch"},
		"read after the last epoch": {func(w *world) {
			w.trust.Epochs[0].To = prooftest.Now
		}, "no epoch"},
		"a sixth member joined": {func(w *world) {
			e := &w.trust.Epochs[0]
			e.Organisations = append(e.Organisations, prooftest.NewOrganisation(w.t, "clinic").Trust())
		}, "3 of 6 organisations, 4 are needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByNode)
			a.edit(w)
			w.refused(t, w.bundle(t), proof.StepPolicy, a.words)
		})
	}
}

// Each read is judged by the policy of its own time, whatever holds now, and
// wants a majority even where fewer may write.
func TestPolicyOfTheReadsOwnTime(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		before, now string // policies up to a minute before the read, and since
		signed      int
		words       string // of the refusal; empty: it is good
	}{
		"two suffice to write alone":          {ledger.PolicyMajority, ledger.PolicyOutOf(2), 2, "2 of 5 organisations, 3 are needed"},
		"two sufficed to write alone":         {ledger.PolicyOutOf(2), ledger.PolicyMajority, 2, "2 of 5 organisations, 3 are needed"},
		"a majority":                          {ledger.PolicyOutOf(4), ledger.PolicyMajority, 3, ""},
		"a majority is more than writes need": {ledger.PolicyMajority, ledger.PolicyOutOf(2), 3, ""},
		"one alone never does":                {ledger.PolicyMajority, ledger.PolicyOutOf(2), 1, "1 of 5 organisations, 3 are needed"},
		"four of five":                        {ledger.PolicyMajority, ledger.PolicyOutOf(4), 3, "3 of 5 organisations, 4 are needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByNode)
			w.anchor.Endorsers = w.Peers(t, north, "authority", "medtech")[:a.signed]
			old, now := w.trust.Epochs[0], w.Trust().Epochs[0]
			old.To, now.From = prooftest.Now.Add(-time.Minute), prooftest.Now.Add(-time.Minute)
			old.Policy, now.Policy = a.before, a.now
			w.trust.Epochs = []ledger.TrustEpoch{old, now}
			if a.words != "" {
				w.refused(t, w.bundle(t), proof.StepPolicy, a.words)
				return
			}
			v, err := w.verify(t, w.bundle(t))
			if err != nil || len(v.Witnesses) != a.signed {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// Two organisations whose old keys leaked cannot date a read back into a time in
// which two sufficed to write.
func TestTwoOldKeysDateNothingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	old, now := w.trust.Epochs[0], w.Trust().Epochs[0]
	old.To, now.From = prooftest.Now.Add(time.Minute), prooftest.Now.Add(time.Minute)
	old.Policy = ledger.PolicyOutOf(2)
	now.Organisations[0].Revoked = []string{w.Org(t, north).Peer.Serial()}
	now.Organisations[1].Revoked = []string{w.Org(t, "hospital-south").Peer.Serial()}
	w.trust.Epochs = []ledger.TrustEpoch{old, now}
	if _, err := w.verify(t, w.bundle(t)); err != nil {
		t.Fatal(err)
	}
	w.unit.Endorsers = w.Peers(t, north, "hospital-south")
	w.refused(t, w.bundle(t), proof.StepPolicy, "2 of 5 organisations, 3 are needed")
}

// Endorsers whose identity cannot even be read are left out as well.
func TestUnreadableEndorsersDoNotCount(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		identity []byte
		words    string
	}{
		"no identity":    {[]byte("hello"), "no identity"},
		"no PEM":         {identity(t, "certificate"), "not one certificate in PEM"},
		"no certificate": {identity(t, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), "not a certificate"},
		"two certificates": {
			identity(t, strings.Repeat("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 2)),
			"not one certificate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, proof.VouchedByNode)
			b := w.bundle(t)
			b.Anchor.Endorsements[1].Endorser = a.identity
			w.refused(t, b, proof.StepPolicy, a.words)
		})
	}
}

func identity(t *testing.T, certificate string) []byte {
	t.Helper()
	b, err := proto.Marshal(&msp.SerializedIdentity{Mspid: "hospital-south", IdBytes: []byte(certificate)})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSignatureOnAnotherCurve(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	w.anchor.Endorsers[1] = w.Org(t, "hospital-south").IssueOn(t, elliptic.P384())
	w.refused(t, w.bundle(t), proof.StepSignedRead, "not an ECDSA key on P-256")
}

// A revoked peer, or one too many, does no harm where the rest suffices.
func TestSpareEndorsersAreLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	w.anchor.Endorsers = append(w.anchor.Endorsers, w.Org(t, "authority").Peer, w.Org(t, "medtech").Peer, w.Org(t, north).Second)
	w.trust.Epochs[0].Organisations[3].Revoked = []string{w.Org(t, "medtech").Peer.Serial()}
	v, err := w.verify(t, w.bundle(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Witnesses) != 4 || v.Witnesses[0] != "authority" || v.Of != 5 {
		t.Errorf("witnesses %v of %d", v.Witnesses, v.Of)
	}
}

// A proof outlives its epoch: certificates are judged at the time of the read.
func TestProofOfAnEarlierEpochHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByDevice)
	later := prooftest.New(t, "hospital-north", "hospital-south").Trust().Epochs[0]
	w.trust.Epochs[0].To = prooftest.Now.Add(time.Minute)
	later.From = prooftest.Now.Add(time.Minute)
	w.trust.Epochs = append(w.trust.Epochs, later)
	if _, err := w.verify(t, w.bundle(t)); err != nil {
		t.Error(err)
	}
}

func TestUnusableTrustFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, proof.VouchedByNode)
	for name, edit := range map[string]func(*ledger.TrustEpoch){
		"root":   func(e *ledger.TrustEpoch) { e.Organisations[0].Roots[0] = "no certificate" },
		"serial": func(e *ledger.TrustEpoch) { e.Organisations[0].Revoked = []string{"xyz"} },
		"policy": func(e *ledger.TrustEpoch) { e.Policy = "any" },
		"many":   func(e *ledger.TrustEpoch) { e.Policy = ledger.PolicyOutOf(6) },
	} {
		trust := w.Trust()
		edit(&trust.Epochs[0])
		if _, err := proof.NewVerifier(trust); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

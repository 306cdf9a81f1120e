package channel

import (
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/fabric-config/configtx"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// consortium makes the development network's certificates and a configuration as
// configtxgen makes it, as far as governing looks at it.
func consortium(t *testing.T) (*topology.Network, *common.Config) {
	t.Helper()
	n, err := topology.New(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := material.Make(n, time.Now()); err != nil {
		t.Fatal(err)
	}
	group := func() *common.ConfigGroup {
		g := &common.ConfigGroup{
			ModPolicy: adminsKey, Groups: map[string]*common.ConfigGroup{},
			Values: map[string]*common.ConfigValue{}, Policies: map[string]*common.ConfigPolicy{},
		}
		meta := &common.ImplicitMetaPolicy{SubPolicy: adminsKey, Rule: common.ImplicitMetaPolicy_MAJORITY}
		if err := SetPolicy(g, adminsKey, common.Policy_IMPLICIT_META, meta); err != nil {
			t.Fatal(err)
		}
		return g
	}
	c := &common.Config{ChannelGroup: group()}
	c.ChannelGroup.Groups["Application"], c.ChannelGroup.Groups["Orderer"] = group(), group()
	if err := setValue(Ordering(c), consentersKey, &common.Orderers{}); err != nil {
		t.Fatal(err)
	}
	for _, o := range n.Organisations {
		put(t, c, n, o)
	}
	return n, c
}

func put(t *testing.T, c *common.Config, n *topology.Network, o topology.Organisation) {
	t.Helper()
	if err := PutMember(c, n, o); err != nil {
		t.Fatal(err)
	}
	if o.Orderer != nil {
		if err := PutOrderer(c, n, o); err != nil {
			t.Fatal(err)
		}
	}
}

// seat gives a new organisation its place and its certificates.
func seat(t *testing.T, n *topology.Network, id string, orderer bool) topology.Organisation {
	t.Helper()
	o, _, err := n.Seat(id, "", "hospital", orderer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := material.Make(n, time.Now()); err != nil {
		t.Fatal(err)
	}
	return o
}

// changed returns who signs the difference that edit makes.
func changed(t *testing.T, n *topology.Network, c *common.Config, edit func(*common.Config)) []string {
	t.Helper()
	var able []string
	for _, o := range n.Organisations {
		able = append(able, o.ID)
	}
	signers, err := signersOf(c, difference(t, c, edit), able)
	if err != nil {
		t.Fatal(err)
	}
	return signers
}

func difference(t *testing.T, c *common.Config, edit func(*common.Config)) *common.ConfigUpdate {
	t.Helper()
	tx := configtx.New(c)
	edit(tx.UpdatedConfig())
	b, err := tx.ComputeMarshaledUpdate("secant")
	if err != nil {
		t.Fatal(err)
	}
	u := &common.ConfigUpdate{}
	if err := proto.Unmarshal(b, u); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAsManySignAsThePolicyAsks(t *testing.T) {
	t.Parallel()
	n, c := consortium(t)
	west := seat(t, n, "hospital-west", true)
	count := func(edit func(*common.Config)) int { return len(changed(t, n, c, edit)) }

	if got := count(func(c *common.Config) {
		if err := PutMember(c, n, west); err != nil {
			t.Fatal(err)
		}
	}); got != 3 {
		t.Errorf("%d of five members sign for a new one, want 3", got)
	}
	orderers := changed(t, n, c, func(c *common.Config) { put(t, c, n, west) })
	ordering := slices.DeleteFunc(slices.Clone(orderers), func(id string) bool { return id == "medtech" })
	if len(ordering) < 3 {
		t.Errorf("%v sign for a new orderer, but three of the four that run one must", orderers)
	}
	// What is an organisation's own changes with its own signature alone.
	own := changed(t, n, c, func(c *common.Config) {
		err := EditMSP(c, "medtech", func(m *msp.FabricMSPConfig) error {
			m.RevocationList = [][]byte{[]byte("a list")}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	if !slices.Equal(own, []string{"medtech"}) {
		t.Errorf("%v sign for a change of medtech's own, want medtech alone", own)
	}
}

func TestTooFewAdministratorsAreToldWhatIsMissing(t *testing.T) {
	t.Parallel()
	n, c := consortium(t)
	u := difference(t, c, func(c *common.Config) { DropMember(c, "medtech") })
	for able, ok := range map[int]bool{0: false, 2: false, 3: true} {
		var orgs []string
		for _, o := range n.Organisations[:able] {
			orgs = append(orgs, o.ID)
		}
		if _, err := signersOf(c, u, orgs); (err == nil) != ok {
			t.Errorf("%d administrators: %v", able, err)
		}
	}
}

func TestWhoLeavesDoesNotSign(t *testing.T) {
	t.Parallel()
	n, c := consortium(t)
	tx := configtx.New(c)
	DropMember(tx.UpdatedConfig(), "hospital-north")
	update, err := tx.ComputeMarshaledUpdate(n.Channel)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := sign(n, c, tx.UpdatedConfig(), update)
	if err != nil {
		t.Fatal(err)
	}
	payload, signed := &common.Payload{}, &common.ConfigUpdateEnvelope{}
	if err := proto.Unmarshal(envelope.GetPayload(), payload); err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(payload.GetData(), signed); err != nil {
		t.Fatal(err)
	}
	for _, s := range signed.GetSignatures() {
		header, id := &common.SignatureHeader{}, &msp.SerializedIdentity{}
		if err := proto.Unmarshal(s.GetSignatureHeader(), header); err != nil {
			t.Fatal(err)
		}
		if err := proto.Unmarshal(header.GetCreator(), id); err != nil {
			t.Fatal(err)
		}
		if id.GetMspid() == "hospital-north" {
			t.Error("hospital-north signs its own removal although the others are enough")
		}
	}
	if got := len(signed.GetSignatures()); got != 3 {
		t.Errorf("%d signatures, want 3", got)
	}
}

// TestBlockValidationFollowsTheConsenters holds what the orderers check: the
// policy names each consenter once, and wants a quorum of them.
func TestBlockValidationFollowsTheConsenters(t *testing.T) {
	t.Parallel()
	n, c := consortium(t)
	check := func(consenters, quorum int32) {
		t.Helper()
		p := &common.SignaturePolicyEnvelope{}
		if err := proto.Unmarshal(Ordering(c).GetPolicies()[blockValidationKey].GetPolicy().GetValue(), p); err != nil {
			t.Fatal(err)
		}
		all, err := Consenters(c)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != int(consenters) || len(p.GetIdentities()) != len(all) || p.GetRule().GetNOutOf().GetN() != quorum {
			t.Fatalf("%d consenters, %d identities, %d must sign; want %d, %d", len(all), len(p.GetIdentities()), p.GetRule().GetNOutOf().GetN(), consenters, quorum)
		}
		for i, m := range all {
			id := &msp.SerializedIdentity{}
			if err := proto.Unmarshal(p.GetIdentities()[i].GetPrincipal(), id); err != nil {
				t.Fatal(err)
			}
			if id.GetMspid() != m.GetMspId() || string(id.GetIdBytes()) != string(m.GetIdentity()) {
				t.Errorf("identity %d is that of %s, want %s", i, id.GetMspid(), m.GetMspId())
			}
		}
	}
	check(4, 3)
	if err := DropOrderer(c, "hospital-east"); err == nil {
		t.Fatal("three orderers were accepted, which bear no fault")
	}
	check(4, 3)
	put(t, c, n, seat(t, n, "hospital-west", true))
	check(5, 4)
	if err := DropOrderer(c, "hospital-east"); err != nil {
		t.Fatal(err)
	}
	check(4, 3)
}

func TestQuorumsShareAnHonestOrderer(t *testing.T) {
	t.Parallel()
	for n := 4; n <= 40; n++ {
		q, f := Quorum(n), Faults(n)
		if 2*q-n <= f {
			t.Errorf("of %d orderers two quorums of %d may share liars only", n, q)
		}
		if q > n-f {
			t.Errorf("of %d orderers %d must sign, more than the %d that are sure to run", n, q, n-f)
		}
	}
}

// TestChangesThatAreThereChangeNothing is what makes every step repeatable.
func TestChangesThatAreThereChangeNothing(t *testing.T) {
	t.Parallel()
	n, c := consortium(t)
	west := seat(t, n, "hospital-west", true)
	put(t, c, n, west)
	before := proto.Clone(c)
	put(t, c, n, west)
	for _, o := range n.Organisations {
		put(t, c, n, o)
	}
	if err := DropOrderer(c, "nobody"); err != nil {
		t.Fatal(err)
	}
	DropMember(c, "nobody")
	if !proto.Equal(before, c) {
		t.Error("a second time changes the configuration again")
	}
}

func TestMembershipDefinitionIsTheSameOnBothSides(t *testing.T) {
	t.Parallel()
	_, c := consortium(t)
	edit := func(m *msp.FabricMSPConfig) error {
		m.RevocationList = [][]byte{[]byte("a list")}
		return nil
	}
	if err := EditMSP(c, "hospital-north", edit); err != nil {
		t.Fatal(err)
	}
	for _, side := range []*common.ConfigGroup{Application(c), Ordering(c)} {
		m, err := membership(side.GetGroups()["hospital-north"])
		if err != nil {
			t.Fatal(err)
		}
		if len(m.GetRevocationList()) != 1 {
			t.Error("one of the two definitions was not changed")
		}
	}
	if err := EditMSP(c, "nobody", edit); err == nil {
		t.Error("an organisation that is not there was changed")
	}
}

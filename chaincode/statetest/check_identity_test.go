package statetest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// decisions makes a ledger on which the members decided things and DIDs changed,
// and returns its transactions with their ids taken out.
func decisions(t *testing.T) []ledger.Tx {
	t.Helper()
	l := statetest.NewSeeded(t)
	const north = "hospital-north"
	registrar := l.Client(north, ledger.RoleRegistrar)
	key, next := statetest.NewDIDKey("key-1", north), statetest.NewDIDKey("key-2", north)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	submit := func(name string, request any) {
		t.Helper()
		must(l.Submit(registrar, name, request, nil))
	}
	did, err := l.CreateIssuer(north, "staff", key)
	must(err)
	must(l.Accept(did, "DeviceAssessor"))
	member := ledger.ProposalSubject{Organisation: "authority"}
	must(l.Carry(ledger.Propose{Kind: ledger.ProposeRemoveOrganisation, Subject: member, Reason: "a sample"}))
	must(l.Carry(ledger.Propose{Kind: ledger.ProposeReadmitOrganisation, Subject: member, Reason: "a sample"}))
	must(l.Carry(ledger.Propose{
		Kind: ledger.ProposeStrikeIssuer, Reason: "a sample", Subject: ledger.ProposalSubject{Issuer: did, CredentialType: "DeviceAssessor"},
	}))
	for version := range 2 {
		submit(ledger.IdentityCommitStatusList, ledger.CommitStatusList{
			Issuer: did, List: "1", Version: version + 1, Digest: ledger.BodyDigest(nil), ValidUntil: l.Now().Add(time.Hour),
		})
	}
	rotate := ledger.RotateKeys{DID: did, Keys: statetest.DIDKeys(next), Revision: 2}
	rotate.Signature = key.Control(did, &rotate)
	submit(ledger.IdentityRotateKeys, rotate)
	end := ledger.DeactivateDID{DID: did, Revision: 3}
	end.Signature = next.Control(did, &end)
	submit(ledger.IdentityDeactivateDID, end)
	return story(t, l)
}

func TestCheckAcceptsDecisions(t *testing.T) {
	t.Parallel()
	if err := replay(t, decisions(t), func(*ledger.Tx) {}).Check(); err != nil {
		t.Error(err)
	}
}

// in makes a change in the transactions of one name only.
func in(name string, change func(*ledger.Tx)) func(*ledger.Tx) {
	return func(tx *ledger.Tx) {
		if tx.Name == name {
			change(tx)
		}
	}
}

// editBoth changes a document where it stands twice: as the current one, and as
// the version that is kept.
func editBoth(from, to string) func(*ledger.Tx) {
	return func(tx *ledger.Tx) {
		edit(ledger.TypeDID, from, to)(tx)
		edit(ledger.TypeDIDVersion, from, to)(tx)
	}
}

func TestCheckFindsEveryDamageOfDecisions(t *testing.T) {
	t.Parallel()
	txs := decisions(t)
	creation, err := json.Marshal(statetest.DIDKeys(statetest.NewDIDKey("key-1", "hospital-north")))
	if err != nil {
		t.Fatal(err)
	}
	stolen, err := json.Marshal(statetest.DIDKeys(statetest.NewDIDKey("key-1", "thief")))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]damage{
		"a proposal by another": {by(ledger.IdentityPropose, "medtech"), "is not its proposer's transaction"},
		"a proposal by a stranger": {in(ledger.IdentityPropose, func(tx *ledger.Tx) {
			tx.Creator = "x"
			edit(ledger.TypeProposal, `"by":"hospital-north"`, `"by":"x"`)(tx)
		}), "is by no member"},
		"a proposal for ever":            {edit(ledger.TypeProposal, `"expires":"2026-02`, `"expires":"2027-02`), "does not last as long"},
		"a vote by another":              {by(ledger.IdentityVote, "authority"), "another organisation cast it"},
		"a vote by a stranger":           {in(ledger.IdentityVote, func(tx *ledger.Tx) { tx.Creator = "x" }), "another organisation cast it"},
		"a vote on nothing":              {lose(ledger.TypeProposal), "is on no open proposal"},
		"a vote too late":                {edit(ledger.TypeVote, `"time":"2026`, `"time":"2027`), "is on no open proposal"},
		"a vote that is missing":         {lose(ledger.TypeVote), "did not approve it"},
		"a vote against":                 {edit(ledger.TypeVote, `"approve":true`, `"approve":false`), "did not approve it"},
		"an enactment of nothing":        {lose(ledger.TypeProposal), "enactment"},
		"an enactment of another kind":   {edit(ledger.TypeEnactment, `"kind":"strike_issuer"`, `"kind":"accept_issuer"`), "of another kind"},
		"an enactment by a minority":     {edit(ledger.TypeEnactment, `"hospital-east",`, ``), "2 voters are no majority"},
		"an enactment that counts twice": {edit(ledger.TypeEnactment, `"hospital-east","hospital-north"`, `"hospital-north","hospital-north"`), "are no majority"},
		"an enactment by another":        {by(ledger.IdentityEnact, "medtech"), "is not its transaction's"},
		"an enactment that left no mark": {lose(ledger.TypeEnactment), "is not what was enacted"},
		"no roster":                      {lose(ledger.TypeRoster), "the roster is missing"},
		"a roster without a member":      {in(ledger.IdentityEnact, edit(ledger.TypeRoster, `"authority",`, ``)), "is registered and neither on it nor removed"},
		"a roster that is not sorted":    {edit(ledger.TypeRoster, `"hospital-east","hospital-north"`, `"hospital-north","hospital-east"`), "is not sorted"},
		"a roster of another revision":   {edit(ledger.TypeRoster, `"revision":3`, `"revision":4`), "has revision 4"},
		"a roster of another network":    {in(ledger.IdentityEnact, edit(ledger.TypeRoster, `"network":"memory"`, `"network":"other"`)), "another network's name"},
		"a name that too few stated":     {edit(ledger.TypeRoster, `"stated":[`, `"network":"memory","stated":[`), "that too few stated"},
		"a name that another stated":     {edit(ledger.TypeRoster, `"stated":[{"organisation":"hospital-north"`, `"stated":[{"organisation":"stranger"`), "did not state"},
		"a removal of another":           {edit(ledger.TypeProposal, `"organisation":"authority"`, `"organisation":"medtech"`), "is not what was enacted"},
		"a registration of others":       {by(ledger.IdentityRegister, "medtech"), "is not its writer's registration"},
		"trust in another":               {edit(ledger.TypeProposal, `"credentialType":"DeviceAssessor"`, `"credentialType":"Else"`), "is not what was enacted"},
		"trust that was struck":          {edit(ledger.TypeTrust, `"state":"accepted"`, `"state":"struck"`), "is not what was enacted"},
		"trust of another revision":      {edit(ledger.TypeTrust, `"revision":2`, `"revision":3`), "has revision 3"},
		"trust on another base":          {edit(ledger.TypeProposal, `"base":"0"`, `"base":"1"`), "was decided on another"},
		"a roster on another base":       {edit(ledger.TypeProposal, `"base":"5"`, `"base":"4"`), "was decided on another"},
		"a schema by another":            {by(ledger.IdentityPublishSchema, "medtech"), "schema"},
		"a status list that skips":       {edit(ledger.TypeStatusList, `"version":2`, `"version":3`), "is numbered 3"},
		"a status list by another":       {by(ledger.IdentityCommitStatusList, "medtech"), "another organisation committed it"},
		"a status list for ever":         {edit(ledger.TypeStatusList, `"validUntil":"2026`, `"validUntil":"2027`), "lasts too long"},
		"a DID of another kind":          {editBoth(`"kind":"issuer"`, `"kind":"device"`), "is no DID of its kind"},
		"a DID by another":               {by(ledger.IdentityCreateDID, "medtech"), "another organisation wrote it"},
		"a document that skips":          {edit(ledger.TypeDID, `"revision":2`, `"revision":3`), "has revision 3"},
		"a version that is not kept":     {in(ledger.IdentityRotateKeys, lose(ledger.TypeDIDVersion)), "is not kept"},
		"a version without its document": {in(ledger.IdentityCreateDID, lose(ledger.TypeDID)), "versions of DIDs are kept"},
		"a version that is another":      {edit(ledger.TypeDIDVersion, `"updated":"2026`, `"updated":"2025`), "is kept as another"},
		"keys that nobody signed":        {in(ledger.IdentityRotateKeys, editBoth(`"type":"JsonWebKey"`, `"type":"Other"`)), "is of another change"},
		"keys of a thief":                {in(ledger.IdentityCreateDID, editBoth(string(creation), string(stolen))), "is by no key of the one before"},
		"a proof that is none":           {edit(ledger.TypeDIDVersion, `"proof":"e`, `"proof":"!`), "the proof of revision"},
		"a life after the end":           {in(ledger.IdentityRotateKeys, editBoth(`"deactivated":false`, `"deactivated":true`)), "changed after its deactivation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := replay(t, txs, c.change).Check()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check says %v, want %q", err, c.want)
			}
		})
	}
}

// TestCheckFindsAVoteAfterItWasCounted moves each enactment before the last vote
// that it counts.
func TestCheckFindsAVoteAfterItWasCounted(t *testing.T) {
	t.Parallel()
	txs := decisions(t)
	i := slices.IndexFunc(txs, func(tx ledger.Tx) bool { return tx.Name == ledger.IdentityEnact })
	txs[i-1], txs[i] = txs[i], txs[i-1]
	err := replay(t, txs, func(*ledger.Tx) {}).Check()
	if err == nil || !strings.Contains(err.Error(), "did not approve it as a member") {
		t.Errorf("Check says %v", err)
	}
}

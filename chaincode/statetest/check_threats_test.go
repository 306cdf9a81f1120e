package statetest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// threatHistory is the part of a ledger in which everything happened once.
func threatHistory(l *statetest.Ledger) []statetest.Proposal {
	const north, south = "hospital-north", "hospital-south"
	report := func(body string) ledger.ShareThreat {
		return ledger.ShareThreat{Digest: ledger.BodyDigest([]byte(body)), Marking: ledger.TLPClear, MediaType: ledger.MediaTypeSTIX, Size: 1}
	}
	digest := report("").Digest
	relay, relayed := statetest.NewRelay(slices.Sorted(slices.Values(statetest.Organisations()))), ledger.BodyDigest([]byte("relayed"))
	by, other := l.Client(south, ledger.RoleSharer), l.Client(north, ledger.RoleSharer)
	return []statetest.Proposal{
		{Client: l.Client("authority", ledger.RoleSharer), Name: ledger.ThreatShare, Request: relay.Relayed("relayed")},
		{Client: by, Name: ledger.ThreatRequestOpening, Request: ledger.RequestOpening{Digest: relayed, Sharer: "authority", Reason: ledger.OpeningHarm}},
		{Client: other, Name: ledger.ThreatGiveShare, Request: ledger.GiveShare{Digest: relayed, Sharer: "authority", For: south, Share: relay.Clear[north]}},
		{Client: by, Name: ledger.ThreatShare, Request: report("")},
		{Client: by, Name: ledger.ThreatShare, Request: ledger.ShareThreat{Digest: ledger.BodyDigest([]byte("sealed")), Marking: ledger.TLPRed}},
		{Client: by, Name: ledger.ThreatShare, Request: report("newer")},
		{Client: other, Name: ledger.ThreatSight, Request: ledger.SightThreat{Digest: digest, Sharer: south, Count: 2, First: statetest.Start, Last: statetest.Start}},
		{Client: other, Name: ledger.ThreatOpine, Request: ledger.OpineThreat{Digest: digest, Sharer: south, Opinion: ledger.Agree, Weight: 5, Revision: 1}},
		{Client: other, Name: ledger.ThreatOpine, Request: ledger.OpineThreat{Digest: digest, Sharer: south, Opinion: ledger.Disagree, Weight: 5, Revision: 2}},
		{Client: by, Name: ledger.ThreatWithdraw, Request: ledger.WithdrawThreat{Digest: digest, Reason: ledger.WithdrawnSuperseded, SupersededBy: report("newer").Digest}},
	}
}

// threatDamages are damages of it.
var threatDamages = map[string]damage{
	"a report by another":            {by(ledger.ThreatShare, "medtech"), "another organisation wrote it"},
	"a report of no marking":         {edit(ledger.TypeThreat, `"marking":"clear"`, `"marking":"white"`), "has marking white"},
	"a sealed report that tells":     {edit(ledger.TypeThreat, `"marking":"clear"`, `"marking":"red"`), "tells more or less of its body"},
	"an open report that does not":   {edit(ledger.TypeThreat, `"marking":"red"`, `"marking":"green"`), "tells more or less of its body"},
	"a withdrawal by another":        {by(ledger.ThreatWithdraw, "medtech"), "withdrawal {thr.wd"},
	"a withdrawal of nothing":        {lose(ledger.TypeThreat), "withdrawal {thr.wd"},
	"a withdrawal for no better one": {edit(ledger.TypeWithdrawal, `"reason":"superseded"`, `"reason":"error"`), "does not name what takes"},
	"a withdrawal for nothing":       {edit(ledger.TypeWithdrawal, `"supersededBy":"`, `"supersededBy":"0`), "superseded by no report"},
	"a withdrawal for a withdrawn":   {edit(ledger.TypeWithdrawal, `"supersededBy":"`+ledger.BodyDigest([]byte("newer")), `"supersededBy":"`+ledger.BodyDigest(nil)), "superseded by what was withdrawn"},
	"a sighting of nothing":          {lose(ledger.TypeThreat), "{thr.si"},
	"a sighting by another":          {by(ledger.ThreatSight, "medtech"), "is not its organisation's transaction"},
	"a sighting of another tx":       {edit(ledger.TypeSighting, `"tx":"`, `"tx":"0`), "is not its organisation's transaction"},
	"a sighting of the future":       {edit(ledger.TypeSighting, `"last":"2026`, `"last":"2027`), "of no time, or of one to come"},
	"a sighting of no number":        {edit(ledger.TypeSighting, `"count":2`, `"count":0`), "of no time, or of one to come"},
	"a sighting that ends too early": {edit(ledger.TypeSighting, `"last":"2026`, `"last":"2025`), "of no time, or of one to come"},
	"an opinion of nothing":          {lose(ledger.TypeThreat), "{thr.op"},
	"an opinion of an own report":    {edit(ledger.TypeOpinion, `"by":"hospital-north"`, `"by":"hospital-south"`), "of an own report"},
	"an opinion by another":          {by(ledger.ThreatOpine, "medtech"), "another organisation wrote it"},
	"an opinion's revision twice":    {edit(ledger.TypeOpinion, `"revision":2`, `"revision":1`), "version 1 has revision 1"},
	"an opinion that is none":        {edit(ledger.TypeOpinion, `"opinion":"agree"`, `"opinion":"maybe"`), "is maybe of weight 5"},
	"an opinion of no weight":        {edit(ledger.TypeOpinion, `"weight":5`, `"weight":0`), "of weight 0"},
	"an opinion of a sealed report":  {edit(ledger.TypeThreat, `"marking":"clear","mediaType":"application/stix+json;version=2.1","size":1`, `"marking":"amber"`), "of a sealed report"},
	"a relayed report with no name":  {lose(ledger.TypeThreatEscrow), "says of who is behind it"},
	"a name of no report":            {edit(ledger.TypeThreatEscrow, `"sharer":"authority"`, `"sharer":"authorit"`), "of no report"},
	"a name that too few open":       {edit(ledger.TypeThreatEscrow, `"commitment":["`, `"commitment":["","`), "no majority opens it"},
	"a request by another":           {by(ledger.ThreatRequestOpening, "medtech"), "is not of who has a share"},
	"a request for no reason":        {edit(ledger.TypeOpeningRequest, `"reason":"harm"`, `"reason":"fun"`), "for the reason fun"},
	"a share by another":             {by(ledger.ThreatGiveShare, "medtech"), "another organisation wrote it"},
	"a share for no request":         {lose(ledger.TypeOpeningRequest), "for no request"},
	"a share of no name":             {lose(ledger.TypeThreatEscrow), "of no sealed name"},
	"a share that is none":           {edit(ledger.TypeOpeningShare, `"share":"`, `"share":"f`), "is not the one committed to"},
	"a sighting of a sealed report":  {edit(ledger.TypeThreat, `"marking":"clear","mediaType":"application/stix+json;version=2.1","size":1`, `"marking":"amber"`), "{thr.si"},
}

// TestCheckFindsWhatIsSaidOfAWithdrawnReport moves the withdrawal before the
// last opinion.
func TestCheckFindsWhatIsSaidOfAWithdrawnReport(t *testing.T) {
	t.Parallel()
	txs := history(t)
	for i, tx := range txs {
		if tx.Name == ledger.ThreatWithdraw {
			txs[i-1], txs[i] = txs[i], txs[i-1]
		}
	}
	err := replay(t, txs, func(*ledger.Tx) {}).Check()
	if err == nil || !strings.Contains(err.Error(), "came after the report's withdrawal") {
		t.Errorf("Check says %v", err)
	}
}

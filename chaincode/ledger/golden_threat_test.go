package ledger

import (
	"encoding/base64"
	"time"
)

// threatRecords holds one of each record of the contract "threat", in the newest form.
var threatRecords = map[string]any{
	"threat":         &Threat{V: 2, Digest: hex32(9), Marking: TLPGreen, MediaType: MediaTypeSTIX, Size: 1234, Sharer: "hospital-north", Shared: at},
	"threat-sealed":  &Threat{V: 2, Digest: hex32(9), Marking: TLPAmberStrict, Sharer: "hospital-north", Shared: at},
	"threat-relayed": &Threat{V: 3, Digest: hex32(9), Marking: TLPGreen, MediaType: MediaTypeSTIX, Size: 1234, Sharer: "authority", Relayed: true, Shared: at},
	"threat-escrow":  &ThreatEscrow{V: 1, Digest: hex32(9), Sharer: "authority", Relay: *relayOf("authority", "hospital-north", "medtech"), Time: at},
	"opening-request": &OpeningRequest{
		V: 1, Digest: hex32(9), Sharer: "authority", By: "medtech", Reason: OpeningHarm, Time: at,
	},
	"opening-share": &OpeningShare{
		V: 1, Digest: hex32(9), Sharer: "authority", By: "hospital-north", For: "medtech", Share: hex32(14), Time: at,
	},
	"sighting": &Sighting{
		V: 1, Digest: hex32(9), Sharer: "hospital-north", By: "hospital-south", Tx: hex32(12), Count: 3,
		First: at.Add(-2 * time.Hour), Last: at.Add(-time.Hour), Time: at,
	},
	"opinion": &Opinion{
		V: 1, Digest: hex32(9), Sharer: "hospital-north", By: "hospital-south", Opinion: StronglyAgree, Weight: 80, Revision: 2, Time: at,
	},
	"withdrawal":            &Withdrawal{V: 1, Digest: hex32(9), Sharer: "hospital-north", Reason: WithdrawnFalsePositive, Time: at},
	"withdrawal-superseded": &Withdrawal{V: 1, Digest: hex32(9), Sharer: "hospital-north", Reason: WithdrawnSuperseded, SupersededBy: hex32(13), Time: at},
}

// threatKeys says under which keys they stand.
var threatKeys = map[string][]string{
	"threat":     {"thr", hex32(9), "hospital-north"},
	"sighting":   {"thr.si", hex32(9), "hospital-north", "hospital-south", hex32(12)},
	"opinion":    {"thr.op", hex32(9), "hospital-north", "hospital-south"},
	"withdrawal": {"thr.wd", hex32(9), "hospital-north"},

	"threat-escrow":   {"thr.es", hex32(9), "authority"},
	"opening-request": {"thr.or", hex32(9), "authority", "medtech"},
	"opening-share":   {"thr.os", hex32(9), "authority", "hospital-north"},
}

// relayOf is a sealed name of the right form.
func relayOf(members ...string) *ThreatRelay {
	r := &ThreatRelay{Name: base64.StdEncoding.EncodeToString(make([]byte, EscrowNameSize))}
	for i, m := range members {
		r.Shares = append(r.Shares, SealedShare{Member: m, Share: base64.StdEncoding.EncodeToString([]byte(m))})
		if i < EscrowNeeded(len(members)) {
			r.Commitment = append(r.Commitment, hex32(byte(i)))
		}
	}
	return r
}

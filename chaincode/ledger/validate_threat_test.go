package ledger

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// threatRequests holds a valid one of each request of the contract that can be wrong.
var threatRequests = map[string]func() validator{
	"threat": func() validator {
		return &ShareThreat{Digest: hex32(9), Marking: TLPClear, MediaType: MediaTypeSTIX, Size: 1}
	},
	"sealed threat": func() validator { return &ShareThreat{Digest: hex32(9), Marking: TLPRed} },
	"sighting": func() validator {
		return &SightThreat{Digest: hex32(9), Sharer: "hospital-north", Count: 1, First: at, Last: at}
	},
	"opinion": func() validator {
		return &OpineThreat{Digest: hex32(9), Sharer: "hospital-north", Opinion: Neutral, Weight: 1, Revision: 1}
	},
	"withdrawal": func() validator { return &WithdrawThreat{Digest: hex32(9), Reason: WithdrawnError} },
	"request to open": func() validator {
		return &RequestOpening{Digest: hex32(9), Sharer: "authority", Reason: OpeningLaw}
	},
	"share": func() validator {
		return &GiveShare{Digest: hex32(9), Sharer: "authority", For: "medtech", Share: hex32(14)}
	},
	"relayed threat": func() validator {
		return &ShareThreat{Digest: hex32(9), Marking: TLPClear, MediaType: MediaTypeSTIX, Size: 1, Relay: relayOf("authority", "hospital-north", "medtech")}
	},
	"supersession": func() validator {
		return &WithdrawThreat{Digest: hex32(9), Reason: WithdrawnSuperseded, SupersededBy: hex32(10)}
	},
}

// threatFaults holds, for each of their fields, values that it does not take.
var threatFaults = map[string]map[string][]any{
	"threat": {
		"digest": {"", upperHex}, "marking": {"", "white", "AMBER", "GREEN"}, "mediaType": {"", "application/json"}, "size": {0, -1, MaxThreatBody + 1},
	},
	"sealed threat": {
		"digest": {""}, "mediaType": {MediaTypeSTIX}, "size": {1, -1},
	},
	"sighting": {
		"digest": {"", upperHex}, "sharer": {"", "hospital north", strings.Repeat("x", 65)}, "count": {0, -1, MaxSightings + 1},
		"first": {time.Time{}}, "last": {at.Add(-time.Millisecond), time.Time{}},
	},
	"opinion": {
		"digest": {"", upperHex}, "sharer": {"", "a b"}, "opinion": {"", "Agree", "strongly_agree"}, "weight": {0, -1, MaxWeight + 1}, "revision": {0, -1},
	},
	"withdrawal": {
		"digest": {"", upperHex}, "reason": {"", "because", "Error"}, "supersededBy": {hex32(10)},
	},
	"request to open": {
		"digest": {"", upperHex}, "sharer": {"", "a b"}, "reason": {"", "Harm", "because"},
	},
	"share": {
		"digest": {"", upperHex}, "sharer": {"", "a b"}, "for": {"", "a b"}, "share": {"", upperHex, hex32(1)[2:]},
	},
	"supersession": {
		"supersededBy": {"", upperHex, hex32(9)},
	},
}

func TestAThreatCommitmentIsItsGoldenOne(t *testing.T) {
	t.Parallel()
	salt := make([]byte, 32)
	for i := range salt {
		salt[i] = byte(i)
	}
	// SHA-256("secant/threat-commitment/v1\x00" followed by
	// {"body":"4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a","marking":"amber+strict","recipients":["authority","hospital-south"],"salt":"000102...1e1f","sender":"hospital-north"}).
	const want = "8d5fd88b6282c3328af6a754a3d79004683a42a2064870a047c1077aa4b8a0dc"
	got, err := ThreatCommitment(salt, hex32(1), TLPAmberStrict, "hospital-north", []string{"hospital-south", "authority", "hospital-south"})
	if err != nil || got != want {
		t.Errorf("the commitment is %s (%v), want %s", got, err, want)
	}
	other := append([]byte{1}, salt[1:]...)
	seen := map[string]bool{got: true}
	for what, c := range map[string]struct {
		salt                  []byte
		body, marking, sender string
		recipients            []string
	}{
		"salt":              {other, hex32(1), TLPAmberStrict, "hospital-north", []string{"authority", "hospital-south"}},
		"body":              {salt, hex32(2), TLPAmberStrict, "hospital-north", []string{"authority", "hospital-south"}},
		"marking":           {salt, hex32(1), TLPAmber, "hospital-north", []string{"authority", "hospital-south"}},
		"sender":            {salt, hex32(1), TLPAmberStrict, "hospital-east", []string{"authority", "hospital-south"}},
		"a recipient less":  {salt, hex32(1), TLPAmberStrict, "hospital-north", []string{"authority"}},
		"another recipient": {salt, hex32(1), TLPAmberStrict, "hospital-north", []string{"authority", "hospital-east"}},
	} {
		got, err := ThreatCommitment(c.salt, c.body, c.marking, c.sender, c.recipients)
		if err != nil || seen[got] {
			t.Errorf("with another %s the commitment is %s (%v)", what, got, err)
		}
		seen[got] = true
	}
}

func TestWhatNoSealedReportHasIsNotCommittedTo(t *testing.T) {
	t.Parallel()
	salt, to := make([]byte, 32), []string{"hospital-south"}
	many := make([]string, MaxRecipients+1)
	for i := range many {
		many[i] = strings.Repeat("o", i/64) + strings.Repeat("x", i%64+1)
	}
	for what, err := range map[string]error{
		"salt":          fault(ThreatCommitment(salt[1:], hex32(1), TLPRed, "hospital-north", to)),
		"bodyDigest":    fault(ThreatCommitment(salt, upperHex, TLPRed, "hospital-north", to)),
		"marking":       fault(ThreatCommitment(salt, hex32(1), TLPGreen, "hospital-north", to)),
		"sender":        fault(ThreatCommitment(salt, hex32(1), TLPRed, "", to)),
		"recipients":    fault(ThreatCommitment(salt, hex32(1), TLPRed, "hospital-north", nil)),
		"recipients[0]": fault(ThreatCommitment(salt, hex32(1), TLPRed, "hospital-north", []string{"hospital-north"})),
		"recipients[1]": fault(ThreatCommitment(salt, hex32(1), TLPRed, "hospital-north", []string{"a", "b<c"})),
	} {
		p, ok := errors.AsType[*Problem](err)
		if !ok || p.Code != CodeInvalid || len(p.Faults) != 1 || p.Faults[0].Field != what {
			t.Errorf("a wrong %s: %v", what, err)
		}
	}
	if _, err := ThreatCommitment(salt, hex32(1), TLPRed, "hospital-north", many); CodeOf(err) != CodeInvalid {
		t.Errorf("too many recipients: %v", err)
	}
}

func fault(_ string, err error) error { return err }

func TestASealedNameHasItsForm(t *testing.T) {
	t.Parallel()
	many := make([]string, MaxEscrow+1)
	for i := range many {
		many[i] = fmt.Sprintf("member-%03d", i)
	}
	for what, bad := range map[string]func(r *ThreatRelay){
		"relay.name":             func(r *ThreatRelay) { r.Name = r.Name[4:] },
		"relay.shares":           func(r *ThreatRelay) { r.Shares = r.Shares[:2] },
		"relay.commitment":       func(r *ThreatRelay) { r.Commitment = r.Commitment[:1] },
		"relay.commitment[1]":    func(r *ThreatRelay) { r.Commitment[1] = upperHex },
		"relay.shares[1].member": func(r *ThreatRelay) { r.Shares[1].Member = r.Shares[0].Member },
		"relay.shares[2].member": func(r *ThreatRelay) { r.Shares[2].Member = "z z" },
		"relay.shares[0].share":  func(r *ThreatRelay) { r.Shares[0].Share = "" },
		"relay.shares[2].share": func(r *ThreatRelay) {
			r.Shares[2].Share = base64.StdEncoding.EncodeToString(make([]byte, maxSealedShare+1))
		},
	} {
		r := relayOf("authority", "hospital-north", "medtech")
		bad(r)
		req := ShareThreat{Digest: hex32(9), Marking: TLPClear, MediaType: MediaTypeSTIX, Size: 1, Relay: r}
		p, ok := errors.AsType[*Problem](req.Validate())
		if !ok || p.Code != CodeInvalid || len(p.Faults) != 1 || p.Faults[0].Field != what {
			t.Errorf("a wrong %s: %v", what, p)
		}
	}
	req := ShareThreat{Digest: hex32(9), Marking: TLPClear, MediaType: MediaTypeSTIX, Size: 1, Relay: relayOf(many[1:]...)}
	for i := range req.Relay.Shares {
		req.Relay.Shares[i].Share = base64.StdEncoding.EncodeToString(make([]byte, maxSealedShare))
	}
	if err := req.Validate(); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	if b, err := json.Marshal(req); err != nil || len(b) > MaxRequestOf(ThreatShare) {
		t.Errorf("the largest request has %d bytes (%v), and %d are taken", len(b), err, MaxRequestOf(ThreatShare))
	}
	req.Relay = relayOf(many...)
	if err := req.Validate(); CodeOf(err) != CodeInvalid {
		t.Errorf("one more: %v", err)
	}
	req = ShareThreat{Digest: hex32(9), Marking: TLPRed, Relay: relayOf("authority", "hospital-north", "medtech")}
	if err := req.Validate(); CodeOf(err) != CodeInvalid {
		t.Errorf("a sealed report: %v", err)
	}
}

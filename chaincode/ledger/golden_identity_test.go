package ledger

// Two public keys: of RFC 8037, appendix A.2, and of RFC 7515, appendix A.3.1.
var (
	sampleEd25519 = JWK{Kty: KeyTypeOKP, Crv: CurveEd25519, X: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
	sampleP256    = JWK{
		Kty: KeyTypeEC, Crv: CurveP256,
		X: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", Y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
	}
)

const sampleIssuer = "did:secant:dev:hospital-north:staff"

func sampleKeys() DIDKeys {
	return DIDKeys{
		VerificationMethod: []VerificationMethod{
			{ID: "key-1", Type: MethodJSONWebKey, PublicKeyJWK: sampleEd25519},
			{ID: "key-2", Type: MethodJSONWebKey, PublicKeyJWK: sampleP256},
		},
		Authentication: []string{"key-1"}, AssertionMethod: []string{"key-2"}, CapabilityInvocation: []string{"key-1", "key-2"},
	}
}

func sampleDID() DID {
	return DID{
		V: 1, ID: sampleIssuer, Kind: DIDIssuer, Organisation: "hospital-north", Keys: sampleKeys(),
		Service:     []Service{{ID: "oid4vci", Type: "CredentialIssuer", ServiceEndpoint: "https://north.example/oid4vci"}},
		AlsoKnownAs: []string{"did:web:north.example"}, Created: at, Updated: at, Revision: 3,
	}
}

// identityRecords holds one of each record of the contract "identity", in the newest form.
var identityRecords = map[string]any{
	"organisation": &Organisation{
		V: 1, ID: "hospital-north", Name: "North Hospital", Kind: KindHospital,
		Endpoint: "https://north.example", TokenKey: hex32(3), Since: at, Revision: 2,
	},
	"roster": &Roster{
		V: 1, Network: "dev", Organisations: []string{"authority", "hospital-north"}, Removed: []string{"medtech"}, Revision: 4,
	},
	"roster-stated": &Roster{
		V: 1, Organisations: []string{"authority", "hospital-north"}, Revision: 2,
		Stated: []StatedNetwork{{Organisation: "authority", Network: "dev"}, {Organisation: "hospital-north", Network: "live"}},
	},
	"roster-unnamed": &Roster{V: 1, Organisations: []string{"hospital-north"}, Revision: 1},
	"proposal-accept": &Proposal{
		V: 1, ID: hex32(20), Kind: ProposeAcceptIssuer, Reason: "it assesses devices", By: "hospital-north", Proposed: at, Expires: at.Add(ProposalLife),
		Subject: ProposalSubject{Issuer: sampleIssuer, CredentialType: "DeviceAssessor", Schema: "1"},
	},
	"proposal-accept-based": &Proposal{
		V: 1, ID: hex32(20), Kind: ProposeAcceptIssuer, Reason: "it assesses devices", Base: "2", By: "hospital-north", Proposed: at, Expires: at.Add(ProposalLife),
		Subject: ProposalSubject{Issuer: sampleIssuer, CredentialType: "DeviceAssessor", Schema: "1"},
	},
	"proposal-stream": &Proposal{
		V: 1, ID: hex32(21), Kind: ProposeSucceedStream, Reason: "the disk is lost", By: "hospital-north", Proposed: at, Expires: at.Add(ProposalLife),
		Subject: ProposalSubject{Stream: hex32(2), Successor: hex32(22), LastSequence: 7},
	},
	"proposal-model": &Proposal{
		V: 1, ID: hex32(23), Kind: ProposeAssignModel, Reason: "it is medtech's", By: "medtech", Proposed: at, Expires: at.Add(ProposalLife),
		Subject: ProposalSubject{DI: "04012345678901", Organisation: "medtech"},
	},
	"proposal-recovery": &Proposal{
		V: 1, ID: hex32(24), Kind: ProposeRecoverDID, Reason: "the key is lost", By: "hospital-north", Proposed: at, Expires: at.Add(ProposalLife),
		Subject: ProposalSubject{DID: sampleIssuer, Key: sampleEd25519.Thumbprint()},
	},
	"vote": &Vote{V: 1, Proposal: hex32(20), Organisation: "authority", Approve: true, Time: at},
	"enactment": &Enactment{
		V: 1, Proposal: hex32(20), Kind: ProposeAcceptIssuer, Voters: []string{"authority", "hospital-north"}, By: "authority", Tx: hex32(25), Time: at,
	},
	"trust-row": &TrustRow{
		V: 1, Issuer: sampleIssuer, CredentialType: "DeviceAssessor", State: TrustStruck, Schema: "1", Since: at, Proposal: hex32(20), Revision: 2,
	},
	"schema": &Schema{V: 1, CredentialType: "DeviceAssessor", Version: "1", Digest: hex32(26), Author: "authority", Published: at},
	"status-list": &StatusList{
		V: 1, Issuer: sampleIssuer, List: "1", Version: 7, Digest: hex32(27), ValidUntil: at.Add(MaxStatusLife), Time: at,
	},
	"did": new(sampleDID()),
	"did-deactivated": &DID{
		V: 1, ID: "did:secant:dev:" + hex32(1), Kind: DIDDevice, Organisation: "medtech", Created: at, Updated: at, Revision: 2, Deactivated: true,
	},
	"did-version": &DIDVersion{V: 1, Document: sampleDID(), Proof: "e30.e30.AAAA", Tx: hex32(28)},
}

// identityKeys says under which keys they stand.
var identityKeys = map[string][]string{
	"organisation":    {"org", "hospital-north"},
	"roster":          {"ros", "members"},
	"proposal-accept": {"prp", hex32(20)},
	"vote":            {"vot", hex32(20), "authority"},
	"enactment":       {"prp.en", hex32(20)},
	"trust-row":       {"tru", sampleIssuer, "DeviceAssessor"},
	"schema":          {"sch", "DeviceAssessor", "1"},
	"status-list":     {"stl", sampleIssuer, "1"},
	"did":             {"did", sampleIssuer},
	"did-version":     {"did.v", sampleIssuer, "000003"},
}

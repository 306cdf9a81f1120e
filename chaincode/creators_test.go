package chaincode_test

import (
	"encoding/pem"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// nobodies are creators that name no member of the channel with a certificate.
func nobodies(t *testing.T, s *scene) map[string][]byte {
	t.Helper()
	encode := func(m proto.Message) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	certificate := s.Client(north, ledger.RoleRegistrar).Certificate
	idemix := encode(&msp.SerializedIdemixIdentity{
		Ou: encode(&msp.OrganizationUnit{OrganizationalUnitIdentifier: "client"}), Role: encode(&msp.MSPRole{}),
	})
	return map[string][]byte{
		"no creator":              nil,
		"an empty creator":        {},
		"noise":                   {0xff, 0xfe, 0xfd},
		"no certificate":          encode(&msp.SerializedIdentity{Mspid: north}),
		"a broken certificate":    encode(&msp.SerializedIdentity{Mspid: north, IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})}),
		"no organisation":         encode(&msp.SerializedIdentity{IdBytes: certificate}),
		"an anonymous credential": encode(&msp.SerializedIdentity{Mspid: north, IdBytes: idemix}),
	}
}

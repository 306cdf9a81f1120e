package statetest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/attrmgr"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

func decode[M proto.Message](t *testing.T, b []byte, m M) M {
	t.Helper()
	if err := proto.Unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestASignedReadIsWhatPeersSign takes one apart, as an offline verifier does.
func TestASignedReadIsWhatPeersSign(t *testing.T) {
	t.Parallel()
	l := statetest.NewSeeded(t)
	id := statetest.SeededUnit("hospital-north")
	read, err := l.SignedRead(statetest.Proposal{
		Client: l.Client("hospital-north", ledger.RoleAnchorer), Name: ledger.DeviceGetUnit, Request: ledger.GetUnit{ID: id},
	}, "hospital-north", "medtech", "authority")
	if err != nil {
		t.Fatal(err)
	}
	payload := decode(t, read.Response, &peer.ProposalResponsePayload{})
	h := sha256.New()
	for _, b := range [][]byte{read.ChannelHeader, read.SignatureHeader, read.Proposal} {
		h.Write(b)
	}
	if !bytes.Equal(payload.GetProposalHash(), h.Sum(nil)) {
		t.Error("the answer is to another proposal")
	}
	header := decode(t, read.ChannelHeader, &common.ChannelHeader{})
	if header.GetChannelId() != statetest.Channel || !header.GetTimestamp().AsTime().Equal(statetest.Start) {
		t.Errorf("the header is %v", header)
	}
	action := decode(t, payload.GetExtension(), &peer.ChaincodeAction{})
	if action.GetResponse().GetStatus() != 200 || action.GetChaincodeId().GetName() != ledger.ChaincodeName {
		t.Errorf("the answer is %v", action)
	}
	results := decode(t, action.GetResults(), &rwset.TxReadWriteSet{})
	own := decode(t, results.GetNsRwset()[1].GetRwset(), &kvrwset.KVRWSet{})
	key, _ := ledger.ParseKey(own.GetReads()[0].GetKey())
	if key.Type != ledger.TypeUnit || key.Parts[0] != id || own.GetReads()[0].GetVersion().GetBlockNum() == 0 || len(own.GetWrites()) > 0 {
		t.Errorf("it read %v", own)
	}
	trust := l.Trust()
	epoch, ok := trust.At(statetest.Start)
	if !ok || epoch.Needed() != 3 {
		t.Fatalf("the epoch is %+v", epoch)
	}
	for i, org := range []string{"hospital-north", "medtech", "authority"} {
		identity := decode(t, read.Endorsements[i].Endorser, &msp.SerializedIdentity{})
		if identity.GetMspid() != org {
			t.Errorf("endorsement %d is of %s", i, identity.GetMspid())
		}
		cert := certificate(t, identity.GetIdBytes())
		if cert.Subject.OrganizationalUnit[0] != "peer" {
			t.Errorf("%s signed with a certificate of a %v", org, cert.Subject.OrganizationalUnit)
		}
		chains(t, epoch, org, cert)
		signed := sha256.Sum256(append(append([]byte{}, read.Response...), read.Endorsements[i].Endorser...))
		public, ok := cert.PublicKey.(*ecdsa.PublicKey)
		if !ok || !ecdsa.VerifyASN1(public, signed[:], read.Endorsements[i].Signature) {
			t.Errorf("the signature of %s does not verify", org)
		}
	}
	if _, err := l.SignedRead(statetest.Proposal{Client: l.Client("medtech", ""), Name: ledger.DeviceGetUnit, Request: ledger.GetUnit{ID: "unknown"}}); ledger.CodeOf(err) != ledger.CodeNotFound {
		t.Errorf("a refused read is signed: %v", err)
	}
}

func certificate(t *testing.T, b []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(b)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func chains(t *testing.T, epoch *ledger.TrustEpoch, org string, cert *x509.Certificate) {
	t.Helper()
	roots := x509.NewCertPool()
	for _, o := range epoch.Organisations {
		if o.ID == org {
			roots.AppendCertsFromPEM([]byte(o.Roots[0]))
		}
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: statetest.Start.Add(time.Hour), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Errorf("the certificate of %s: %v", org, err)
	}
}

func TestCertificatesCarryTheirRole(t *testing.T) {
	t.Parallel()
	l := statetest.New(t)
	for role, want := range map[ledger.Role]string{ledger.RoleScorer: "scorer", "": ""} {
		id := l.Client("medtech", role)
		if id != l.Client("medtech", role) {
			t.Error("asked twice, it is another certificate")
		}
		cert := certificate(t, id.Certificate)
		attrs, err := attrmgr.New().GetAttributesFromCert(cert)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := attrs.Value(ledger.RoleAttribute); got != want {
			t.Errorf("the role is %q, want %q", got, want)
		}
		if cert.SerialNumber.Cmp(big.NewInt(0)) <= 0 || cert.Subject.OrganizationalUnit[0] != "client" {
			t.Errorf("the certificate is %v", cert.Subject)
		}
	}
}

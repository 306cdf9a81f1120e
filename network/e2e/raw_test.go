package e2e

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/secant-platform/secant/gateway/config"
)

// rawGateway connects the bare fabric-gateway client to an organisation's peer
// with one of its node's certificates: what the node is measured against, and
// the way in for an organisation that goes round its own node.
func (n *network) rawGateway(tb testing.TB, org, role string) *client.Gateway {
	tb.Helper()
	id, sign := n.identity(tb, org, role)
	gw, err := client.Connect(id, client.WithSign(sign), client.WithClientConnection(n.peerConnection(tb, org)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = gw.Close() })
	return gw
}

func (n *network) contract(tb testing.TB, org, role string) *client.Contract {
	tb.Helper()
	return n.rawGateway(tb, org, role).GetNetwork("secant").GetContract("secant")
}

// identity reads the certificate and key of one role of an organisation.
func (n *network) identity(tb testing.TB, org, role string) (*identity.X509Identity, identity.Sign) {
	tb.Helper()
	dir := filepath.Join(n.dir, "orgs", org, "clients", role)
	cert, err := identity.CertificateFromPEM(read(tb, filepath.Join(dir, "cert.pem")))
	if err != nil {
		tb.Fatal(err)
	}
	key, err := identity.PrivateKeyFromPEM(read(tb, filepath.Join(dir, "key.pem")))
	if err != nil {
		tb.Fatal(err)
	}
	id, err := identity.NewX509Identity(org, cert)
	if err != nil {
		tb.Fatal(err)
	}
	sign, err := identity.NewPrivateKeySign(key)
	if err != nil {
		tb.Fatal(err)
	}
	return id, sign
}

// peerConnection dials the first peer that the organisation's node knows as its own.
func (n *network) peerConnection(tb testing.TB, org string) *grpc.ClientConn {
	tb.Helper()
	cfg, err := config.Load(n.config(org))
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range cfg.Ledger.Peers {
		if p.Organisation != org {
			continue
		}
		block, _ := pem.Decode(read(tb, p.TLSRoot))
		if block == nil {
			tb.Fatalf("%s holds no certificate", p.TLSRoot)
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			tb.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(root)
		conn, err := grpc.NewClient(p.Address, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(pool, "")))
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	tb.Fatalf("%s has no peer of its own", org)
	return nil
}

// rawSubmit submits with the bare client, as the measured reference does.
func rawSubmit(ctx context.Context, c *client.Contract, name string, req any) error {
	arg, err := json.Marshal(req)
	if err != nil {
		return err
	}
	_, err = c.SubmitWithContext(ctx, name, client.WithArguments(string(arg)))
	return err
}

// rawEvaluate reads a record with the bare client.
func rawEvaluate(tb testing.TB, c *client.Contract, name string, req, out any) error {
	tb.Helper()
	arg, err := json.Marshal(req)
	if err != nil {
		return err
	}
	b, err := c.EvaluateWithContext(tb.Context(), name, client.WithArguments(string(arg)))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("decoding %s: %w", name, err)
	}
	return nil
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

package topology

import (
	"fmt"
	"os"
	"path/filepath"
)

// The layout of the state directory. Folders named orgs hold certificates and
// keys; orderers, peers and nodes hold what the processes themselves write.

func (n *Network) path(parts ...string) string {
	return filepath.Join(append([]string{n.Dir}, parts...)...)
}

// TrustFile is what an offline verifier needs (ledger.Trust).
func (n *Network) TrustFile() string { return n.path("trust.json") }

// RootsFile holds the certificates that all members' TLS servers chain to, for
// programs outside (curl --cacert, NODE_EXTRA_CA_CERTS).
func (n *Network) RootsFile() string { return n.path("roots.pem") }

// GenesisFile is the channel's first block.
func (n *Network) GenesisFile() string { return n.path("genesis.block") }

// ProgramsFile says which programs the network was last started with.
func (n *Network) ProgramsFile() string { return n.path("programs.json") }

// ChaincodeFile says which chaincode was last deployed.
func (n *Network) ChaincodeFile() string { return n.path("chaincode.json") }

// LockFile is held by whoever is changing the network.
func (n *Network) LockFile() string { return n.path("lock") }

// RunDir holds one record for each process that was started.
func (n *Network) RunDir() string { return n.path("run") }

// LogDir holds one log for each process.
func (n *Network) LogDir() string { return n.path("logs") }

// LogFile is where a process writes its log.
func (n *Network) LogFile(name string) string { return n.path("logs", name+".log") }

// BuilderDir is the external chaincode builder that the peers call.
func (n *Network) BuilderDir() string { return n.path("builder") }

// ConfigDir is where configtx.yaml is kept.
func (n *Network) ConfigDir() string { return n.path("channel") }

// OrgDir is an organisation's certificates and keys.
func (n *Network) OrgDir(org string) string { return n.path("orgs", org) }

// MSPDir is an organisation's public membership definition.
func (n *Network) MSPDir(org string) string { return filepath.Join(n.OrgDir(org), "msp") }

// TLSRoot is the certificate that an organisation's TLS servers chain to.
func (n *Network) TLSRoot(org string) string {
	return filepath.Join(n.OrgDir(org), "tlsca", "cert.pem")
}

// AdminDir holds the organisation's administrator: cert.pem, key.pem.
func (n *Network) AdminDir(org string) string { return filepath.Join(n.OrgDir(org), "admin") }

// ClientDir holds the node's certificate for one role: cert.pem, key.pem.
func (n *Network) ClientDir(org, role string) string {
	return filepath.Join(n.OrgDir(org), "clients", role)
}

// NodeIdentity holds the certificate that the node shows to those outside: cert.pem,
// key.pem.
func (n *Network) NodeIdentity(org string) string { return filepath.Join(n.OrgDir(org), "node") }

// OrdererIdentity holds the orderer's msp and tls folders.
func (n *Network) OrdererIdentity(org string) string {
	return filepath.Join(n.OrgDir(org), "orderers", "orderer0")
}

// PeerIdentity holds a peer's msp and tls folders.
func (n *Network) PeerIdentity(org string, p Peer) string {
	return filepath.Join(n.OrgDir(org), "peers", p.Folder)
}

// OrdererDir is an orderer's configuration and ledger.
func (n *Network) OrdererDir(name string) string { return n.path("orderers", name) }

// PeerDir is a peer's configuration and ledger.
func (n *Network) PeerDir(name string) string { return n.path("peers", name) }

// NodeDir is an organisation's node: its configuration, data and tokens.
func (n *Network) NodeDir(org string) string { return n.path("nodes", org) }

// NodeConfig is the file with which an organisation's node starts.
func (n *Network) NodeConfig(org string) string { return filepath.Join(n.NodeDir(org), "node.json") }

// TokenFile is a token for calls to an organisation's node in an API role.
func (n *Network) TokenFile(org, role string) string {
	return filepath.Join(n.NodeDir(org), "tokens", role+".jwt")
}

// DefaultDir is where a network lives when no directory is given.
func DefaultDir() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding the home directory (give --dir): %w", err)
	}
	return filepath.Join(home, ".secant"), nil
}

// Contents lists all that a network may have made in its directory, the network
// file last.
func (n *Network) Contents() []string {
	var out []string
	for _, p := range People() { // wallets of others that lie there are theirs
		out = append(out, n.WalletDir(p.Wallet))
	}
	out = append(out, n.WalletKey())
	for _, name := range []string{
		"nodes", "peers", "orderers", "builder", "channel", "orgs", "logs", "run", "demo",
		"genesis.block", "trust.json", "roots.pem", "programs.json", "chaincode.json", "lock", FileName,
	} {
		out = append(out, n.path(name))
	}
	return out
}

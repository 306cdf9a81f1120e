package topology

// The credential types of the development network's people.
const (
	CredentialPatient  = "Patient"
	CredentialStaff    = "StaffRole"
	CredentialReleaser = "DeviceReleaser"
)

// Person is somebody whom the development network gives a wallet.
type Person struct {
	Wallet       string // its name
	Organisation string // that issues the credential
	Credential   string // its type
	Role         string // that a StaffRole gives
	What         string // the person is, for people
}

// SignsIn reports whether the credential is one by which somebody signs in.
func (p *Person) SignsIn() bool { return p.Credential != CredentialReleaser }

// People lists those with a wallet. Two of them can release together what takes
// persons of two organisations.
func People() []Person {
	return []Person{
		{"nurse", "hospital-north", CredentialStaff, "nurse", "a nurse at hospital-north"},
		{"patient", "hospital-north", CredentialPatient, "", "a patient there"},
		{"doctor", "hospital-north", CredentialStaff, "physician", "a physician there"},
		{"analyst", "hospital-north", CredentialStaff, "analyst", "a security analyst there"},
		{"auditor", "hospital-north", CredentialStaff, "auditor", "an auditor there"},
		{"maker", "medtech", CredentialStaff, "registrar", "who registers devices at medtech"},
		{"releaser-north", "hospital-north", CredentialReleaser, "", "who releases devices at hospital-north"},
		{"releaser-authority", "authority", CredentialReleaser, "", "who releases devices at the authority"},
	}
}

// WalletsDir holds wallets: those of People, and whatever else somebody keeps there.
func (n *Network) WalletsDir() string { return n.path("wallets") }

// WalletDir is the wallet of a name.
func (n *Network) WalletDir(name string) string { return n.path("wallets", name) }

// WalletKey is the file that opens the wallets of People. A key beside what it
// opens protects nothing: it is for development.
func (n *Network) WalletKey() string { return n.path("wallets", "wallet.key") }

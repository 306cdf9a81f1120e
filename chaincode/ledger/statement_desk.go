package ledger

import (
	"net/netip"
	"net/url"
	"strings"
)

// LabelCredentials is the label of the issuer of a member's own credentials,
// which the member's node keeps: IssuerDID(network, org, LabelCredentials). Its
// document is also where the member says that its node asks persons for
// statements.
const LabelCredentials = "credentials"

// ServiceStatementDesk is the type of a service, in the document of a member's
// issuer LabelCredentials, by which the member says that it asks persons to sign
// statements from there, and asks for no other SD-JWT VC under the client identifier
// that follows from the address: see StatementClient. It is our own: no
// vocabulary has one.
const ServiceStatementDesk = "StatementDesk"

// statementClientPrefix is that of clients who are known to wallets by a DNS name
// in their certificate (OpenID4VP 1.0, section 5.9.3). Those known by a digest of
// their certificate, x509_hash, are left to whoever asks for something else, such
// as to sign in: no statement is ever signed for one.
const statementClientPrefix = "x509_san_dns:"

// IsStatementClient reports whether an audience can be a statement desk's at all.
func IsStatementClient(audience string) bool {
	host, ok := strings.CutPrefix(audience, statementClientPrefix)
	return ok && isDNSHost(host)
}

// isDNSHost is IsHost without the IP addresses, which certificates have elsewhere.
func isDNSHost(host string) bool {
	_, err := netip.ParseAddr(host)
	return err != nil && IsHost(host)
}

// StatementClient returns the client identifier under which a desk at that
// address asks wallets: "x509_san_dns:" and the address's host, without its port.
// It is empty for an address that is not https, or whose host is an IP address or
// has another spelling than IsHost wants.
func StatementClient(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || !isDNSHost(u.Hostname()) {
		return ""
	}
	return statementClientPrefix + u.Hostname()
}

// StatementClients returns the client identifiers of the desks in the document;
// none of one that is deactivated, or not the document of a member's issuer
// LabelCredentials.
func (d *DID) StatementClients() []string {
	id, ok := ParseDID(d.ID)
	if !ok || id.Kind != DIDIssuer || id.Label != LabelCredentials || d.Deactivated {
		return nil
	}
	var clients []string
	for _, s := range d.Service {
		if s.Type != ServiceStatementDesk {
			continue
		}
		if client := StatementClient(s.ServiceEndpoint); client != "" {
			clients = append(clients, client)
		}
	}
	return clients
}

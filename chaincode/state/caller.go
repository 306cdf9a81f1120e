package state

import (
	"slices"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Caller is who submitted a transaction. The subject of the certificate is left
// out on purpose: nothing is owned by a certificate, which gets renewed.
type Caller struct {
	Org  string      // MSP id, which the peer has checked
	Role ledger.Role // from the certificate's attribute; empty when it has none that we know
}

// callerOf reads the creator, and refuses one that is not an X.509 identity.
func callerOf(stub shim.ChaincodeStubInterface) (Caller, error) {
	id, err := cid.New(stub)
	if err != nil {
		return Caller{}, denied("the transaction has no usable creator")
	}
	org, err := id.GetMSPID()
	if err != nil || org == "" {
		return Caller{}, denied("the creator names no organisation")
	}
	if cert, err := id.GetX509Certificate(); err != nil || cert == nil {
		return Caller{}, denied("the creator has no X.509 certificate")
	}
	value, _, err := id.GetAttributeValue(ledger.RoleAttribute)
	if err != nil {
		return Caller{}, denied("the creator's role cannot be read")
	}
	caller := Caller{Org: org}
	if slices.Contains(ledger.Roles, ledger.Role(value)) {
		caller.Role = ledger.Role(value)
	}
	return caller, nil
}

// Permit is the first line of a transaction that needs a role.
func (c *Context) Permit(role ledger.Role) error {
	if c.caller.Org == "" || c.caller.Role != role {
		return denied("this needs the role " + string(role))
	}
	c.permitted = true
	return nil
}

// PermitOneOf is the first line of a transaction that nodes of several roles may
// submit.
func (c *Context) PermitOneOf(roles ...ledger.Role) error {
	if c.caller.Org == "" || c.caller.Role == "" || !slices.Contains(roles, c.caller.Role) {
		names := make([]string, len(roles))
		for i, r := range roles {
			names[i] = string(r)
		}
		return denied("this needs one of the roles " + strings.Join(names, ", "))
	}
	c.permitted = true
	return nil
}

// PermitAnyRole is the first line of a transaction that any node of a member
// may submit, whatever its role.
func (c *Context) PermitAnyRole() error {
	if c.caller.Org == "" || c.caller.Role == "" {
		return denied("this needs a role")
	}
	c.permitted = true
	return nil
}

// PermitMember is the first line of a transaction that only reads: every member
// of the channel can read its own peer's database anyway.
func (c *Context) PermitMember() error {
	if c.caller.Org == "" {
		return denied("this needs a member of the channel")
	}
	c.permitted = true
	return nil
}

func denied(detail string) error { return &ledger.Problem{Code: ledger.CodeDenied, Detail: detail} }

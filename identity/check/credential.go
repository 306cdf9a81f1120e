package check

import (
	"log/slog"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
)

// Credential is one that passed every check.
type Credential struct {
	Format catalogue.Format
	Type   *catalogue.Type
	// Issuer is who issued it by its own words, Standing whose word that is.
	Issuer   string
	Standing Standing
	Subject  string // id of its subject; empty when it gives none
	// Claims are those that were shown, as the catalogue has them. Values are as
	// encoding/json has them, numbers json.Number.
	Claims map[string]any
	// Holder is the key to which it is bound, and which signed the presentation. It
	// is the zero key where the format hides the holder, which Want.Anonymous allows.
	Holder  ledger.JWK
	Issued  time.Time
	Expires time.Time
	Status  []StatusRef // all of them valid; none: it has no status
}

// HolderID returns the RFC 7638 thumbprint of the holder's key, and the empty
// string when there is none.
func (c *Credential) HolderID() string {
	if c.Holder == (ledger.JWK{}) {
		return ""
	}
	return c.Holder.Thumbprint()
}

// LogValue shows what may stand in a log: nothing of the subject or the holder.
func (c *Credential) LogValue() slog.Value {
	return slog.GroupValue(slog.String("type", c.Type.Name), slog.String("format", string(c.Format)),
		slog.String("organisation", c.Standing.Organisation))
}

// String says the same, so that a credential that is printed says no more.
func (c *Credential) String() string {
	return c.Type.Name + " (" + string(c.Format) + ") of " + c.Standing.Organisation
}

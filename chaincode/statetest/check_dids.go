package statetest

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// dids: each version of a document stands as a version of its own, signed for by
// a key of the one before, and nothing follows a deactivation.
func (c *checker) dids() {
	v := newVotes(c)
	versions := once(c, rowsOf[ledger.DIDVersion](c, ledger.TypeDIDVersion))
	n := 0
	for _, r := range rowsOf[ledger.DID](c, ledger.TypeDID) {
		name, ok := ledger.ParseDID(r.last().ID)
		c.want(ok && name.Kind == r.last().Kind, "%s: is no DID of its kind", r.last().ID)
		for i, d := range r.versions {
			n++
			c.want(d.Revision == i+1, "%s: version %d has revision %d", d.ID, i, d.Revision)
			c.want(d.Organisation == c.by(r.entries[i]).Org && (name.Org == "" || name.Org == d.Organisation), "%s: another organisation wrote it", d.ID)
			kept := find(versions, ledger.DIDVersionKey(d.ID, d.Revision))
			if kept == nil {
				c.fail("%s: revision %d is not kept", d.ID, d.Revision)
				continue
			}
			c.want(reflect.DeepEqual(kept.Document, d) && kept.Tx == r.entries[i].tx, "%s: revision %d is kept as another", d.ID, d.Revision)
			signer := d.Keys
			c.want(i == 0 || !r.versions[i-1].Deactivated, "%s: changed after its deactivation", d.ID)
			recovery := v.enacted(r.entries[i])
			if i > 0 && recovery == nil {
				signer = r.versions[i-1].Keys
			}
			c.proof(d, kept.Proof, signer, recovery)
		}
	}
	c.want(n == len(versions), "%d versions of DIDs are kept, of %d", len(versions), n)
}

// proof makes the request again that led to a document, and checks that a key
// which might change it signed that.
func (c *checker) proof(d ledger.DID, proof string, keys ledger.DIDKeys, recovery *ledger.Proposal) {
	jws, err := verify.ParseJWS(proof)
	if err != nil {
		c.fail("%s: the proof of revision %d: %w", d.ID, d.Revision, err)
		return
	}
	c.want(jws.Bare() == nil, "%s: the proof of revision %d says more than it must", d.ID, d.Revision)
	var said ledger.Control
	if err := json.Unmarshal(jws.Payload, &said); err != nil {
		c.fail("%s: the proof of revision %d: %w", d.ID, d.Revision, err)
		return
	}
	var request ledger.ControlRequest
	switch said.Function {
	case ledger.IdentityCreateDID:
		request = &ledger.CreateDID{DID: d.ID, Keys: d.Keys, Service: d.Service, AlsoKnownAs: d.AlsoKnownAs}
	case ledger.IdentityRotateKeys:
		request = &ledger.RotateKeys{DID: d.ID, Keys: d.Keys, Revision: d.Revision}
	case ledger.IdentitySetServices:
		request = &ledger.SetServices{DID: d.ID, Service: d.Service, AlsoKnownAs: d.AlsoKnownAs, Revision: d.Revision}
	case ledger.IdentityRecoverDID:
		if recovery == nil {
			c.fail("%s: revision %d was recovered without a vote", d.ID, d.Revision)
			return
		}
		request = &ledger.RecoverDID{DID: d.ID, Keys: d.Keys, Revision: d.Revision, Proposal: recovery.ID}
	default:
		request = &ledger.DeactivateDID{DID: d.ID, Revision: d.Revision}
	}
	payload, err := request.ControlPayload(Channel)
	c.want(err == nil && string(payload) == string(jws.Payload), "%s: the proof of revision %d is of another change", d.ID, d.Revision)
	jwk, found := keys.Method(keys.CapabilityInvocation, strings.TrimPrefix(jws.KeyID, d.ID+"#"))
	key, err := verify.NewKey(jwk)
	c.want(found && err == nil && jws.Verify(key) == nil, "%s: the proof of revision %d is by no key of the one before", d.ID, d.Revision)
	c.want(recovery == nil || recovery.Kind == ledger.ProposeRecoverDID && recovery.Subject.DID == d.ID && recovery.Subject.Key == jwk.Thumbprint(),
		"%s: revision %d is not what was enacted", d.ID, d.Revision)
	c.want(recovery == nil || recovery.Base == strconv.Itoa(d.Revision-1), "%s: revision %d was decided on another than the one before", d.ID, d.Revision)
}

// registries: schemas are their author's, and a status list goes on version by
// version, committed by its issuer's organisation.
func (c *checker) registries() {
	for _, r := range once(c, rowsOf[ledger.Schema](c, ledger.TypeSchema)) {
		c.want(r.last().Author == c.by(r.entries[0]).Org, "schema %v: another organisation wrote it", r.key)
	}
	for _, r := range rowsOf[ledger.StatusList](c, ledger.TypeStatusList) {
		name, _ := ledger.ParseDID(r.last().Issuer)
		for i, s := range r.versions {
			c.want(s.Version == i+1, "status list %v: version %d is numbered %d", r.key, i+1, s.Version)
			c.want(name.Org == c.by(r.entries[i]).Org, "status list %v: another organisation committed it", r.key)
			c.want(s.ValidUntil.After(s.Time) && s.ValidUntil.Sub(s.Time) <= ledger.MaxStatusLife, "status list %v: lasts too long, or not at all", r.key)
		}
	}
}

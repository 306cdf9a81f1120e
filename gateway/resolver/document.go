package resolver

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/did"
)

// fresh is how long others may keep a document: a key that was taken out of it
// still counts for them that long, in seconds.
const fresh = "public, max-age=60"

// organisation answers the document of did:web:HOST.
func (h *handler) organisation(c *gin.Context) error {
	return h.document(c, ledger.OrganisationDID(h.Network, h.Organisation))
}

// issuer answers that of one of the organisation's issuers, did:web:HOST:issuer:LABEL.
func (h *handler) issuer(c *gin.Context) error {
	return h.document(c, ledger.IssuerDID(h.Network, h.Organisation, c.Param("label")))
}

// device answers that of one of the organisation's devices, did:web:HOST:device:UNIT.
func (h *handler) device(c *gin.Context) error {
	return h.document(c, ledger.DeviceDID(h.Network, c.Param("unit")))
}

func (h *handler) document(c *gin.Context, id string) error {
	record, err := h.published(c.Request.Context(), id)
	if err != nil {
		return err
	}
	if record.Deactivated {
		// A document without keys would not say so: did:web knows no other sign.
		return ledger.Problemf(ledger.CodeGone, "the DID is deactivated")
	}
	d, err := did.WebDocument(record, h.Host)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", fresh)
	return write(c, http.StatusOK, did.TypeDIDJSON, d)
}

var errNotPublished = ledger.Problemf(ledger.CodeNotFound, "no DID of that name is published here")

// published returns the record of a DID that this organisation publishes: it is
// its own, and the organisation has a host to publish it at. Of a device that is
// whoever wrote the newest version of its document.
func (h *handler) published(ctx context.Context, id string) (*ledger.DID, error) {
	name, ok := ledger.ParseDID(id)
	if !ok || h.Host == "" {
		return nil, errNotPublished
	}
	row, err := h.Documents.DID(ctx, name.String())
	if ledger.CodeOf(err) == ledger.CodeNotFound || err == nil && row.Record.Organisation != h.Organisation {
		return nil, errNotPublished
	}
	if err != nil {
		return nil, err
	}
	return &row.Record, nil
}

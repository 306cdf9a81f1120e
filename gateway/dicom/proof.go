package dicom

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/dicom"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

// prove sends the bundle that proves an instance's manifest. When there are other
// bytes by its UID, the caller has to say which are meant.
func (h *handler) prove(c *gin.Context) error {
	f := fact.ImageFilter{Studies: []string{c.Param("study")}, Series: []string{c.Param("series")}, Instances: []string{c.Param("instance")}}
	for _, uid := range []string{c.Param("study"), c.Param("series"), c.Param("instance")} {
		if !dicom.ValidUID(uid) {
			return errNoInstance
		}
	}
	if f.Digest = c.Query("digest"); f.Digest != "" {
		if err := checkDigest("query.digest", f.Digest); err != nil {
			return err
		}
	}
	groups, err := h.images(c, f)
	if err != nil {
		return err
	}
	i := &groups[0].Image
	for n := range groups {
		g := &groups[n].Image
		if g.Digest != i.Digest {
			return ledger.Problemf(ledger.CodeConflict, "there are several files by this UID: ask with ?digest= for the one that is meant; a search for instances lists them")
		}
		if g.Measured == string(dicom.ByNode) { // what the node saw says more than what it was told
			i = g
		}
	}
	var id proof.RequestID
	if id, err = proof.ParseRequestID(i.Receipt); err != nil {
		return err
	}
	bundle, err := h.Proofs.Bundle(c.Request.Context(), id)
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, "application/json", bundle)
	return nil
}

var errNoInstance = ledger.Problemf(ledger.CodeNotFound, "no such instance is known here")

func (h *handler) images(c *gin.Context, f fact.ImageFilter) ([]fact.ImageGroup, error) {
	groups, _, err := h.Images.Images(c.Request.Context(), fact.ImageInstances, f, maxSame, 0)
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, errNoInstance
	}
	return groups, nil
}

// maxSame bounds the instances that are told of one digest or of one UID.
const maxSame = 100

func checkDigest(field, text string) error {
	var d dicom.Digest
	if d.UnmarshalText([]byte(text)) != nil {
		return problem.Malformed(field, "must be a SHA-256: 64 lower-case hexadecimal digits")
	}
	return nil
}

// Known is what is known of a file by its digest.
type Known struct {
	SHA256    string          `json:"sha256"`
	Instances []KnownInstance `json:"instances"`
}

// KnownInstance is an instance that a file with a digest is.
type KnownInstance struct {
	Study    string   `json:"study"`
	Series   string   `json:"series"`
	Instance string   `json:"instance"`
	Unit     string   `json:"unit"`
	Measured string   `json:"measuredBy"` // node: over the bytes; sender: it was told
	Receipt  string   `json:"receipt"`
	Received string   `json:"received"` // by the node's clock
	Anchor   *Anchor  `json:"anchor"`   // since when it is on the ledger; null: not yet
	Proof    string   `json:"proof"`    // where the bundle is
	Others   []string `json:"others"`   // digests of other files with the instance's UID
}

// digest answers whoever has a file, or its SHA-256, what is known of it and since
// when.
func (h *handler) digest(c *gin.Context) error {
	text := c.Param("digest")
	if err := checkDigest("path.digest", text); err != nil {
		return err
	}
	groups, err := h.images(c, fact.ImageFilter{Digest: text})
	if err != nil {
		return err
	}
	known := Known{SHA256: text}
	for n := range groups {
		i := &groups[n].Image
		k := KnownInstance{
			Study: i.Study, Series: i.Series, Instance: i.Instance, Unit: i.Unit, Measured: i.Measured,
			Receipt: i.Receipt, Received: timeOf(i.Received), Proof: proofOf(i), Others: append([]string{}, i.Others...),
		}
		id, err := proof.ParseRequestID(i.Receipt)
		if err != nil {
			return err
		}
		if k.Anchor, err = h.Proofs.Since(c.Request.Context(), id); err != nil {
			return err
		}
		known.Instances = append(known.Instances, k)
	}
	c.JSON(http.StatusOK, known)
	return nil
}

package fhir

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// parameters is a Parameters resource (FHIR R4, section 2.31).
type parameters struct {
	Type  string      `json:"resourceType"`
	Items []parameter `json:"parameter"`
}

type parameter struct {
	Name    string `json:"name"`
	Boolean *bool  `json:"valueBoolean,omitempty"`
	Code    string `json:"valueCode,omitempty"`
	Text    string `json:"valueString,omitempty"`
	Instant string `json:"valueInstant,omitempty"`
	URL     string `json:"valueUrl,omitempty"`
	Integer *int   `json:"valueInteger,omitempty"`
}

// verify says what is proven about a version: that it is unchanged, who vouches for
// it, and since when. What it says was verified as it was asked, as somebody else
// would with the proof that it names.
func (a *API) verify(c *gin.Context) error {
	v, err := a.find(c)
	if err != nil {
		return err
	}
	id, err := proof.ParseRequestID(v.Request)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if _, err := a.bytes(ctx, &v); err != nil { // they are compared with the log's entry as they are read
		return err
	}
	base := strings.TrimSuffix(a.base(c.Request), Path)
	yes, no := true, false
	p := parameters{"Parameters", []parameter{
		{Name: "unchanged", Boolean: &yes},
		{Name: "version", URL: fmt.Sprintf("%s%s/%s/%s/_history/%d", base, Path, v.Type, v.ID, v.Number)},
		{Name: "received-bytes", URL: fmt.Sprintf("%s%s/%s/%s/_history/%d/$received", base, Path, v.Type, v.ID, v.Number)},
		{Name: "receipt", URL: base + receiptPath + v.Request},
	}}
	verdict, err := a.Prove(ctx, id)
	switch {
	case ledger.CodeOf(err) == ledger.CodeBusy:
		p.Items = append(p.Items, parameter{Name: "anchored", Boolean: &no},
			parameter{Name: "meaning", Text: "The bytes are those that the node's log commits to; no anchor on the ledger covers them yet. Ask again in a second."})
	case isMismatch(err):
		p.Items[0].Boolean = &no
		p.Items = append(p.Items, parameter{Name: "meaning", Text: "The proof of these bytes does not hold."})
	case err != nil:
		return err
	default:
		p.Items = append(p.Items, proven(verdict)...)
		p.Items = append(p.Items, parameter{Name: "proof", URL: base + receiptPath + v.Request + "/records/0/proof"})
	}
	c.Data(http.StatusOK, MediaType, encode(p))
	return nil
}

func isMismatch(err error) bool {
	_, ok := errors.AsType[*proof.Mismatch](err)
	return ok
}

// proven are the parts of a verdict.
func proven(v *proof.Verdict) []parameter {
	yes, of, witnesses := true, v.Of, len(v.Witnesses)
	items := []parameter{
		{Name: "anchored", Boolean: &yes},
		{Name: "since", Instant: fhir.Instant(v.Since)},
		{Name: "as-of", Instant: fhir.Instant(v.AsOf)},
		{Name: "witnesses", Integer: &witnesses},
		{Name: "members", Integer: &of},
		{Name: "vouched-by", Code: string(v.VouchedBy)},
		{Name: "received", Instant: fhir.Instant(v.Received)},
		{Name: "organisation", Text: v.Organisation},
	}
	if v.Unit != (proof.Hash{}).String() {
		items = append(items, parameter{Name: "device", Text: v.Unit})
	}
	if v.UnitState != "" {
		items = append(items, parameter{Name: "device-state", Code: v.UnitState})
	}
	return append(items, parameter{Name: "meaning", Text: v.String()})
}

package fhir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// loadSchema has the judge know FHIR's schema, if the node has it.
func (a *API) loadSchema(ctx context.Context) error {
	text, digest, err := a.Store.FHIRSchema(ctx)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		a.judge.Store(fhir.NewJudge(nil, a.Limits.resource()))
		return nil
	}
	if err != nil {
		return err
	}
	s, err := fhir.ReadSchema(text)
	if err != nil {
		return fmt.Errorf("reading the schema that was imported: %w", err)
	}
	a.judge.Store(fhir.NewJudge(s, a.Limits.resource()))
	a.schema.Store(&digest)
	return nil
}

// putSchema takes FHIR's JSON schema. From then on every element is judged.
func (a *API) putSchema(c *gin.Context) error {
	text, err := a.body(c)
	if err != nil {
		return err
	}
	s, err := fhir.ReadSchema(text)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	digest := hex.EncodeToString(sum[:])
	if err := a.Store.PutFHIRSchema(c.Request.Context(), text, digest); err != nil {
		return err
	}
	a.judge.Store(fhir.NewJudge(s, a.Limits.resource()))
	a.schema.Store(&digest)
	c.Data(http.StatusOK, MediaType, encode(outcome{"OperationOutcome", []issue{{
		Severity: "information", Code: "informational", Diagnostics: "FHIR's schema is taken: SHA-256 " + digest,
	}}}))
	return nil
}

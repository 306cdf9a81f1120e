package rest

import (
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// What the operations that stream past huma share.

func pathParam(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "path", Required: true, Description: doc, Schema: &huma.Schema{Type: "string"}}
}

func queryParam(name, doc string, schema *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: schema}
}

func headerParam(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: doc, Schema: &huma.Schema{Type: "string"}}
}

const (
	maxPrefer = 100
	maxKey    = 128
)

func commandParams() []*huma.Param {
	return []*huma.Param{
		headerParam("Prefer", "With respond-async the answer is 202 at once, and the operation tells the outcome (RFC 7240, section 4.1)."),
		headerParam("Idempotency-Key", "A name of the caller's own for this command. The same command under the same key is done once."),
	}
}

// readCommandHeaders reads what CommandHeaders reads for huma.
func readCommandHeaders(c *gin.Context) (*CommandHeaders, error) {
	h := &CommandHeaders{Prefer: c.GetHeader("Prefer"), Key: c.GetHeader("Idempotency-Key")}
	var faults []ledger.Fault
	if len(h.Prefer) > maxPrefer {
		faults = append(faults, ledger.Fault{Field: "header.Prefer", Detail: fmt.Sprintf("must have at most %d characters", maxPrefer)})
	}
	if len(h.Key) > maxKey {
		faults = append(faults, ledger.Fault{Field: "header.Idempotency-Key", Detail: fmt.Sprintf("must have at most %d characters", maxKey)})
	}
	if len(faults) > 0 {
		return nil, invalid(faults...)
	}
	return h, nil
}

// writeAnswer writes a command's answer as huma would.
func writeAnswer(c *gin.Context, a *answer) error {
	c.Header("Location", a.Location)
	return writeJSON(c, a.Status, a.Body)
}

// writeJSON writes a value of ours.
func writeJSON(c *gin.Context, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	c.Data(status, typeJSON, append(b, '\n'))
	return nil
}

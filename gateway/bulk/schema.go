package bulk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/gateway/auth"
)

// maxSchema bounds the file of a schema, in bytes.
const maxSchema = 8 << 20

func schemaCommand() *cobra.Command {
	f := flags{role: auth.RoleOperator}
	c := &cobra.Command{
		Use:   "fhir-schema FILE",
		Short: "Have a node judge FHIR resources by FHIR's own JSON schema",
		Long: "fhir-schema hands FHIR's JSON schema of release 4 (fhir.schema.json) to a node, which from then on\n" +
			"judges every element of the resources that it is sent, and keeps the schema. Without it a node\n" +
			"knows only the elements that it acts on.",
		Example: "  secant import fhir-schema fhir.schema.json --config DIR/nodes/hospital-north/node.json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.putSchema(c, args[0]) },
	}
	f.reach(c)
	return c
}

// putSchema hands a schema to the node.
func (f *flags) putSchema(c *cobra.Command, name string) error {
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.http.CloseIdleConnections()
	file, err := os.Open(name) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("opening the schema: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSchema+1))
	if err != nil {
		return fmt.Errorf("reading the schema: %w", err)
	}
	if len(text) > maxSchema {
		return fmt.Errorf("the schema has more than %d bytes", maxSchema)
	}
	token, err := n.token()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(c.Context(), http.MethodPut, n.url+"/fhir/$schema", bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := n.http.Do(req)
	if err != nil {
		return fmt.Errorf("calling the node: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the node's answer: %w", err)
	}
	said := diagnostics(answer)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the node answered %d: %s", res.StatusCode, said)
	}
	if _, err := fmt.Fprintln(c.OutOrStdout(), said); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// diagnostics reads what an OperationOutcome says.
func diagnostics(text []byte) string {
	var o struct {
		Issue []struct{ Diagnostics string }
	}
	if err := json.Unmarshal(text, &o); err != nil || len(o.Issue) == 0 {
		return "nothing that is understood"
	}
	return o.Issue[0].Diagnostics
}

package bulk

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/gateway/auth"
)

// maxSchema bounds the file of a schema, in bytes.
const maxSchema = 8 << 20

func schemaCommand() *cobra.Command {
	f := reach{role: auth.RoleOperator}
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
	f.flags(c)
	return c
}

// putSchema hands a schema to the node.
func (f *reach) putSchema(c *cobra.Command, name string) error {
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	text, err := readFile(name, maxSchema)
	if err != nil {
		return err
	}
	said, err := n.PutFHIRSchema(c.Context(), text)
	if err != nil {
		return f.hint(err)
	}
	if _, err := fmt.Fprintln(c.OutOrStdout(), said); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

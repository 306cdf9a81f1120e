package bulk

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/client"
)

// media are the media types of files with readings, by the endings of their names.
var media = map[string]string{
	".edf": "application/edf", ".bdf": "application/edf", ".zip": "application/vnd.secant.wfdb+zip", ".xml": "application/xml",
}

// of says of which device the files are: of one by its unit id, or by what a source
// calls it.
type of struct{ device, source, name string }

func filesCommand() *cobra.Command {
	f, d := reach{role: auth.RoleIntegrator}, of{}
	c := &cobra.Command{
		Use:   "files FILE|FOLDER...",
		Short: "Hand in recordings and snapshots of one device",
		Long: "files hands in recordings (EDF, EDF+ or BDF: .edf, .bdf; a WFDB record: .zip) and snapshots of devices\n" +
			"that speak SDC (.xml), each file for itself and of a folder all with these endings. It prints the\n" +
			"receipt of each, or why it was refused. Run again it changes nothing: the same file of a device is\n" +
			"the same reading.",
		Example: "  secant import files recordings/ --source holter --name REC-7 --config DIR/nodes/hospital-north/node.json",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return f.files(c, args, d) },
	}
	f.flags(c)
	c.Flags().StringVar(&d.device, "device", "", "the device's unit id")
	c.Flags().StringVar(&d.source, "source", "", "instead of --device: who calls the device by --name, as its owner entered it")
	c.Flags().StringVar(&d.name, "name", "", "with --source: what it calls the device")
	c.MarkFlagsOneRequired("device", "source")
	c.MarkFlagsMutuallyExclusive("device", "source")
	c.MarkFlagsRequiredTogether("source", "name")
	return c
}

func (f *reach) files(c *cobra.Command, args []string, d of) error {
	files, err := filesOf(args, slices.Sorted(maps.Keys(media))...)
	if err != nil {
		return err
	}
	one := client.File{Source: d.source, Name: d.name}
	if d.device != "" {
		if err := one.Unit.UnmarshalText([]byte(d.device)); err != nil {
			return errors.New("--device must be a unit id, 64 hexadecimal digits")
		}
	}
	n, err := f.open()
	if err != nil {
		return err
	}
	defer n.Close()
	refused := 0
	out := c.OutOrStdout()
	for _, file := range files {
		one.MediaType = media[strings.ToLower(filepath.Ext(file))]
		var receipt *client.Receipt
		if one.Body, err = readFile(file, maxFile); err == nil {
			receipt, err = n.SubmitFile(c.Context(), &one)
		}
		said, bad := fault(err)
		switch {
		case bad:
			refused++
		case err != nil:
			return fmt.Errorf("%s: %w", file, f.hint(err))
		default:
			said = receipt.ID.String()
		}
		if _, err := fmt.Fprintf(out, "%s: %s\n", file, said); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	if refused > 0 {
		return fmt.Errorf("%d files were refused; the others are taken in", refused)
	}
	return nil
}

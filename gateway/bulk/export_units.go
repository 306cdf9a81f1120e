package bulk

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/gateway/client"
)

// The kinds of what is exported.
const (
	kindUnits      = "units"
	kindReadings   = "readings"
	kindProofs     = "proofs"
	kindEvents     = "events"
	kindAdvisories = "advisories"
)

// atOnce is how many calls an export has under way.
const atOnce = 8

func exportUnitsCommand() *cobra.Command {
	var f client.UnitFilter
	var format string
	c := exportCommand("units FILE",
		"Write devices, each with what the node alone knows of it",
		"units writes each device as GET /v1/units/{id} tells it. As CSV it writes the columns that `secant import units`\n"+
			"takes, of those devices whose serial number the node knows: its manufacturer's node.",
		"  secant export units units.ndjson --config DIR/nodes/hospital-north/node.json\n"+
			"  secant export units devices.csv --manufacturer medtech --config DIR/nodes/medtech/node.json",
		func(e *exporter, ctx context.Context, c *cobra.Command, target string) error {
			if format == "" {
				format = FormatNDJSON
				if named, err := formatOf(target); err == nil {
					format = named
				}
			}
			if format != FormatCSV && format != FormatNDJSON {
				return errors.New("--format must be csv or ndjson")
			}
			return e.units(ctx, c, target, format, f)
		})
	c.Flags().StringVar(&f.DI, "model", "", "only those of the model with this UDI-DI")
	c.Flags().StringVar(&f.Owner, "owner", "", "only those of this owner (MSP id)")
	c.Flags().StringVar(&f.Manufacturer, "manufacturer", "", "only those of this manufacturer (MSP id)")
	c.Flags().StringVar(&f.State, "state", "", "only those in this state")
	c.Flags().StringVar(&format, "format", "", "csv or ndjson (default: as the file's name says, or ndjson)")
	return c
}

func (e *exporter) units(ctx context.Context, c *cobra.Command, target, format string, f client.UnitFilter) error {
	how := resumed
	if format == FormatCSV {
		how = anew // a line does not tell the unit's id
	}
	s, err := openSink(target, c.OutOrStdout(), manifest{Kind: kindUnits, Node: e.node.Address(), Filter: map[string]string{
		"model": f.DI, "owner": f.Owner, "manufacturer": f.Manufacturer, "state": f.State, "format": format,
	}}, how)
	if err != nil {
		return err
	}
	var last struct{ ID string }
	if s.last != nil {
		if err := json.Unmarshal(s.last, &last); err != nil {
			return errors.Join(errors.New("the file's last line is no device"), s.close(false))
		}
	}
	unnamed := 0
	write := func(u *client.Unit) error {
		if format == FormatNDJSON {
			return s.line(u)
		}
		if u.Serial == "" {
			unnamed++
			return nil
		}
		return s.csv(u.DI, u.Lot, u.Release, u.Owner, u.Serial, u.PublicKey, u.IDevID)
	}
	if format == FormatCSV {
		err = s.csv(columns...)
	}
	// They come by id, so what stands behind the last was not written.
	ids := func(yield func(string, error) bool) {
		for u, err := range e.node.Units(ctx, f) {
			if err == nil && u.ID <= last.ID {
				continue
			}
			if !yield(u.ID, err) {
				return
			}
		}
	}
	if err == nil {
		err = each(ctx, ids, e.node.Unit, func(_ string, u *client.Unit) error {
			if err := write(u); err != nil {
				return err
			}
			e.count.Add(1)
			return nil
		})
	}
	if err := errors.Join(err, s.close(err == nil)); err != nil {
		return err
	}
	if unnamed > 0 {
		e.count.Add(-int64(unnamed))
		_, err = fmt.Fprintf(c.ErrOrStderr(), "%d devices are left out: this node does not know their serial numbers\n", unnamed)
	}
	return err
}

// csv writes a line of CSV.
func (s *sink) csv(fields ...string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(fields); err != nil {
		return fmt.Errorf("encoding a line: %w", err)
	}
	w.Flush()
	return s.text(b.Bytes())
}

// each fetches something for each of a sequence, some at once, and passes it on in
// the sequence's order. It ends with the first error.
func each[K, V any](ctx context.Context, from iter.Seq2[K, error], fetch func(context.Context, K) (V, error), take func(K, V) error) error {
	ctx, cancel := context.WithCancel(ctx)
	type got struct {
		key   K
		value V
		err   error
	}
	var waiting []chan got
	defer func() {
		cancel()
		for _, w := range waiting {
			<-w
		}
	}()
	next := func() error {
		g := <-waiting[0]
		waiting = waiting[1:]
		if g.err != nil {
			return g.err
		}
		return take(g.key, g.value)
	}
	for key, err := range from {
		if err != nil {
			return err
		}
		if len(waiting) == atOnce {
			if err := next(); err != nil {
				return err
			}
		}
		w := make(chan got, 1)
		waiting = append(waiting, w)
		go func() {
			value, err := fetch(ctx, key)
			w <- got{key, value, err}
		}()
	}
	for len(waiting) > 0 {
		if err := next(); err != nil {
			return err
		}
	}
	return nil
}

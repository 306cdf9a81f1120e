package bulk

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func exportProofsCommand() *cobra.Command {
	var f chosen
	c := exportCommand("proofs FOLDER",
		"Write the proofs of readings, for `secant verify FOLDER`",
		"proofs writes the proof bundle of each record into a file of its own, named by the request's id and the record's\n"+
			"place there. It waits for those that no anchor covers yet. Repeated, it adds those of readings since.\n"+
			"`secant verify FOLDER` judges all of them offline.",
		"  secant export proofs folder --unit ID --since 24h --config DIR/nodes/hospital-north/node.json",
		func(e *exporter, ctx context.Context, _ *cobra.Command, target string) error {
			return e.proofs(ctx, target, &f)
		})
	f.flags(c)
	return c
}

func (e *exporter) proofs(ctx context.Context, target string, f *chosen) error {
	m := manifest{Kind: kindProofs, Node: e.node.Address(), Filter: f.filter()}
	if err := e.window(ctx, &m, f.since); err != nil {
		return err
	}
	d, err := openFolder(target, m)
	if err != nil {
		return err
	}
	name := func(at place) string { return fmt.Sprintf("%s-%d%s", at.of.ID, at.index, documentEnding) }
	missing := func(yield func(place, error) bool) {
		for at, err := range places(e.requests(ctx, f, &d.m, "", d.m.Until, ""), "", 0) {
			if err == nil && d.has(name(at)) {
				continue
			}
			if !yield(at, err) {
				return
			}
		}
	}
	fetch := func(ctx context.Context, at place) ([]byte, error) { return e.node.WaitProof(ctx, at.id, at.index) }
	err = each(ctx, missing, fetch, func(at place, bundle []byte) error {
		e.count.Add(1)
		return d.put(name(at), bundle)
	})
	if err != nil {
		return err
	}
	return d.close()
}

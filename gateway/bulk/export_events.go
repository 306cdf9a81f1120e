package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
)

func exportEventsCommand() *cobra.Command {
	var since string
	var kinds []string
	c := exportCommand("events FILE",
		"Write what happened on the ledger and at the node",
		"events writes events as /v1/events tells them, from the oldest that the node keeps. Repeated, it adds those since.",
		"  secant export events events.ndjson --kind unit.held --kind advisory.matched --config DIR/nodes/hospital-north/node.json",
		func(e *exporter, ctx context.Context, c *cobra.Command, target string) error {
			slices.Sort(kinds)
			return e.events(ctx, c, target, since, kinds)
		})
	sinceFlag(c, &since, "that happened")
	c.Flags().StringArrayVar(&kinds, "kind", nil, "only those of this kind; may be given several times")
	return c
}

func (e *exporter) events(ctx context.Context, c *cobra.Command, target, since string, kinds []string) error {
	from, err := sinceTime(since, time.Now())
	if err != nil {
		return err
	}
	s, err := openSink(target, c.OutOrStdout(), manifest{Kind: kindEvents, Node: e.node.Address(), Filter: map[string]string{
		"since": since, "kinds": strings.Join(kinds, " "),
	}}, grown)
	if err != nil {
		return err
	}
	var last fact.Event
	if s.last != nil {
		if err := json.Unmarshal(s.last, &last); err != nil || last.ID == "" {
			return errors.Join(errors.New("the file's last line is no event"), s.close(false))
		}
	}
	for ev, err := range e.node.Events(ctx, client.Since{After: last.ID, Oldest: true, Now: true}) {
		if err == nil && (ev.Time.Before(from) || len(kinds) > 0 && !slices.Contains(kinds, ev.Kind)) {
			continue
		}
		if err == nil {
			err = s.line(ev)
		}
		if err != nil {
			return errors.Join(err, s.close(false))
		}
		e.count.Add(1)
	}
	return s.close(true)
}

func exportAdvisoriesCommand() *cobra.Command {
	var f client.AdvisoryFilter
	var documents bool
	c := exportCommand("advisories FILE",
		"Write the advisories that the node knows",
		"advisories writes what the node makes of each: scores, exploitation, and how many devices it concerns, the most\n"+
			"pressing first. With --documents FILE is a folder, which gets the documents as they came, for\n"+
			"`secant import advisories` at another node.",
		"  secant export advisories advisories.ndjson --matching --config DIR/nodes/hospital-north/node.json\n"+
			"  secant export advisories folder --documents --config DIR/nodes/hospital-north/node.json",
		func(e *exporter, ctx context.Context, c *cobra.Command, target string) error {
			if documents {
				return e.documents(ctx, target, f)
			}
			return e.advisories(ctx, c, target, f)
		})
	c.Flags().StringVar(&f.Vulnerability, "vulnerability", "", "only those about this vulnerability, as CVE-2026-10001")
	c.Flags().BoolVar(&f.Matching, "matching", false, "only those that concern devices of the node, or may")
	c.Flags().BoolVar(&f.Exploited, "exploited", false, "only those with an exploited vulnerability")
	c.Flags().BoolVar(&documents, "documents", false, "the documents themselves, into a folder")
	return c
}

func advisoryManifest(e *exporter, f client.AdvisoryFilter, documents bool) manifest {
	return manifest{Kind: kindAdvisories, Node: e.node.Address(), Filter: map[string]string{
		"vulnerability": f.Vulnerability, "matching": strconv.FormatBool(f.Matching), "exploited": strconv.FormatBool(f.Exploited), "documents": strconv.FormatBool(documents),
	}}
}

func (e *exporter) advisories(ctx context.Context, c *cobra.Command, target string, f client.AdvisoryFilter) error {
	// Their order changes: one that was interrupted begins anew.
	s, err := openSink(target, c.OutOrStdout(), advisoryManifest(e, f, false), anew)
	if err != nil {
		return err
	}
	for a, err := range e.node.Advisories(ctx, f) {
		if err == nil {
			err = s.line(a)
		}
		if err != nil {
			return errors.Join(err, s.close(false))
		}
		e.count.Add(1)
	}
	return s.close(true)
}

// documents writes advisories as they came. One that is there already in the edition
// that the node has is not fetched again.
func (e *exporter) documents(ctx context.Context, folder string, f client.AdvisoryFilter) error {
	d, err := openFolder(folder, advisoryManifest(e, f, true))
	if err != nil {
		return err
	}
	list := func(yield func(fact.Advisory, error) bool) {
		for a, err := range e.node.Advisories(ctx, f) {
			name := a.ID + documentEnding
			if text, readErr := os.ReadFile(filepath.Join(folder, name)); err == nil && readErr == nil && ledger.BodyDigest(text) == a.Digest { //nolint:gosec // below the folder that the operator names
				continue
			}
			if !yield(a, err) {
				return
			}
		}
	}
	fetch := func(ctx context.Context, a fact.Advisory) ([]byte, error) {
		text, err := e.node.AdvisoryDocument(ctx, a.ID)
		if err == nil && a.Format == "csaf" && ledger.BodyDigest(text) != a.Digest {
			err = errors.New("the node serves another document than it lists: run the same again")
		}
		return text, err
	}
	err = each(ctx, list, fetch, func(a fact.Advisory, text []byte) error {
		e.count.Add(1)
		return d.put(a.ID+documentEnding, text)
	})
	if err != nil {
		return err
	}
	return d.close()
}

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/config"
)

// Dial connects with the identities that a node's configuration names.
type Dial func(ctx context.Context, cfg config.Config) (Ledger, error)

type command struct {
	dir  *string
	dial Dial

	as, config, transient, outcome string
	within                         time.Duration
}

// Command is `secant ledger`; dir is where the network lives.
func Command(dir *string, dial Dial) *cobra.Command {
	o := command{dir: dir, dial: dial}
	c := &cobra.Command{
		Use:   "ledger [NAME [REQUEST|-]]",
		Short: "Call a transaction of the ledger with a node's identity; alone: list them all",
		Long: "ledger calls the transaction NAME with REQUEST, a JSON object, or what stands on standard input for -,\n" +
			"in the role of an organisation's node, and prints the answer. One that only reads is evaluated; when\n" +
			"the organisation's own peers are down, by a majority of the others. One that writes is submitted, and\n" +
			"followed until a block holds it. The ledger's own rules say who may do what.",
		Example: "  secant ledger\n" +
			"  secant ledger identity:List --as hospital-north\n" +
			`  secant ledger device:GetModel '{"di":"04012345678901"}' --as hospital-north` + "\n" +
			"  secant ledger identity:Vote - --as hospital-north:registrar < vote.json",
		Args: cobra.MaximumNArgs(2),
		RunE: o.run,
	}
	c.Flags().StringVar(&o.as, "as", "", "who calls: ORGANISATION:ROLE; for reads ORGANISATION will do")
	c.Flags().StringVar(&o.config, "config", "", "the node's configuration (default: that of the organisation in --dir)")
	c.Flags().StringVar(&o.transient, "transient", "", `a file with what the endorsers must see and nobody keeps: {"statements": [...]}`)
	c.Flags().StringVar(&o.outcome, "outcome", "", "instead of calling: say what became of this transaction id")
	c.Flags().DurationVar(&o.within, "within", 45*time.Second, "how long to try")
	return c
}

func (o *command) run(c *cobra.Command, args []string) error {
	if len(args) == 0 && o.outcome == "" {
		return listForms(c.OutOrStdout())
	}
	if len(args) > 0 && o.outcome != "" {
		return errors.New("--outcome asks for a transaction that was called before: leave the name away")
	}
	if o.outcome != "" {
		return o.tellOutcome(c)
	}
	call := call{name: args[0], within: o.within}
	if !slices.Contains(ledger.Names, call.name) {
		text := "there is no transaction of that name; `secant ledger` lists them all"
		if near := nearest(call.name); len(near) > 0 {
			text += ". Is it " + strings.Join(near, ", ") + "?"
		}
		return errors.New(text)
	}
	if err := o.fill(c, &call, args); err != nil {
		return err
	}
	reads := slices.Contains(ledger.Evaluations, call.name)
	l, role, err := o.open(c.Context(), reads)
	if err != nil {
		return err
	}
	call.role = role
	result, err := call.run(c.Context(), l)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	return tell(c, result, reads)
}

// fill reads the request and what is transient.
func (o *command) fill(c *cobra.Command, call *call, args []string) error {
	text := []byte("{}")
	if len(args) > 1 {
		text = []byte(args[1])
	}
	var err error
	if len(args) > 1 && args[1] == "-" {
		if text, err = io.ReadAll(io.LimitReader(c.InOrStdin(), maxRequest+1)); err != nil {
			return fmt.Errorf("reading the request: %w", err)
		}
	}
	if call.request, err = readRequest(call.name, text); err != nil || o.transient == "" {
		return err
	}
	if text, err = os.ReadFile(o.transient); err != nil {
		return fmt.Errorf("reading the transient file: %w", err)
	}
	call.transient, err = readTransient(text)
	return err
}

// open connects as --as says, and finds the role.
func (o *command) open(ctx context.Context, reads bool) (Ledger, ledger.Role, error) {
	org, role, _ := strings.Cut(o.as, ":")
	path := o.config
	if path == "" {
		if org == "" {
			return nil, "", fmt.Errorf("say who calls with --as ORGANISATION:ROLE%s", o.known())
		}
		path = filepath.Join(*o.dir, "nodes", org, "node.json")
		if _, err := os.Stat(path); err != nil {
			return nil, "", fmt.Errorf("there is no node of that organisation in %s%s", *o.dir, o.known())
		}
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, "", err
	}
	if org != "" && cfg.Organisation != org {
		return nil, "", fmt.Errorf("the configuration is of %s's node", cfg.Organisation)
	}
	if _, has := cfg.Ledger.Identities[role]; !has && (role != "" || !reads) {
		var roles []string
		for _, r := range ledger.Roles {
			if _, has := cfg.Ledger.Identities[string(r)]; has {
				roles = append(roles, string(r))
			}
		}
		return nil, "", fmt.Errorf("say in which role with --as %s:ROLE; this node has %s", cfg.Organisation, strings.Join(roles, ", "))
	}
	l, err := o.dial(ctx, cfg)
	if err != nil {
		return nil, "", err
	}
	return l, ledger.Role(role), nil
}

// known lists the organisations whose nodes live here.
func (o *command) known() string {
	found, _ := filepath.Glob(filepath.Join(*o.dir, "nodes", "*", "node.json"))
	if len(found) == 0 {
		return "; no network lives there: `secant up` makes one, --dir names another"
	}
	for i, path := range found {
		found[i] = filepath.Base(filepath.Dir(path))
	}
	return "; its organisations are " + strings.Join(found, ", ")
}

func (o *command) tellOutcome(c *cobra.Command) error {
	l, _, err := o.open(c.Context(), true)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), o.within)
	defer cancel()
	got, err := l.Outcome(ctx, o.outcome)
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	text := "not in a block: it may be under way, or never have been sent"
	switch {
	case got.Known && got.Valid:
		text = fmt.Sprintf("valid, in block %d", got.Block)
	case got.Known:
		text = fmt.Sprintf("invalid, in block %d (%s): it had no effect and never will", got.Block, got.Code)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), text)
	return err
}

// tell prints the answer, and beside it what it rests on.
func tell(c *cobra.Command, r *Result, reads bool) error {
	var out bytes.Buffer
	if len(r.Answer) > 0 {
		if err := json.Indent(&out, r.Answer, "", "  "); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		out.WriteByte('\n')
	}
	if _, err := c.OutOrStdout().Write(out.Bytes()); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	note := fmt.Sprintf("committed in block %d as %s", r.Block, r.Tx)
	if reads {
		if r.Source.Own {
			return nil
		}
		note = "the organisation's own peers do not answer; " + strings.Join(r.Source.Organisations, ", ") + " agree on this"
	}
	if _, err := fmt.Fprintln(c.ErrOrStderr(), note); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

var _ Ledger = (*client.Client)(nil)

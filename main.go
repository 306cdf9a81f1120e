// Command secant runs a consortium in which hospitals, device makers and
// patients share trust, threats and risk on a permissioned ledger.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/app"
	"github.com/secant-platform/secant/gateway/attest"
	"github.com/secant-platform/secant/gateway/bulk"
	"github.com/secant-platform/secant/gateway/config"
	"github.com/secant-platform/secant/gateway/console"
	"github.com/secant-platform/secant/gateway/wallet"
	"github.com/secant-platform/secant/network/demo"
	"github.com/secant-platform/secant/network/govern"
	"github.com/secant-platform/secant/network/launch"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		// The code of a problem is for software; a person reads the rest.
		text := err.Error()
		if p, ok := errors.AsType[*ledger.Problem](err); ok {
			text = strings.Replace(text, fmt.Sprintf("[%s] ", p.Code), "", 1)
		}
		if ctx.Err() != nil { // whatever was under way failed for that, and is at no fault
			text = "interrupted; give the same command again, and it goes on where it was"
		}
		fmt.Fprintf(os.Stderr, "secant: %s\n", text)
		os.Exit(1) //nolint:gocritic // stop only undoes the signal handler
	}
}

// These make status exit with 1 after it has printed what it found.
var (
	errUnhealthy = errors.New("the network is not healthy; `secant up` repairs it")
	errDown      = errors.New("the network is down; `secant up` starts it")
)

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "secant",
		Short: "A consortium of hospitals that share trust, threats and risk on a ledger",
		Long: "secant runs a hospital consortium on Hyperledger Fabric: device identities, provable readings,\n" +
			"shared threats and risk scores. Start with `secant up`, then `secant demo`.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	var dir string
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if dir == "" {
			return errors.New("there is no home directory: say with --dir where the network lives")
		}
		return nil
	}
	root.PersistentFlags().StringVar(&dir, "dir", defaultDir(), "where the network lives; each directory is a network of its own (SECANT_DIR)")
	root.AddCommand(
		up(&dir), status(&dir), logs(&dir), stop(&dir), down(&dir), reset(&dir), runDemo(&dir), govern.Command(&dir),
		node(), token(), check(), bulk.Command(), bulk.ExportCommand(), callLedger(&dir), wallet.Command(&dir), attest.Command(), verify(&dir), version(),
	)
	return root
}

// defaultDir is SECANT_DIR, else .secant in the home directory.
func defaultDir() string {
	if dir := os.Getenv("SECANT_DIR"); dir != "" {
		return dir
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".secant")
	}
	return "" // without a home --dir must say
}

// invocation is how to call this program for a network, in a shell.
func invocation(dir string) string {
	program := os.Args[0]
	if own, err := os.Executable(); err == nil {
		if strings.Contains(own, string(filepath.Separator)+"go-build") {
			program = "go run ."
		} else if found, err := exec.LookPath(filepath.Base(own)); err == nil && found == own {
			program = filepath.Base(own)
		}
	}
	if dir != defaultDir() {
		program += " --dir '" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
	}
	return program
}

func up(dir *string) *cobra.Command {
	var port int
	c := &cobra.Command{
		Use:   "up",
		Short: "Build what is missing, start the consortium in the background and print how to use it",
		Long: "up builds Fabric, the chaincode and this program, starts orderers, peers and one node for each\n" +
			"organisation, deploys the chaincode and loads a small living consortium. Run again, it repairs what\n" +
			"is not running and keeps all data.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if env := os.Getenv("SECANT_PORT"); port == 0 && env != "" {
				var err error
				if port, err = strconv.Atoi(env); err != nil {
					return errors.New("SECANT_PORT is not a number")
				}
			}
			state, err := launch.Up(c.Context(), launch.Options{Dir: *dir, Port: port, Out: c.OutOrStdout()})
			if err != nil {
				return err
			}
			if err := demo.Seed(c.Context(), demo.Target{Dir: *dir}, c.OutOrStdout()); err != nil {
				return fmt.Errorf("loading the living consortium: %w", err)
			}
			return state.Guide(c.OutOrStdout(), invocation(*dir))
		},
	}
	c.Flags().IntVar(&port, "port", 0, "first of the 100 ports that the network uses; 0: as before, else 7000 (or SECANT_PORT)")
	return c
}

func status(dir *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say what runs, where, and whether it is healthy",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			state, err := launch.Status(c.Context(), *dir)
			if err != nil {
				return err
			}
			if asJSON {
				err = encode(c.OutOrStdout(), state)
			} else {
				err = state.Print(c.OutOrStdout())
			}
			switch {
			case err != nil || state.Healthy:
				return err
			case state.AllStopped():
				return errDown
			}
			return errUnhealthy
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func logs(dir *string) *cobra.Command {
	var follow bool
	c := &cobra.Command{
		Use:     "logs NAME",
		Short:   "Print the log of one process, as named by status",
		Example: "  secant logs node-hospital-north",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return launch.Logs(c.Context(), *dir, args[0], c.OutOrStdout(), follow)
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on as the log grows")
	return c
}

func stop(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:     "stop NAME",
		Short:   "Stop one process, as named by status; up starts it again",
		Example: "  secant stop node-hospital-north",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return launch.Kill(*dir, args[0], syscall.SIGTERM)
		},
	}
}

func down(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "Stop everything and keep all data",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return launch.Down(c.Context(), *dir, c.OutOrStdout()) },
	}
}

func reset(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "reset",
		Short: "Stop everything and delete the network's directory",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return launch.Reset(c.Context(), *dir, c.OutOrStdout()) },
	}
}

func runDemo(dir *string) *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the main job on the running consortium, a line for each step",
		Long: "demo registers a device, sends readings, proves them, alters one and sees it caught, shares a threat\n" +
			"and sees it arrive, and records and recomputes a risk score. It can be repeated.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return demo.Run(c.Context(), demo.Target{Dir: *dir}, data, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&data, "data", "", "use real input found below this directory: HL7 v2, FHIR, CycloneDX, Suricata EVE")
	return c
}

func node() *cobra.Command {
	var file, edge string
	var key bool
	c := &cobra.Command{
		Use:   "node",
		Short: "Run one organisation's node, or with --edge an edge box beside devices, in the foreground",
		Long: "With --edge it runs the small box beside monitors and pumps that cannot sign: it takes their HL7\n" +
			"and MQTT messages, signs them with a key of its own, keeps them while the organisation's node cannot be\n" +
			"reached, and hands them to it. The box is a unit on the ledger, registered with the public key that\n" +
			"--edge FILE --key shows; each device that it speaks for has in its inventory a name whose source is\n" +
			"the box's unit id.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if edge != "" {
				return runEdge(c, edge, key)
			}
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			return app.Run(c.Context(), cfg)
		},
	}
	c.Flags().StringVar(&file, "config", "", "the node's configuration: DIR/nodes/ORGANISATION/node.json")
	c.Flags().StringVar(&edge, "edge", "", "an edge box's configuration, in JSON")
	c.Flags().BoolVar(&key, "key", false, "only show the edge box's public key, made on first use")
	c.MarkFlagsOneRequired("config", "edge")
	c.MarkFlagsMutuallyExclusive("config", "edge")
	c.MarkFlagsMutuallyExclusive("config", "key")
	return c
}

func runEdge(c *cobra.Command, file string, key bool) error {
	cfg, err := config.ReadEdge(file)
	if err != nil {
		return err
	}
	if !key {
		return app.RunEdge(c.Context(), cfg)
	}
	public, err := app.EdgeKey(cfg)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), public)
	return err
}

func token() *cobra.Command {
	var file, role, out string
	var lifetime time.Duration
	c := &cobra.Command{
		Use:   "token",
		Short: "Make a signed token with which to call a node",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			t, err := app.Token(cfg, role, lifetime)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = fmt.Fprintln(c.OutOrStdout(), t)
				return err
			}
			return os.WriteFile(out, []byte(t+"\n"), 0o600)
		},
	}
	c.Flags().StringVar(&file, "config", "", "the node's configuration: DIR/nodes/ORGANISATION/node.json")
	c.Flags().StringVar(&role, "role", "", "one of "+strings.Join(app.Roles(), ", "))
	c.Flags().StringVar(&out, "out", "", "write to this file instead of standard output")
	c.Flags().DurationVar(&lifetime, "lifetime", 30*24*time.Hour, "how long the token is good for")
	_ = c.MarkFlagRequired("config") // both flags are defined above
	_ = c.MarkFlagRequired("role")
	return c
}

func check() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "check",
		Short: "Re-derive every receipt, proof and read model of a node from its stored bytes",
		Long: "check reads the node's vault and log, derives every root and proof again, compares the log with its\n" +
			"anchors and replays the ledger into an empty store. The node must be stopped and its peers must run:\n" +
			"`secant stop node-ORGANISATION` does that.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(file)
			if err != nil {
				return err
			}
			report, err := app.Check(c.Context(), cfg)
			if err != nil {
				return err
			}
			return encode(c.OutOrStdout(), report)
		},
	}
	c.Flags().StringVar(&file, "config", "", "the node's configuration: DIR/nodes/ORGANISATION/node.json")
	_ = c.MarkFlagRequired("config") // the flag is defined on the line above
	return c
}

func callLedger(dir *string) *cobra.Command {
	return console.Command(dir, func(ctx context.Context, cfg config.Config) (console.Ledger, error) {
		l, err := app.Connect(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return l, nil
	})
}

func verify(dir *string) *cobra.Command {
	var trust, lasting string
	c := &cobra.Command{
		Use:   "verify BUNDLE.json|FOLDER...",
		Short: "Judge proofs offline, with nothing but the consortium's trust file",
		Long: "Judges a proof offline, with nothing but the consortium's trust file. Of several proofs, or all of a\n" +
			"folder, each has a line, and the numbers that their devices counted are compared: which are missing\n" +
			"between them. JSON in a folder that does not say that it is a proof is told of and passed over.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if trust == "" {
				trust = filepath.Join(*dir, "trust.json")
			}
			if c.Flags().Changed("lasting") && lasting == "" { // as of a script that found none
				return errors.New("--lasting wants the thumbprint of a key")
			}
			if info, err := os.Stat(args[0]); len(args) > 1 || err == nil && info.IsDir() {
				return proof.VerifyAll(trust, args, lasting, c.OutOrStdout())
			}
			verdict, err := proof.VerifyFiles(trust, args[0], lasting)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), verdict)
			return err
		},
	}
	c.Flags().StringVar(&trust, "trust", "", "the consortium's trust file (default: trust.json of --dir)")
	c.Flags().StringVar(&lasting, "lasting", "", "want a lasting signature (ML-DSA-65) of the checkpoint by the key with this thumbprint")
	return c
}

func version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return errors.New("this program carries no build information")
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s %s %s\n", info.Main.Path, info.Main.Version, info.GoVersion)
			return err
		},
	}
}

func encode(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/chaincode/client"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// bulkUnits is how many units the benchmark registers, in one lot.
const bulkUnits = 10_000

// BenchmarkBulk registers 10,000 units of one lot, straight at the ledger and
// through the maker's node, and recalls each lot:
//
//	go test ./network/e2e -run NONE -bench Bulk -benchtime 1x
//
// units/s counts from the first request to the last answer, when each unit is
// committed, and through the node also in its read model. recall-ms is the one
// transaction; node-shown-ms, from its start, is until the node of a hospital has
// told every unit of the lot as recalled. list-ms is what it takes to read all
// units there are from a peer, 200 at a time, each with its own recalls: the
// ledger itself answers so from the moment of the commit.
func BenchmarkBulk(b *testing.B) {
	n := live(b)
	maker, reader := n.member(b, "medtech"), n.member(b, "hospital-north")
	for _, way := range []struct {
		name     string
		register func(b *testing.B, di, lot string)
	}{
		{"ledger", func(b *testing.B, di, lot string) { b.Helper(); registerAtLedger(b, maker, di, lot) }},
		{"node", n.importUnits},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				di, lot := n.model(b), "L-"+rand.Text()[:10]
				start := time.Now()
				way.register(b, di, lot)
				b.ReportMetric(bulkUnits/time.Since(start).Seconds(), "units/s")
				start = time.Now()
				do[ledger.Recall](b, maker, ledger.RoleRegistrar, ledger.DeviceRecall, ledger.RecallDevices{
					DI: di, Kind: ledger.RecallLot, Value: lot, Class: ledger.RecallClassI, NoticeDigest: strings.Repeat("ab", 32),
				})
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "recall-ms")
				for n.shown(b, "hospital-north", di) < bulkUnits {
					if time.Since(start) > patience {
						b.Fatal("the node does not show the recall of every unit")
					}
				}
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "node-shown-ms")
				allRecalled(b, reader, di, lot)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkChunk has one peer simulate a transaction of 1,000 creates, which is
// what an endorser does with it. With the peers' runtimeParams useWriteBatch and
// useGetMultipleKeys set to false (Tuning in network.json) it shows what it costs
// to read and write one by one.
func BenchmarkChunk(b *testing.B) {
	n := live(b)
	maker := n.member(b, "medtech")
	req := ledger.RegisterUnits{DI: n.model(b), Lot: "L1", Release: "1.0.0", Owner: "hospital-north", Units: newUnits(ledger.MaxUnits)}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if err := maker.Evaluate(b.Context(), ledger.DeviceRegisterUnits, req, nil); err != nil {
			b.Fatal(details(err))
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[0].Milliseconds()), "best-ms")
	b.ReportMetric(ledger.MaxUnits/took[len(took)/2].Seconds(), "units/s")
}

func newUnits(count int) []ledger.NewUnit {
	units := make([]ledger.NewUnit, count)
	for i := range units {
		var mac [32]byte
		_, _ = rand.Read(mac[:])
		units[i].SerialMAC = hex.EncodeToString(mac[:])
	}
	return units
}

// registerAtLedger sends the units in transactions of 1,000, four at a time.
func registerAtLedger(b *testing.B, maker *member, di, lot string) {
	b.Helper()
	var g errgroup.Group
	g.SetLimit(4)
	for range bulkUnits / ledger.MaxUnits {
		req := ledger.RegisterUnits{DI: di, Lot: lot, Release: "1.0.0", Owner: "hospital-north", Units: newUnits(ledger.MaxUnits)}
		g.Go(func() error {
			made, _, err := client.Submit[ledger.UnitsRegistered](b.Context(), maker.Client, ledger.RoleRegistrar, ledger.DeviceRegisterUnits, req, client.Within(patience))
			if err == nil && made.Registered != ledger.MaxUnits {
				err = fmt.Errorf("%d were registered", made.Registered)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(details(err))
	}
}

// importUnits has `secant import` register the units of a file.
func (n *network) importUnits(b *testing.B, di, lot string) {
	b.Helper()
	var text strings.Builder
	text.WriteString("di,lot,release,owner,serial,publicKey\n")
	for i := range bulkUnits {
		fmt.Fprintf(&text, "%s,%s,1.0.0,hospital-north,SN-%s-%05d,\n", di, lot, lot, i)
	}
	file := filepath.Join(b.TempDir(), "devices.csv")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	if out := n.secant(b, "import", "units", file, "--config", n.config("medtech")); !strings.Contains(out, fmt.Sprintf("%d registered, 0 existed, 0 refused", bulkUnits)) {
		b.Fatal(out)
	}
}

// shown counts the units of a model that a node shows as recalled.
func (n *network) shown(tb testing.TB, org, di string) int {
	tb.Helper()
	c, count, cursor := n.node(tb, org, "auditor"), 0, ""
	for {
		var page struct {
			Items []ledger.Unit
			Next  string
		}
		c.call(http.MethodGet, "/v1/units?size=200&state=recalled&di="+url.QueryEscape(di)+"&cursor="+url.QueryEscape(cursor), nil, &page)
		count += len(page.Items)
		if cursor = page.Next; cursor == "" {
			return count
		}
	}
}

// allRecalled reads every unit there is from the ledger, and wants those of the
// lot recalled.
func allRecalled(b *testing.B, reader *member, di, lot string) {
	b.Helper()
	start := time.Now()
	shown, others := 0, 0
	req := ledger.PageRequest{Size: ledger.MaxPageSize}
	for {
		var page ledger.UnitPage
		if err := reader.Evaluate(b.Context(), ledger.DeviceListUnits, req, &page); err != nil {
			b.Fatal(err)
		}
		for _, u := range page.Items {
			switch {
			case u.DI != di || u.Lot != lot:
			case u.State == ledger.StateRecalled:
				shown++
			default:
				others++
			}
		}
		if req.Bookmark = page.Next; page.Next == "" {
			break
		}
	}
	if shown != bulkUnits || others != 0 {
		b.Fatalf("%d units show the recall, %d do not", shown, others)
	}
	b.ReportMetric(float64(time.Since(start).Milliseconds()), "list-ms")
}

// TestImportOfDevices imports a file twice, the second time with more in it and
// a line that is at fault, through the built program and a live node.
func TestImportOfDevices(t *testing.T) {
	n := live(t)
	di, lot := n.model(t), "L-"+rand.Text()[:10]
	file := filepath.Join(t.TempDir(), "devices.csv")
	lines := []string{"di,lot,release,owner,serial,publicKey"}
	write := func(count int) {
		for i := len(lines) - 1; i < count; i++ {
			serial := fmt.Sprintf("SN-%s-%04d", lot, i)
			mark("a device's serial number", serial)
			lines = append(lines, strings.Join([]string{di, lot, "1.0.0", "hospital-south", serial, ""}, ","))
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(1200)
	args := []string{"import", "units", file, "--config", n.config("medtech"), "--json"}
	type summary struct{ Units, Registered, Existing, Undone int }
	var got summary
	if n.answer(t, &got, args...); got != (summary{1200, 1200, 0, 0}) {
		t.Fatalf("%+v", got)
	}
	write(1250)
	lines = append(lines, strings.Join([]string{di, lot, "9.9.9", "hospital-south", "SN-X", ""}, ","))
	write(0)
	out, err := n.run(t.Context(), args[:len(args)-1]...)
	if err == nil || !strings.Contains(out, "1251 devices: 50 registered, 1200 existed, 1 refused") || !strings.Contains(out, "line 1252: ") {
		t.Errorf("%v\n%s", err, out)
	}
	// One record recalls them all, at every member.
	var recall ledger.Recall
	n.node(t, "medtech", "registrar").call(http.MethodPost, "/v1/recalls", map[string]string{
		"di": di, "lot": lot, "class": "II", "noticeDigest": strings.Repeat("ab", 32),
	}, &recall)
	if recall.Revision != 1 || recall.By != "medtech" {
		t.Errorf("it recalled %+v", recall)
	}
	await(t, "the recall to show at hospital-south", func() bool { return n.shown(t, "hospital-south", di) == 1250 })
}

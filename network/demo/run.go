package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/secant-platform/secant/network/process"
)

// run is one run of the demo: fresh devices, and what has become of them so far.
type run struct {
	*world
	say   *narrator
	input *input

	release release
	monitor *device // of the north, which sends readings
	pump    *device // of the south, which a threat may concern
	offered []service
	sent    []sent
	threat  string // digest of the report that concerns the pump
}

// sent is a batch with its receipt.
type sent struct {
	batch   *batch
	receipt *receipt
}

// Run does the main job on a running consortium and tells of each step in a
// line. Each step is really done, over HTTP, and its outcome checked; Run ends
// with an error at the first that does not hold. With a data directory it works
// on real input found there, else, and for what is missing, on the project's
// own samples. It can be repeated: every run makes devices of its own.
func Run(ctx context.Context, t Target, dataDir string, out io.Writer) error {
	w, err := open(t)
	if err != nil {
		return err
	}
	say := narrate(out)
	in, err := gather(ctx, dataDir, say)
	if err != nil {
		return err
	}
	r := &run{world: w, say: say, input: in}
	begin := time.Now()
	say.begin = begin
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"the manufacturer publishes a release", r.publish},
		{"the manufacturer registers devices", r.manufacture},
		{"the hospitals commission them", r.commission},
		{"the device sends readings", r.send},
		{"a reading is proven", r.prove},
		{"an altered reading is caught", r.alter},
		{"a threat is shared", r.shareThreat},
		{"the risk is scored", r.scoreRisk},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", say.step+1, step.what, err)
		}
	}
	say.line("all of it holds (" + since(begin) + ")")
	return say.err
}

// input is what one run works on.
type input struct {
	bills   []bill // tried in this order
	batches []batch
	alerts  []alert // real ones
}

// maxBatches is how many requests one run sends.
const maxBatches = 12

// gather takes real input where there is some, and samples of our own for the rest.
func gather(ctx context.Context, dataDir string, say *narrator) (*input, error) {
	f := &found{}
	if dataDir != "" {
		abs, err := filepath.Abs(dataDir)
		if err != nil {
			return nil, fmt.Errorf("finding the data directory: %w", err)
		}
		if f, err = find(ctx, abs, say); err != nil {
			return nil, err
		}
		observations := 0
		for i := range f.people {
			observations += len(f.people[i].records)
		}
		say.line(fmt.Sprintf("input from %s: %d HL7 observation messages, %d FHIR Observations of %d people, %d bills of materials, %d Suricata alerts",
			abs, len(f.messages), observations, len(f.people), len(f.bills), len(f.alerts)))
		if len(f.messages)+len(f.people)+len(f.bills)+len(f.alerts) == 0 {
			return nil, &process.Failure{
				What: "looking for input in " + abs, Err: errors.New("there is none that the demo can use"),
				Do: "give with --data a directory with HL7 v2 observation messages (*.hl7, IHE PCD-01), FHIR R4 Observations or Bundles as JSON, " +
					"CycloneDX as JSON or XML, or Suricata EVE alerts as JSON; leave --data out to use the project's own samples",
			}
		}
	}
	in := &input{bills: f.bills, alerts: f.alerts}
	in.batches = append(in.batches, f.messages...)
	in.batches = append(in.batches, f.people...)
	in.batches = in.batches[:min(len(in.batches), maxBatches)]
	if len(in.batches) == 0 {
		in.batches = []batch{
			{mediaType: "application/hl7-v2", records: [][]byte{sampleMessage}, from: "the project's own sample"},
			vitalSigns(time.Now().Truncate(time.Second), 1000),
		}
	}
	in.bills = append(in.bills, bill{path: "the project's own sample", body: billPump34, mediaType: typeCycloneDX, components: 4})
	return in, nil
}

// publish has the manufacturer publish a release with the first bill of
// materials that its node takes.
func (r *run) publish(ctx context.Context) error {
	for _, m := range []model{monitor, pump} {
		if _, err := r.ensureModel(ctx, m); err != nil {
			return err
		}
	}
	if _, _, err := r.ensureRelease(ctx, &releases[1]); err != nil {
		return err
	}
	for i := range r.input.bills {
		b := &r.input.bills[i]
		// Named by its content, so that a run on the same bill finds it there.
		r.release = release{pump, "demo-" + digestName(b.body), b.body, b.mediaType}
		_, components, err := r.ensureRelease(ctx, &r.release)
		if refusedBody(err) && i < len(r.input.bills)-1 {
			if i < maxDamaged {
				r.say.note("the node refuses %s: %v", b.path, err)
			}
			continue
		}
		if err != nil {
			return err
		}
		// The other members can have the bill itself, by the ledger's digest.
		if err := r.fetchBill(ctx); err != nil {
			return err
		}
		said := "published before"
		if components > 0 {
			said = fmt.Sprintf("%d components", components)
		}
		r.say.did("medtech publishes release %s of the %s with the bill of materials of %s (%s); any member can fetch it, and its digest is the ledger's",
			r.release.version, pump.Name, b.path, said)
		return nil
	}
	return errors.New("no bill of materials was taken")
}

// manufacture makes and registers two devices with fresh serial numbers.
func (r *run) manufacture(ctx context.Context) error {
	lot := "D" + time.Now().UTC().Format("060102")
	devices := []delivery{
		{"BM7-" + rand.Text()[:10], north, monitor, lot, releases[1].version, placement{}},
		{"IP3-" + rand.Text()[:10], south, pump, lot, r.release.version, placement{}},
	}
	made := make([]*device, len(devices))
	err := atOnce(ctx, len(devices), func(ctx context.Context, i int) (err error) {
		made[i], _, err = r.ensureUnit(ctx, devices[i])
		return err
	})
	if err != nil {
		return err
	}
	r.monitor, r.pump = made[0], made[1]
	r.say.did("medtech registers a %s (unit %s) for hospital-north and an %s (unit %s) for hospital-south: the ledger knows their keys, not their serial numbers",
		monitor.Name, short(r.monitor.Unit), pump.Name, short(r.pump.Unit))
	return nil
}

// commission has each owner put its device into service and checks that the
// ledger holds the key that the device was made with.
func (r *run) commission(ctx context.Context) error {
	r.offered = []service{{"tcp", 22}, {"tcp", 80}}
	places := map[*device]placement{
		r.monitor: {"Intensive care 1", "10.20.7.31", []service{{"https", 443}}},
		r.pump:    {"Oncology", "10.30.7.31", r.offered},
	}
	devices := []*device{r.monitor, r.pump}
	err := atOnce(ctx, len(devices), func(ctx context.Context, i int) error {
		d := devices[i]
		if _, err := r.ensureService(ctx, d, places[d]); err != nil {
			return err
		}
		var u unit
		if err := r.as(d.Owner, auditor).get(ctx, "/v1/units/"+d.Unit, &u); err != nil {
			return err
		}
		if u.PublicKey != d.publicKey() || u.Owner != d.Owner {
			return fmt.Errorf("unit %s has another key or owner than it was made with", short(d.Unit))
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Where a device stands is its hospital's business alone.
	var seen unit
	if err := r.as(north, auditor).get(ctx, "/v1/units/"+r.pump.Unit, &seen); err != nil {
		return err
	}
	if seen.Service != nil {
		return errors.New("hospital-north sees where a device of hospital-south stands")
	}
	r.say.did("hospital-north and hospital-south put them into service, uncertified as yet; ward and address stay in the hospital")
	return nil
}

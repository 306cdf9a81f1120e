package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/secant-platform/secant/network/disk"
)

// deliveries are the units that every consortium starts with.
var deliveries = []delivery{
	{"BM7-1001", north, monitor, "L2601", "7.2.0", placement{"Intensive care 1", "10.20.7.11", []service{{"tcp", 22}, {"https", 443}}}},
	{"BM7-1002", north, monitor, "L2601", "7.1.0", placement{"Intensive care 2", "10.20.7.12", []service{{"tcp", 22}, {"https", 443}}}},
	{"BM7-1003", south, monitor, "L2602", "7.2.0", placement{"Surgery", "10.30.7.11", []service{{"https", 443}}}},
	{"BM7-1004", east, monitor, "L2602", "7.1.0", placement{"Emergency", "10.40.7.11", []service{{"tcp", 22}, {"https", 443}}}},
	{"IP3-2001", north, pump, "L2511", "3.4.1", placement{"Intensive care 1", "10.20.7.21", []service{{"tcp", 80}}}},
	{"IP3-2002", south, pump, "L2511", "3.4.1", placement{"Oncology", "10.30.7.21", []service{{"tcp", 22}, {"tcp", 80}}}},
	{"IP3-2003", south, pump, "L2512", "3.4.1", placement{"Surgery", "10.30.7.22", []service{{"tcp", 80}}}},
	{"IP3-2004", east, pump, "L2512", "3.4.1", placement{"Emergency", "10.40.7.21", []service{{"tcp", 80}}}},
}

// scored is the delivery that the first score is about.
const scored = 5

// seedReadings is how many readings each monitor starts with, and seedTime when
// they were taken: fixed, so that loading again sends the same.
const seedReadings = 60

var seedTime = time.Date(2026, 1, 12, 8, 0, 0, 0, time.UTC)

// seeded is what loading leaves behind to recognise its work by.
type seeded struct {
	Threat string `json:"threat"` // digest of the first shared report
}

// Seed loads a small living consortium: two device models with their releases, a
// handful of units at three hospitals, readings that their devices signed, one
// shared threat, one risk score, credential issuers that the members accepted, and
// people with wallets. What is there already stays as it is, so that a second run changes nothing and says so, and one that was cut off goes
// on where it stopped.
func Seed(ctx context.Context, t Target, out io.Writer) error {
	w, err := open(t)
	if err != nil {
		return err
	}
	say := narrate(out)
	s := &seeding{world: w, say: say}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"registering models and releases", s.models},
		{"delivering units", s.units},
		{"sending readings", s.readings},
		{"sharing a threat", s.threat},
		{"publishing a score", s.score},
		{"accepting credential issuers", s.trust},
		{"giving people wallets", s.wallets},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if s.made.Load() == 0 {
		say.line("the sample data is loaded already: nothing was changed")
	} else {
		say.line(fmt.Sprintf("loaded sample data: %d models, %d releases, %d units in service at three hospitals, readings of %d monitors, a shared threat, a risk score (%s)",
			2, len(releases), len(deliveries), s.monitors(), since(say.begin)))
	}
	return say.err
}

// seeding is one run of Seed.
type seeding struct {
	*world
	say     *narrator
	devices [8]*device // in the order of deliveries
	made    atomic.Int64
}

// count adds what an ensuring step made.
func (s *seeding) count(made bool, err error) error {
	if made {
		s.made.Add(1)
	}
	return err
}

// atOnce runs n steps side by side: none waits for another's block.
func atOnce(ctx context.Context, n int, do func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error { return do(ctx, i) })
	}
	return g.Wait() //nolint:wrapcheck // each step says what it did
}

func (s *seeding) models(ctx context.Context) error {
	kinds := []model{monitor, pump}
	err := atOnce(ctx, len(kinds), func(ctx context.Context, i int) error { return s.count(s.ensureModel(ctx, kinds[i])) })
	if err != nil {
		return err
	}
	return atOnce(ctx, len(releases), func(ctx context.Context, i int) error {
		made, _, err := s.ensureRelease(ctx, &releases[i])
		return s.count(made, err)
	})
}

func (s *seeding) units(ctx context.Context) error {
	return atOnce(ctx, len(deliveries), func(ctx context.Context, i int) error {
		d, made, err := s.ensureUnit(ctx, deliveries[i])
		if errors.Is(err, errForeign) {
			return nil // the unit is there and in service; only its device is gone
		}
		s.devices[i] = d
		if err := s.count(made, err); err != nil {
			return err
		}
		return s.count(s.ensureService(ctx, d, deliveries[i].placement))
	})
}

func (s *seeding) monitors() int {
	n := 0
	for _, d := range deliveries {
		if d.model == monitor {
			n++
		}
	}
	return n
}

func (s *seeding) readings(ctx context.Context) error {
	return atOnce(ctx, len(deliveries), func(ctx context.Context, i int) error {
		d := s.devices[i]
		if d == nil || deliveries[i].model != monitor {
			return nil
		}
		if d.Sent != "" {
			there, err := s.as(d.Owner, auditor).has(ctx, "/v1/readings/"+d.Sent, nil)
			if there || err != nil {
				return err
			}
		}
		b := vitalSigns(seedTime.Add(time.Duration(i)*time.Minute), seedReadings)
		r, err := d.send(ctx, s.as(d.Owner, auditor), &b)
		if err != nil {
			return err
		}
		s.made.Add(1)
		d.Sent = r.ID
		return s.keep(d)
	})
}

func (s *seeding) state() (*seeded, error) {
	b, err := os.ReadFile(s.dir("seed.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return &seeded{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was loaded: %w", err)
	}
	var st seeded
	if err := json.Unmarshal(b, &st); err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.dir("seed.json"), err)
	}
	return &st, nil
}

func (s *seeding) remember(st *seeded) error {
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding what was loaded: %w", err)
	}
	return disk.WriteFile(s.dir("seed.json"), append(b, '\n'), 0o600) //nolint:wrapcheck // names the file
}

func (s *seeding) threat(ctx context.Context) error {
	st, err := s.state()
	if err != nil {
		return err
	}
	if st.Threat != "" {
		there, err := s.as(east, analyst).has(ctx, "/v1/threats/"+st.Threat, nil)
		if there || err != nil {
			return err
		}
	}
	shared, err := s.share(ctx, east, seedAlert)
	switch {
	case errors.Is(err, errShared):
		// By a run that was cut off before it could remember which report it was.
		st.Threat = ""
		return s.remember(st)
	case err != nil:
		return err
	}
	s.made.Add(1)
	st.Threat = shared.Digest
	return s.remember(st)
}

// score scores a pump of the south once its node has the report that concerns it.
func (s *seeding) score(ctx context.Context) error {
	d := s.devices[scored]
	if d == nil {
		return nil
	}
	list, err := s.scores(ctx, d.Owner, d.Unit)
	if err != nil || len(list) > 0 {
		return err
	}
	st, err := s.state()
	if err != nil {
		return err
	}
	if st.Threat != "" {
		if _, _, err := s.receive(ctx, south, st.Threat); err != nil {
			return err
		}
	}
	if _, err := s.publishScore(ctx, d); err != nil {
		return err
	}
	s.made.Add(1)
	return nil
}

package ingest

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/secant-platform/secant/analytics/proof"
)

// Limits bound one request. Zero means the default.
type Limits struct {
	Wire    int // bytes of the body as received; default 8 MiB
	Body    int // bytes of the body when decompressed; default 32 MiB
	Records int // records; default and at most 10,000
	Record  int // bytes of a record; default 64 KiB
	File    int // bytes of a record that is a file; default 8 MiB, or Body where that is less
	Depth   int // nested arrays and objects of a JSON record; default 32
}

// Options are the settings that a pipeline has a default for.
type Options struct {
	Limits Limits
	// Workers is how many requests are decoded, hashed and sealed at once.
	// Default 2: more only share the same processors and their caches.
	Workers int
	// Active bounds the requests between arrival and answer; one more is busy.
	// Default 2,048.
	Active int
	// Held bounds the bytes of bodies that are held for them; more is busy.
	// Default 256 MiB.
	Held int64
	// Linger is how long a group waits for requests that are on their way, at
	// most, before it is made durable. Default and at most 2 ms.
	Linger time.Duration
	// Drain is how long Run goes on, after its context has ended, with requests
	// that it has taken. Default 10 s.
	Drain time.Duration
	// Cache bounds the bytes of requests kept decoded for reading. Default 64 MiB.
	Cache int
	// Step is called when a request or its group reaches a step of the pipeline:
	// sealed, appended, synced, logged, answered. Tests kill the process there.
	Step func(name string)
	// Metrics is where the pipeline's metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// Logger takes what nobody is answered with. Default: slog.Default.
	Logger *slog.Logger
}

// The steps of a request, in order.
const (
	StepSealed   = "sealed"   // decoded, judged, committed to and encrypted; in memory only
	StepAppended = "appended" // written to the vault, not durable
	StepSynced   = "synced"   // durable in the vault
	StepLogged   = "logged"   // durable in the integrity log
	StepAnswered = "answered" // its receipt was given
)

const (
	maxUnpacked = 256 << 20 // of Limits.Body
	maxLinger   = 2 * time.Millisecond
	maxWorkers  = 64
)

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func (o Options) validate() (Options, error) {
	l := &o.Limits
	orDefault(&l.Wire, 8<<20)
	orDefault(&l.Body, 32<<20)
	orDefault(&l.Records, proof.MaxRecords)
	orDefault(&l.Record, 64<<10)
	orDefault(&l.File, min(proof.MaxRecord, l.Body))
	orDefault(&l.Depth, 32)
	orDefault(&o.Workers, 2)
	orDefault(&o.Active, 2048)
	orDefault(&o.Held, 256<<20)
	orDefault(&o.Linger, maxLinger)
	orDefault(&o.Drain, 10*time.Second)
	orDefault(&o.Cache, 64<<20)
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch {
	case l.Wire < 1 || l.Body < l.Wire || l.Body > maxUnpacked:
		return o, fmt.Errorf("a body has room for its bytes on the wire, and at most %d", maxUnpacked)
	case l.Records < 1 || l.Records > proof.MaxRecords:
		return o, fmt.Errorf("a request has 1 to %d records", proof.MaxRecords)
	case l.Record < 1 || l.Record > proof.MaxRecord || l.File < 1 || l.File > proof.MaxRecord:
		return o, fmt.Errorf("a record has 1 to %d bytes", proof.MaxRecord)
	case l.Depth < 1 || l.Depth > 1000:
		return o, errors.New("a depth is 1 to 1,000")
	case o.Workers < 1 || o.Workers > maxWorkers, o.Active < 1, o.Held < int64(l.Wire), o.Cache < 0, o.Drain < 0:
		return o, errors.New("a bound is negative, or has no room for one request")
	case o.Linger < 0 || o.Linger > maxLinger:
		return o, fmt.Errorf("a group lingers for at most %s", maxLinger)
	}
	return o, nil
}

package demo

import (
	_ "embed"
	"fmt"
	"time"
)

// The project's own small samples, written for the purpose.
var (
	//go:embed samples/monitor-7.1.0.cdx.json
	billMonitor71 []byte
	//go:embed samples/monitor-7.2.0.cdx.json
	billMonitor72 []byte
	//go:embed samples/pump-3.4.1.cdx.json
	billPump34 []byte
	//go:embed samples/alert.eve.json
	sampleAlert []byte
	//go:embed samples/seed.eve.json
	seedAlert []byte
	//go:embed samples/monitor.hl7
	sampleMessage []byte
)

const typeCycloneDX = "application/vnd.cyclonedx+json"

// releases are those that every consortium starts with.
var releases = []release{
	{monitor, "7.1.0", billMonitor71, typeCycloneDX},
	{monitor, "7.2.0", billMonitor72, typeCycloneDX},
	{pump, "3.4.1", billPump34, typeCycloneDX},
}

// vitalSigns makes count readings of a pulse oximeter, a second apart. The
// values walk up and down within what a resting person has; codes are those of
// ISO/IEEE 11073-10101.
func vitalSigns(begin time.Time, count int) batch {
	b := batch{mediaType: "application/json", from: "the project's own sample"}
	for i := range count {
		b.records = append(b.records, fmt.Appendf(nil,
			`{"time":%q,"MDC_PULS_OXIM_SAT_O2":{"value":%d,"unit":"MDC_DIM_PERCENT"},"MDC_PULS_OXIM_PULS_RATE":{"value":%d,"unit":"MDC_DIM_BEAT_PER_MIN"}}`,
			begin.Add(time.Duration(i)*time.Second).UTC().Format(time.RFC3339), 95+i*7%5, 62+i*5%23))
	}
	return b
}

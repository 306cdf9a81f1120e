package adapt

import (
	"bytes"
	"testing"
	"testing/iotest"
)

// fuzzScan holds for every reader: no input makes it panic, what it gives is as Record
// promises and a part of the input, and it does not matter in which pieces it comes.
func fuzzScan(f *testing.F, format string) {
	f.Helper()
	for name, of := range ownScans {
		if of == format {
			f.Add(ownScan(f, name))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := scanBy(t, format, bytes.NewReader(b))
		s.inOrder(t, b)
		if len(b) > 4<<10 {
			return
		}
		slow := scanBy(t, format, iotest.OneByteReader(bytes.NewReader(b)))
		if s.told() != slow.told() {
			t.Fatalf("read otherwise byte by byte:\n%s\n%s", s.told(), slow.told())
		}
		Detect(b)
	})
}

func FuzzScanNmap(f *testing.F)      { fuzzScan(f, "nmap") }
func FuzzScanNessus(f *testing.F)    { fuzzScan(f, "nessus") }
func FuzzScanOpenVAS(f *testing.F)   { fuzzScan(f, "openvas") }
func FuzzScanQualys(f *testing.F)    { fuzzScan(f, "qualys") }
func FuzzScanTrivy(f *testing.F)     { fuzzScan(f, "trivy") }
func FuzzScanGrype(f *testing.F)     { fuzzScan(f, "grype") }
func FuzzScanSARIF(f *testing.F)     { fuzzScan(f, "sarif") }
func FuzzScanOSV(f *testing.F)       { fuzzScan(f, "osv") }
func FuzzScanCycloneDX(f *testing.F) { fuzzScan(f, "cyclonedx") }
func FuzzScanOpenVEX(f *testing.F)   { fuzzScan(f, "openvex") }

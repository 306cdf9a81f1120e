package fact

import "time"

// Exposure is a vulnerability of a release, as the node knows it from advisories.
type Exposure struct {
	ID        string    // as CVE-2022-3602
	Score     int       // base score, tenths; 0: not stated
	Status    string    // affected or under_investigation; fixed or not_affected by the maker's word
	Answered  bool      // the advisory says what to do
	Exploited bool      // the catalogue of exploited vulnerabilities has it
	Published time.Time // when the first advisory on it was
}

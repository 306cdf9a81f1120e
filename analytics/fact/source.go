package fact

import "time"

// Batch is a part of what a source says, with how far the source was read by it. It is
// kept whole or not at all, so that a restart neither loses nor repeats.
type Batch struct {
	Source     string
	Checkpoint []byte       // empty: as before
	Alerts     []Alert      // with their originals
	Objects    []STIXObject // of reports
	Refused    int          // things that could not be read
	Reason     string       // why the last of them could not; no text of theirs
	Taken      *[32]byte    // digest of a document that was read to its end by this batch
}

// BatchOutcome is what became of a batch.
type BatchOutcome struct {
	New, Known int
}

// SourceState is how a source of intelligence fares.
type SourceState struct {
	Name       string
	Checkpoint []byte
	New        int64 // things that were new
	Known      int64 // that were here already
	Refused    int64 // that could not be read
	Reason     string
	Success    time.Time // when it was last read to its end; zero: never
	Failing    time.Time // since when it fails; zero: it does not
	Failure    string    // why, and what to do
}

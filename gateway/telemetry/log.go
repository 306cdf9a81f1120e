// Package telemetry is how a node shows what it does: its log and its metrics.
// Nothing in here ever holds a body, a token, a key or what names a patient.
package telemetry

import (
	"io"
	"log/slog"
)

// The keys of log attributes. What is not on this list needs a reason.
const (
	KeyRequest      = "request"      // id of an HTTP request
	KeyMethod       = "method"       // HTTP method
	KeyRoute        = "route"        // pattern of the path; never the path, which may name things
	KeyStatus       = "status"       // HTTP status
	KeyCode         = "code"         // problem.Code
	KeyDuration     = "duration"     // seconds
	KeyBytesIn      = "bytesIn"      // of the body as announced, -1 when it was not
	KeyBytesOut     = "bytesOut"     // of the answer's body
	KeyOrganisation = "organisation" // MSP id
	KeyRole         = "role"         // of a token
	KeyError        = "error"        // an error of ours
	KeyStack        = "stack"        // of a panic
	KeyAddress      = "address"      // that the node listens on
	KeyConfig       = "config"       // effective configuration, without secrets
	KeyPart         = "part"         // of the node
	KeySize         = "size"         // leaves of the integrity log
	KeyStream       = "stream"       // id of the integrity log's stream
	KeyOperation    = "operation"    // id of a command
	KeyStep         = "step"         // of a command or of the start
	KeyVersion      = "version"      // of the program
	KeyWarning      = "warning"      // about the configuration
	KeyEpochs       = "epochs"       // how many the trust file has
	KeyCount        = "count"        // how many since it was said last
	KeySource       = "source"       // of readings, as the configuration names it
	KeyProtocol     = "protocol"     // that devices speak
	KeyReceipt      = "receipt"      // id of readings that were taken
)

// NewLogger makes the node's log: a JSON object a line.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

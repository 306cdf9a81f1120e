package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/gateway/auth"
)

// Monitor derives the node's stored data again and again.
type Monitor interface {
	Integrity() Integrity
}

// Integrity is what is known of the node's stored data.
type Integrity struct {
	Last      *Pass      `json:"last,omitempty" doc:"The last whole pass; absent until there was one."`
	Incidents []Incident `json:"incidents" doc:"What is not in order now."`
}

// Pass is what one pass over all stored data derived again and found as it was.
type Pass struct {
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended"`
	Requests   uint64    `json:"requests" doc:"Requests of readings, each once and whole."`
	Records    uint64    `json:"records" doc:"Leaves that lead to the root that was signed or stated."`
	Signatures uint64    `json:"signatures" doc:"Of devices, verified."`
	Unchecked  uint64    `json:"unchecked" doc:"Signed requests of devices whose key the ledger does not have."`
	Erased     uint64    `json:"erased" doc:"Requests of which only the commitment is left."`
	Shredded   uint64    `json:"shredded" doc:"Records of the others that were erased with the subject that they were about: their commitments are left."`
	LogEntries uint64    `json:"logEntries" doc:"Of the integrity log, under tiles that were derived again."`
	Anchors    uint64    `json:"anchors" doc:"Each the root of the log as it was then."`
	Anchored   uint64    `json:"anchored" doc:"Entries under the last of them."`
	Blocks     uint64    `json:"blocks" doc:"Of the ledger, replayed into an empty store."`
	Digest     string    `json:"digest" doc:"Of the read model that came out."`
	Skipped    []string  `json:"skipped" doc:"Parts that could not be checked, since peers, or where objects are kept, did not answer; what was found of them before stands."`
}

// Incident is something in the stored data that is not what it was, or does not fit.
type Incident struct {
	Part   string    `json:"part" enum:"log,readings,anchors,store,readModel" doc:"Of the stored data."`
	Detail string    `json:"detail" doc:"The first thing that does not fit, and where."`
	Found  time.Time `json:"found"`
}

func (a *API) integrityRoutes() {
	register(a.api, auth.StatusRead, huma.Operation{
		OperationID: "get-integrity", Method: http.MethodGet, Path: "/v1/integrity", Tags: []string{"node"},
		Summary: "Whether all that this node keeps is still what it was",
		Description: "The node derives everything again in turn, with a tenth of a processor: each reading leads to its commitment, each signature fits, the log's tiles and " +
			"checkpoint and the ledger's anchors agree, and the ledger's blocks give the read model. What does not fit is an incident, and an event.",
	}, func(context.Context, *struct{}) (*body[Integrity], error) {
		return &body[Integrity]{a.Monitor.Integrity()}, nil
	})
}

package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Profiles say what is particular to who speaks for a device.
type Profiles interface {
	// Profile returns that of the sources which have a name for the unit.
	Profile(ctx context.Context, unit string) (hl7.Profile, error)
}

// Message is what an HL7 message, a recording or a snapshot of a device says, but for
// who it is about.
type Message struct {
	Unit         proof.Hash        `json:"unit"`
	Received     time.Time         `json:"received" doc:"By this node's clock."`
	Sent         *time.Time        `json:"sent,omitempty" doc:"By the sender's clock, MSH-7."`
	Deviation    *int64            `json:"deviation,omitempty" doc:"Seconds from sent to received: large, in either direction, when the sender's clock is wrong or the message waited. Its times are then as doubtful."`
	Observations []hl7.Observation `json:"observations" doc:"As the message has them; without a value, absentReason says why. What its source sends for \"no reading\" is no value."`
	Alerts       []hl7.Alert       `json:"alerts" doc:"Of a message about alarms (PCD-04); of a snapshot those that are present."`
	Recording    *Recording        `json:"recording,omitempty" doc:"Of a file with signals: EDF, EDF+, BDF or WFDB."`
	Snapshot     *Snapshot         `json:"snapshot,omitempty" doc:"Of a device that speaks SDC. Its metrics are the observations; without a value they are absent."`
}

type pathObservations struct {
	PathRequest
	Index int `path:"index" minimum:"0" doc:"The record's place in the request, from 0."`
}

func (a *API) observationRoutes() {
	register(a.api, auth.ReadingsRead, huma.Operation{
		OperationID: "get-observations", Method: http.MethodGet, Path: "/v1/readings/{id}/records/{index}/observations", Tags: []string{"readings"},
		Summary: "What an HL7 message, a recording or a snapshot of a device says",
		Description: "Read from the record for the asking; what is kept and proven is the message itself, byte for byte. " +
			"Codes are those that the sender wrote, of devices usually MDC (ISO/IEEE 11073-10101). Of a file with signals it tells what the signals are and their bounds, and the samples stay in the file. " +
			"Other records are answered with 422: they are read as they are.",
	}, func(ctx context.Context, in *pathObservations) (*body[Message], error) {
		id, err := proof.ParseRequestID(in.ID)
		if err != nil {
			return nil, noRequest()
		}
		record, media, err := a.Readings.Record(ctx, id, in.Index)
		if err != nil {
			return nil, err
		}
		r, err := a.Readings.Receipt(ctx, id)
		if err != nil {
			return nil, err
		}
		if read := files[media]; read != nil {
			v := &Message{Unit: r.Unit, Received: r.Received, Observations: []hl7.Observation{}, Alerts: []hl7.Alert{}}
			if err := read(v, record); err != nil {
				return nil, err
			}
			return &body[Message]{*v}, nil
		}
		m, flaw := hl7.Parse(record)
		if media != typeHL7 || flaw != hl7.Sound {
			return nil, ledger.Problemf(ledger.CodeInvalid, "the record is no HL7 message and no file that is understood: read it as it is")
		}
		p, err := a.Profiles.Profile(ctx, r.Unit.String())
		if err != nil {
			return nil, err
		}
		v := Message{Unit: r.Unit, Received: r.Received, Observations: m.Observations(p), Alerts: append([]hl7.Alert{}, m.Alerts(p)...)}
		if at, ok := m.Sent(p); ok {
			seconds := int64(r.Received.Sub(at) / time.Second)
			v.Sent, v.Deviation = &at, &seconds
		}
		return &body[Message]{v}, nil
	})
}

package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/phd"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/senml"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Profiles say what is particular to who speaks for a device.
type Profiles interface {
	// Profile returns that of the sources which have a name for the unit.
	Profile(ctx context.Context, unit string) (hl7.Profile, error)
}

// Message is what a record says; an HL7 message, a recording or a snapshot of a device
// but for who it is about.
type Message struct {
	Unit         proof.Hash        `json:"unit"`
	Received     time.Time         `json:"received" doc:"By this node's clock."`
	Sent         *time.Time        `json:"sent,omitempty" doc:"By the sender's clock: MSH-7, or when the phone received the value."`
	Deviation    *int64            `json:"deviation,omitempty" doc:"Seconds from sent to received: large, in either direction, when the sender's clock is wrong or the message waited. Its times are then as doubtful."`
	Observations []hl7.Observation `json:"observations" doc:"As the message has them; without a value, absentReason says why. What its source sends for \"no reading\" is no value."`
	Alerts       []hl7.Alert       `json:"alerts" doc:"Of a message about alarms (PCD-04); of a snapshot those that are present."`
	Recording    *Recording        `json:"recording,omitempty" doc:"Of a file with signals: EDF, EDF+, BDF or WFDB."`
	Snapshot     *Snapshot         `json:"snapshot,omitempty" doc:"Of a device that speaks SDC. Its metrics are the observations; without a value they are absent."`
	FHIR         *phd.Bundle       `json:"fhir,omitempty" doc:"Of a characteristic's value: the device, the phone and the observations as FHIR R4 resources (uv/phd)."`
	Measurements []senml.Record    `json:"measurements,omitempty" doc:"Of a SenML pack: its records, resolved (RFC 8428, 4.6). Times that count from now count from when this node received the pack."`
}

type pathObservations struct {
	PathRequest
	Index int `path:"index" minimum:"0" doc:"The record's place in the request, from 0."`
}

func (a *API) observationRoutes() {
	register(a.api, auth.ReadingsRead, huma.Operation{
		OperationID: "get-observations", Method: http.MethodGet, Path: "/v1/readings/{id}/records/{index}/observations", Tags: []string{"readings"},
		Summary: "What a record says, observation by observation",
		Description: "Read from the record for the asking; what is kept and proven is the record itself, byte for byte. " +
			"Of an HL7 message, codes are those that the sender wrote, of devices usually MDC (ISO/IEEE 11073-10101). Of a personal device's value (" + typeGATT + ") the answer has FHIR resources; of a SenML pack its measurements. " +
			"Of a file with signals it tells what the signals are and their bounds, and the samples stay in the file. " +
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
		v := Message{Unit: r.Unit, Received: r.Received, Observations: []hl7.Observation{}, Alerts: []hl7.Alert{}}
		switch media {
		case typeHL7:
			err = a.sayHL7(ctx, record, &v)
		case typeGATT:
			err = v.sayGATT(record)
		case typeSenML:
			v.Measurements, err = senml.ReadJSON(record, v.Received)
		case typeSenMLC:
			v.Measurements, err = senml.ReadCBOR(record, v.Received)
		default:
			if err = unspoken(); files[media] != nil {
				err = files[media](&v, record)
			}
		}
		if err != nil {
			return nil, err
		}
		return &body[Message]{v}, nil
	})
}

func unspoken() error {
	return ledger.Problemf(ledger.CodeInvalid, "the record is in no form that is read here: read it as it is")
}

// sent notes when the sender says that it sent.
func (v *Message) sent(at time.Time) {
	seconds := int64(v.Received.Sub(at) / time.Second)
	v.Sent, v.Deviation = &at, &seconds
}

func (a *API) sayHL7(ctx context.Context, record []byte, v *Message) error {
	m, flaw := hl7.Parse(record)
	if flaw != hl7.Sound {
		return unspoken()
	}
	p, err := a.Profiles.Profile(ctx, v.Unit.String())
	if err != nil {
		return err //nolint:wrapcheck // a problem is passed on as it is
	}
	v.Observations, v.Alerts = m.Observations(p), append(v.Alerts, m.Alerts(p)...)
	if at, ok := m.Sent(p); ok {
		v.sent(at)
	}
	return nil
}

func (v *Message) sayGATT(record []byte) error {
	m, err := phd.Read(record)
	if err != nil {
		return unspoken()
	}
	v.FHIR = m.Bundle(v.Unit.String())
	v.sent(m.Received())
	return nil
}

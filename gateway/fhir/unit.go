package fhir

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// registered answers with a device of which no resource was received, as the ledger
// knows it: so that whoever follows an observation's device finds it. It fails with
// not_found for what is no device's id, or no device.
func (a *API) registered(ctx context.Context, id string) (object, time.Time, error) {
	var unit proof.Hash
	if unit.UnmarshalText([]byte(id)) != nil {
		return nil, time.Time{}, ledger.Problemf(ledger.CodeNotFound, "there is no such resource here")
	}
	if err := auth.Within(ctx, "Device", 'r'); err != nil {
		return nil, time.Time{}, err
	}
	u, err := a.Devices.Registered(ctx, unit)
	if err != nil {
		return nil, time.Time{}, err
	}
	status := "inactive"
	if u.State == ledger.StateInService || u.State == ledger.StateHeld { // held stops nothing
		status = "active"
	}
	d := object{
		"resourceType": "Device", "id": id, "meta": object{"lastUpdated": fhir.Instant(u.Since), "tag": []object{{"system": tagSystem, "code": "ledger"}}},
		"identifier": []object{{"system": UnitSystem, "value": id}},
		"udiCarrier": []object{{"deviceIdentifier": u.DI}},
		"status":     status, "statusReason": []object{{"text": u.State}},
		"lotNumber": u.Lot,
		"owner":     object{"display": u.Owner},
	}
	if u.Release != "" {
		d["version"] = []object{{"value": u.Release}}
	}
	return d, u.Since, nil
}

// tagSystem tells what was received from what is told of the ledger.
const tagSystem = "urn:secant:source"

// readRegistered answers a read of a device of which no resource was received.
func (a *API) readRegistered(c *gin.Context, err error) error {
	if ledger.CodeOf(err) != ledger.CodeNotFound || c.Param("type") != "Device" || c.Param("version") != "" {
		return err
	}
	d, since, err := a.registered(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	c.Header("Last-Modified", since.UTC().Format(http.TimeFormat))
	c.Data(http.StatusOK, MediaType, encode(d))
	return nil
}

package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// NewModel is what a manufacturer tells of a model.
type NewModel struct {
	DI          string `json:"di"` // UDI-DI
	Name        string `json:"name"`
	ModelNumber string `json:"modelNumber"`
	EMDN        string `json:"emdn,omitempty"`       // code in the European Medical Device Nomenclature
	RiskClass   string `json:"riskClass"`            // I, IIa, IIb, III (MDR) or A, B, C, D (IVDR)
	BasicUDIDI  string `json:"basicUdiDi,omitempty"` // the model's group
	SRN         string `json:"srn,omitempty"`        // the maker's single registration number
	SupportEnd  string `json:"supportEnd,omitempty"` // last day of security support, as 2031-12-31
}

// Model is a type of device, with its place on the ledger.
type Model struct {
	ledger.Model
	Ledger fact.Origin `json:"ledger"`
}

// Release is a version of a model's software, with its place on the ledger.
type Release struct {
	ledger.Release
	Components int         `json:"components"` // entries of the bill of materials; 0 where the bill is not held
	Ledger     fact.Origin `json:"ledger"`
}

// Unit is a device, with its place on the ledger and with what only this node knows
// of it.
type Unit struct {
	ledger.Unit
	Serial  string      `json:"serial,omitempty"`  // at its manufacturer's node, and at its owner's when it was told
	Service *InService  `json:"service,omitempty"` // at its owner's node, once it is in the inventory
	Ledger  fact.Origin `json:"ledger"`
}

// RegisterModel registers a model under the node's organisation, its manufacturer.
// Right: devices:write.
func (c *Client) RegisterModel(ctx context.Context, m NewModel) (*Model, error) {
	var out Model
	return commanded(c, ctx, http.MethodPost, "/v1/models", m, &out, func() error { return c.get(ctx, modelPath(m.DI), nil, &out) })
}

// Model finds a model by its UDI-DI.
func (c *Client) Model(ctx context.Context, di string) (*Model, error) {
	var out Model
	return found(&out, c.get(ctx, modelPath(di), nil, &out))
}

// Models lists the models of the consortium, by UDI-DI.
func (c *Client) Models(ctx context.Context) iter.Seq2[Model, error] {
	return pages[Model](ctx, c, "/v1/models", nil)
}

// The media types of bills of materials.
const (
	MediaCycloneDX = "application/vnd.cyclonedx+json"
	MediaSPDX      = "application/spdx+json"
)

// PublishRelease publishes a release of an own model with its bill of materials,
// byte for byte: CycloneDX or SPDX, as media says. Right: devices:write.
func (c *Client) PublishRelease(ctx context.Context, di, version, media string, bill []byte) (*Release, error) {
	path := releasePath(di, version)
	var out Release
	err := c.command(ctx, request{method: http.MethodPut, path: path, media: media, body: bill}, &out,
		func() error { return c.get(ctx, path, nil, &out) })
	return found(&out, err)
}

// Release finds a release.
func (c *Client) Release(ctx context.Context, di, version string) (*Release, error) {
	var out Release
	return found(&out, c.get(ctx, releasePath(di, version), nil, &out))
}

// Unit finds a device by its id.
func (c *Client) Unit(ctx context.Context, id string) (*Unit, error) {
	var out Unit
	return found(&out, c.get(ctx, unitPath(id), nil, &out))
}

// UnitFilter narrows a list of devices; an empty field does not narrow.
type UnitFilter struct {
	Owner, Manufacturer string // MSP ids
	DI                  string // UDI-DI of the model
	State               string // as in_service, held, quarantined or recalled
}

// Units lists the devices of the consortium, by id, without what only the node knows.
func (c *Client) Units(ctx context.Context, f UnitFilter) iter.Seq2[Unit, error] {
	return pages[Unit](ctx, c, "/v1/units", values("owner", f.Owner, "manufacturer", f.Manufacturer, "di", f.DI, "state", f.State))
}

// Change is a change of a device's state.
type Change struct {
	ledger.UnitChange
	Ledger fact.Origin `json:"ledger"`
}

// History lists the changes of a device's state, newest first.
func (c *Client) History(ctx context.Context, unit string) iter.Seq2[Change, error] {
	return pages[Change](ctx, c, unitPath(unit)+"/history", nil)
}

// NewService is what a device's owner tells its node of it, and nobody else.
type NewService struct {
	Ward     string            `json:"ward"`
	Address  string            `json:"address"`  // IP address or host name
	Services []fact.Service    `json:"services"` // network services that it offers
	Names    []fact.DeviceName `json:"names,omitempty"`
}

// InService is where and how a device serves.
type InService struct {
	NewService
	Updated time.Time `json:"updated"`
}

// PutIntoService puts an own device into service, or changes where it serves.
// Right: devices:write.
func (c *Client) PutIntoService(ctx context.Context, unit string, s NewService) (*Unit, error) {
	if s.Services == nil {
		s.Services = []fact.Service{}
	}
	var out Unit
	return commanded(c, ctx, http.MethodPost, unitPath(unit)+"/service", s, &out, func() error { return c.get(ctx, unitPath(unit), nil, &out) })
}

// commanded sends a command in JSON.
func commanded[T any](c *Client, ctx context.Context, method, path string, in any, out *T, read func() error) (*T, error) { //nolint:revive // a method cannot have type parameters
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encoding a request: %w", err)
	}
	return found(out, c.command(ctx, request{method: method, path: path, media: mediaJSON, body: body}, out, read))
}

func found[T any](out *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return out, nil
}

func modelPath(di string) string { return "/v1/models/" + url.PathEscape(di) }

func releasePath(di, version string) string {
	return modelPath(di) + "/releases/" + url.PathEscape(version)
}

func unitPath(id string) string { return "/v1/units/" + url.PathEscape(id) }

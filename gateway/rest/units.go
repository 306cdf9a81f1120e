package rest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Units finds devices.
type Units interface {
	Unit(ctx context.Context, id string) (fact.Row[ledger.Unit], error)
	Units(ctx context.Context, f fact.UnitFilter, page ledger.PageRequest) (fact.Page[ledger.Unit], error)
	UnitHistory(ctx context.Context, id string, page ledger.PageRequest) (fact.Page[ledger.UnitChange], error)
}

// Inventory keeps what an organisation knows of its devices and does not tell.
type Inventory interface {
	PutInventory(ctx context.Context, i fact.Inventory) error
	Inventory(ctx context.Context, unit string) (fact.Inventory, bool, error)
	PutSerial(ctx context.Context, unit, serial string) error
	PutSerials(ctx context.Context, serials map[string]string) error // by unit id; all or none
	Serial(ctx context.Context, unit string) (string, bool, error)
}

// Unit is a device, with its place on the ledger and with what only this node
// knows of it.
type Unit struct {
	ledger.Unit
	Serial  string       `json:"serial,omitempty" doc:"Only at its manufacturer's node, and at its owner's when it was told."`
	Service *UnitService `json:"service,omitempty" doc:"Only at its owner's node, once it is in the inventory."`
	Care    []ReliesOn   `json:"reliedOnBy,omitempty" doc:"The care services that rely on it; only at its owner's node."`
	Attests *Attestation `json:"attestation,omitempty" doc:"What it attested of the release that it runs; only at its owner's node."`
	Ledger  fact.Origin  `json:"ledger" doc:"Where on the ledger its latest change stands."`
}

// UnitService is where and how a device serves. It never leaves the node.
type UnitService struct {
	NewService
	Updated time.Time `json:"updated"`
}

// NewService is what a unit's owner tells its node of it.
type NewService struct {
	Ward     string         `json:"ward" doc:"At most 200 printable characters." example:"ICU 2"`
	Address  string         `json:"address" doc:"IP address or host name." example:"10.20.3.17"`
	Services []fact.Service `json:"services" maxItems:"64" doc:"Network services that it offers: protocol as tcp, https or tcp/dicom, port 1 to 65535."`
	// Absent in what older programs send.
	Names []fact.DeviceName `json:"names,omitempty" maxItems:"32" doc:"What sources of readings that speak for several devices call it (configuration, mllp): a source and, as in MSH-3 or OBX-18, a name."`
}

// Change is a change of a device's state.
type Change struct {
	ledger.UnitChange
	Ledger fact.Origin `json:"ledger"`
}

func viewUnit(r fact.Row[ledger.Unit]) Unit { return Unit{Unit: r.Record, Ledger: r.Origin} }

// knownUnit adds what only this node knows.
func (a *API) knownUnit(ctx context.Context, id string) (Unit, error) {
	row, err := a.Units.Unit(ctx, id)
	if err != nil {
		return Unit{}, err
	}
	v := viewUnit(row)
	if serial, ok, err := a.Inventory.Serial(ctx, id); err != nil {
		return Unit{}, err
	} else if ok {
		v.Serial = serial
	}
	if i, ok, err := a.Inventory.Inventory(ctx, id); err != nil {
		return Unit{}, err
	} else if ok {
		v.Service = &UnitService{NewService{i.Ward, i.Address, i.Services, i.Names}, i.Updated}
	}
	if at, ok, err := a.Attestations.Attestation(ctx, id, row.Record.Release); err != nil {
		return Unit{}, err
	} else if ok {
		v.Attests = viewAttestation(&at)
	}
	care, err := a.Care.CareServicesOf(ctx, id)
	if err != nil {
		return Unit{}, err
	}
	for _, c := range care {
		v.Care = append(v.Care, ReliesOn{c.ID, c.Name, c.Without})
	}
	return v, nil
}

// NewUnit is what a manufacturer tells of a device.
type NewUnit struct {
	Serial    string `json:"serial" doc:"Serial number: 1 to 200 printable characters. It stays at this node; the ledger learns its HMAC." example:"SN-00042"`
	DI        string `json:"di" doc:"UDI-DI of its model." example:"04012345678901"`
	Lot       string `json:"lot" doc:"1 to 64 characters of GS1 character set 82: letters, digits and !\"%&'()*+,-./:;<=>?_" example:"L2026-11"`
	Release   string `json:"release" doc:"Version of the release that it runs: 1 to 64 characters of letters, digits and !\"%&'()*+,-./:;<=>?_~" example:"4.2.1"`
	Owner     string `json:"owner" doc:"MSP id of the organisation that it is delivered to." example:"hospital-north"`
	PublicKey string `json:"publicKey,omitempty" doc:"Ed25519 public key with which it signs, 64 hexadecimal digits; absent when it cannot sign."`
	IDevID    string `json:"iDevId,omitempty" doc:"SHA-256 of the SubjectPublicKeyInfo of its maker's identity certificate (IEEE 802.1AR, IDevID), 64 hexadecimal digits."`
}

// incomplete wants what every unit needs that this interface registers: the
// ledger also takes one that is manufactured, without release and owner.
func (u *NewUnit) incomplete() []ledger.Fault {
	faults := textFaults("serial", u.Serial)
	if u.Release == "" {
		faults = append(faults, ledger.Fault{Field: "release", Detail: "must not be empty"})
		if u.Owner == "" { // with a release the ledger asks for it too
			faults = append(faults, ledger.Fault{Field: "owner", Detail: "must not be empty"})
		}
	}
	return faults
}

// SerialMAC is what the ledger learns of a serial number, which is unique only
// within its model: HMAC-SHA-256 under the maker's key over DI and serial number,
// each behind its length in 4 bytes, big-endian.
func SerialMAC(makerKey []byte, di, serial string) string {
	m := hmac.New(sha256.New, makerKey)
	for _, s := range []string{di, serial} {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) //nolint:gosec // request bodies are far smaller
		m.Write([]byte(s))
	}
	return hex.EncodeToString(m.Sum(nil))
}

// PathUnit names a device in the path.
type PathUnit struct {
	ID string `path:"id" pattern:"^[0-9a-f]{64}$" patternDescription:"64 lower-case hexadecimal digits" doc:"The unit's id."`
}

type listUnits struct {
	Page
	Owner        string `query:"owner" maxLength:"64" doc:"Only those of this owner (MSP id)."`
	Manufacturer string `query:"manufacturer" maxLength:"64" doc:"Only those of this manufacturer (MSP id)."`
	DI           string `query:"di" maxLength:"64" doc:"Only those of this model (UDI-DI)."`
	State        string `query:"state" enum:"manufactured,registered,certified,in_service,held,quarantined,retired,recalled" doc:"Only those in this state. One to which a recall applies is recalled, and in no other state until it is cleared."`
}

type listHistory struct {
	PathUnit
	Page
}

type registerUnit struct {
	CommandHeaders
	Body NewUnit
}

type putIntoService struct {
	PathUnit
	CommandHeaders
	Body NewService
}

func unitPath(id string) string { return "/v1/units/" + id }

func (a *API) unitRoutes() {
	op := commandOp[Unit](a.api, huma.Operation{
		OperationID: "register-unit", Method: http.MethodPost, Path: "/v1/units", Tags: []string{"devices"},
		Summary: "Register a device of an own model",
	})
	register(a.api, auth.DevicesWrite, op, a.registerUnit)
	a.batchRoute()

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "list-units", Method: http.MethodGet, Path: "/v1/units", Tags: []string{"devices"},
		Summary: "The devices of the consortium, by id",
	}, func(ctx context.Context, in *listUnits) (*body[List[Unit]], error) {
		f := fact.UnitFilter{Owner: in.Owner, Manufacturer: in.Manufacturer, DI: in.DI, State: in.State}
		got, err := a.Units.Units(ctx, f, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewUnit), nil
	})

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-unit", Method: http.MethodGet, Path: "/v1/units/{id}", Tags: []string{"devices"},
		Summary: "A device",
	}, func(ctx context.Context, in *PathUnit) (*body[Unit], error) {
		v, err := a.knownUnit(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &body[Unit]{v}, nil
	})

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "list-unit-history", Method: http.MethodGet, Path: "/v1/units/{id}/history", Tags: []string{"devices"},
		Summary: "The changes of a device's state, newest first",
	}, func(ctx context.Context, in *listHistory) (*body[List[Change]], error) {
		got, err := a.Units.UnitHistory(ctx, in.ID, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, func(r fact.Row[ledger.UnitChange]) Change { return Change{r.Record, r.Origin} }), nil
	})

	service := commandOp[Unit](a.api, huma.Operation{
		OperationID: "put-into-service", Method: http.MethodPost, Path: "/v1/units/{id}/service", Tags: []string{"devices"},
		Summary:     "Put an own device into service, or change where it serves",
		Description: "The ledger learns that the device is in service, and nothing else of this.",
	})
	service.Responses["200"] = &huma.Response{
		Description: "It was in service already; the inventory is changed.",
		Content:     map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Unit](a.api)}},
	}
	register(a.api, auth.DevicesWrite, service, a.putIntoService)
}

func (a *API) registerUnit(ctx context.Context, in *registerUnit) (*answer, error) {
	req := ledger.RegisterUnit{
		SerialMAC: SerialMAC(a.MakerKey, in.Body.DI, in.Body.Serial), DI: in.Body.DI, Lot: in.Body.Lot, Release: in.Body.Release,
		Owner: in.Body.Owner, PublicKey: in.Body.PublicKey, IDevID: in.Body.IDevID,
	}
	faults := in.Body.incomplete()
	if err := req.Validate(); err != nil || len(faults) > 0 {
		return nil, placed(withFaults(err, faults))
	}
	model, err := a.Models.Model(ctx, req.DI)
	if err != nil {
		return nil, err
	}
	if model.Record.Manufacturer != a.Organisation {
		return nil, ledger.Problemf(ledger.CodeDenied, "only the model's manufacturer registers its units")
	}
	id := ledger.UnitID(a.Organisation, req.SerialMAC)
	// The serial is kept first: without it nobody could tell afterwards which
	// device the id on the ledger stands for.
	if err := a.Inventory.PutSerial(ctx, id, in.Body.Serial); err != nil {
		return nil, doing("keeping the serial number", err)
	}
	return a.command(ctx, &in.CommandHeaders, ledger.RoleRegistrar, ledger.DeviceRegisterUnit, req, unitPath(id),
		func(ctx context.Context) (any, error) { return a.knownUnit(ctx, id) })
}

func (a *API) putIntoService(ctx context.Context, in *putIntoService) (*answer, error) {
	if err := in.Body.validate(); err != nil {
		return nil, placed(err)
	}
	unit, err := a.Units.Unit(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if unit.Record.Owner != a.Organisation {
		return nil, ledger.Problemf(ledger.CodeDenied, "only the unit's owner puts it into service")
	}
	inventory := fact.Inventory{Unit: in.ID, Ward: in.Body.Ward, Address: in.Body.Address, Services: in.Body.Services, Names: in.Body.Names}
	if inventory.Services == nil {
		inventory.Services = []fact.Service{}
	}
	// What the owner knows of its own device holds whether or not the ledger
	// takes the command, and must not be lost when it is taken.
	if err := a.Inventory.PutInventory(ctx, inventory); err != nil {
		return nil, doing("keeping the inventory", err)
	}
	if unit.Record.OwnState() == ledger.StateInService {
		v, err := a.knownUnit(ctx, in.ID)
		return &answer{http.StatusOK, unitPath(in.ID), v}, err
	}
	return a.command(ctx, &in.CommandHeaders, ledger.RoleCustodian, ledger.DevicePutIntoService, ledger.PutIntoService{ID: in.ID}, unitPath(in.ID),
		func(ctx context.Context) (any, error) { return a.knownUnit(ctx, in.ID) })
}

// hostName is a host name (RFC 1123, section 2.1).
var hostName = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\.?$`)

// protocol is a transport or a protocol over one, as in tcp or tcp/dicom.
var protocol = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]{0,31}(/[a-z0-9][a-z0-9+.-]{0,31})?$`)

const maxHostName = 253

func (s *NewService) validate() error {
	faults := textFaults("ward", s.Ward)
	if _, err := netip.ParseAddr(s.Address); err != nil && (len(s.Address) > maxHostName || !hostName.MatchString(s.Address)) {
		faults = append(faults, ledger.Fault{Field: "address", Detail: "must be an IP address or a host name"})
	}
	for i, service := range s.Services {
		if !protocol.MatchString(service.Protocol) {
			faults = append(faults, ledger.Fault{Field: fmt.Sprintf("services[%d].protocol", i), Detail: "must be a protocol, as tcp or tcp/dicom"})
		}
		if service.Port < 1 || service.Port > 65535 {
			faults = append(faults, ledger.Fault{Field: fmt.Sprintf("services[%d].port", i), Detail: "must be 1 to 65535"})
		}
	}
	for i, n := range s.Names {
		faults = append(faults, textFaults(fmt.Sprintf("names[%d].source", i), n.Source)...)
		faults = append(faults, textFaults(fmt.Sprintf("names[%d].name", i), n.Name)...)
	}
	return withFaults(nil, faults)
}

// textFaults wants what the ledger wants of text: 1 to ledger.MaxName printable
// characters without space around them.
func textFaults(field, s string) []ledger.Fault {
	var detail string
	switch {
	case s == "":
		detail = "must not be empty"
	case utf8.RuneCountInString(s) > ledger.MaxName:
		detail = fmt.Sprintf("must have at most %d characters", ledger.MaxName)
	case strings.TrimSpace(s) != s:
		detail = "must not begin or end with space"
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		detail = "must hold printable characters only"
	default:
		return nil
	}
	return []ledger.Fault{{Field: field, Detail: detail}}
}

// withFaults joins further faults to a validation's.
func withFaults(err error, faults []ledger.Fault) error {
	if p, ok := asProblem(err); ok {
		return invalid(append(faults, p.Faults...)...)
	}
	if err != nil || len(faults) == 0 {
		return err
	}
	return invalid(faults...)
}

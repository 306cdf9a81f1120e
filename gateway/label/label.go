// Package label answers whoever scans what stands on a device: it is the
// organisation's resolver of GS1 Digital Link URIs, with a page for people and a
// link set for programs. It speaks of units that this organisation made or owns,
// and only to who has the serial number, which is not on the ledger. It never tells
// where a unit is, whose it is, or anything of a patient.
package label

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/gs1"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Deps is what the resolver needs of the rest of the node. All are required but
// the base.
type Deps struct {
	Organisation string // MSP id
	DisplayName  string // its name for people
	Base         string // address at which those outside reach the node; empty: that of the request
	Devices      Devices
	Now          func() time.Time
}

// Devices finds what labels stand for.
type Devices interface {
	// LabelledUnit finds a unit of a model by its serial number; it fails with a
	// not_found problem when this node does not know one.
	LabelledUnit(ctx context.Context, di, serial string) (fact.Row[ledger.Unit], error)
	Model(ctx context.Context, di string) (fact.Row[ledger.Model], error)
	Release(ctx context.Context, di, version string) (fact.Row[ledger.Release], error)
	Organisation(ctx context.Context, id string) (fact.Row[ledger.Organisation], error)
}

// The routes; those of Digital Links are what the standard has.
const (
	pathModel       = "/" + gs1.GTIN + "/:gtin"
	pathUnit        = pathModel + "/" + gs1.Serial + "/:serial"
	pathLotUnit     = pathModel + "/" + gs1.Lot + "/:lot/" + gs1.Serial + "/:serial"
	pathDescription = "/.well-known/gs1resolver"
)

type handler struct{ Deps }

// New registers the resolver's routes on router.
func New(router *auth.Router, deps Deps) error {
	if deps.Organisation == "" || deps.Devices == nil || deps.Now == nil {
		return errors.New("the resolver of labels needs its organisation, devices and a clock")
	}
	h := &handler{deps}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, path := range []string{pathModel, pathUnit, pathLotUnit} {
			router.Handle(method, path, auth.Anonymous, h.resolve)
		}
	}
	router.Handle(http.MethodGet, pathDescription, auth.Anonymous, h.description)
	return nil
}

// errUnknown is the answer to every label that is not of a device here, so that
// nobody learns more by trying.
var errUnknown = ledger.Problemf(ledger.CodeNotFound, "no device with this label is known here: ask who made it, or who owns it")

// resolve answers a Digital Link (GS1-Conformant Resolver Standard 1.2).
func (h *handler) resolve(c *gin.Context) error {
	found, elements, err := h.find(c)
	if err != nil {
		return err
	}
	link, err := gs1.Link(h.base(c), elements)
	if err != nil {
		return err
	}
	header := c.Writer.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Access-Control-Expose-Headers", "Link")
	header.Set("Vary", "Accept")
	header.Set("Link", "<"+link+`?linkType=linkset>; rel="linkset"; type="`+typeLinkset+`"`)
	set, err := wantsSet(c)
	if err != nil {
		return err
	}
	if set {
		return writeSet(c, link, found)
	}
	return writePage(c, found)
}

// find reads the label in the path and looks for what it stands for.
func (h *handler) find(c *gin.Context) (*page, gs1.Elements, error) {
	ctx := c.Request.Context()
	gtin, ok := gs1.PadGTIN(c.Param("gtin"))
	if !ok {
		return nil, nil, ledger.Problemf(ledger.CodeInvalid, "the GTIN must have 8, 12, 13 or 14 digits, the last of which checks the others")
	}
	model, err := h.Devices.Model(ctx, gtin)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, nil, errUnknown
	}
	if err != nil {
		return nil, nil, err
	}
	elements := gs1.Elements{{AI: gs1.GTIN, Value: gtin}}
	p := &page{Now: h.Now().UTC(), Source: h.DisplayName, Model: model.Record, Maker: model.Record.Manufacturer}
	if org, err := h.Devices.Organisation(ctx, model.Record.Manufacturer); err == nil {
		p.Maker = org.Record.Name
	} else if ledger.CodeOf(err) != ledger.CodeNotFound {
		return nil, nil, err
	}
	serial := c.Param("serial")
	if serial == "" {
		if model.Record.Manufacturer != h.Organisation {
			return nil, nil, errUnknown
		}
		return p, elements, nil
	}
	unit, err := h.Devices.LabelledUnit(ctx, gtin, serial)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, nil, errUnknown
	}
	if err != nil {
		return nil, nil, err
	}
	u := unit.Record
	lot := c.Param("lot")
	if u.Owner != h.Organisation && u.Manufacturer != h.Organisation || lot != "" && lot != u.Lot {
		return nil, nil, errUnknown
	}
	if lot != "" {
		elements = append(elements, gs1.Element{AI: gs1.Lot, Value: lot})
	}
	elements = append(elements, gs1.Element{AI: gs1.Serial, Value: serial})
	p.Unit, p.Serial = &u, serial
	release, err := h.Devices.Release(ctx, u.DI, u.Release)
	if err == nil {
		p.Release = &release.Record
	} else if ledger.CodeOf(err) != ledger.CodeNotFound {
		return nil, nil, err
	}
	p.judge()
	return p, elements, nil
}

func (h *handler) base(c *gin.Context) string {
	if h.Base != "" {
		return h.Base
	}
	if c.Request.TLS != nil {
		return "https://" + c.Request.Host
	}
	return "http://" + c.Request.Host
}

// wantsSet says whether a link set is asked for rather than the page, by the link
// type or by what is accepted.
func wantsSet(c *gin.Context) (bool, error) {
	switch c.Query("linkType") {
	case "":
		accept := c.GetHeader("Accept")
		return !strings.Contains(accept, "text/html") &&
			(strings.Contains(accept, typeLinkset) || strings.Contains(accept, "application/json")), nil
	case "linkset", "all":
		return true, nil
	case "gs1:defaultLink", "gs1:pip", "gs1:safetyInfo", vocabulary + "defaultLink", vocabulary + "pip", vocabulary + "safetyInfo":
		return false, nil
	}
	return false, ledger.Problemf(ledger.CodeNotFound, "there is no link of this type: ask for the linkType linkset to see which there are")
}

package rest

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/skip2/go-qrcode"

	"github.com/secant-platform/secant/analytics/gs1"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

const typeSVG = "image/svg+xml"

// NewSerial is what stands on a unit as its serial number.
type NewSerial struct {
	Serial string `json:"serial" doc:"1 to 200 printable characters. It stays at this node." example:"SN-00042"`
}

type putSerial struct {
	PathUnit
	Body NewSerial
}

func (a *API) labelRoutes() {
	register(a.api, auth.DevicesWrite, huma.Operation{
		OperationID: "put-serial", Method: http.MethodPut, Path: "/v1/units/{id}/serial", Tags: []string{"devices"},
		Summary:     "Tell this node the serial number on an own device",
		Description: "The ledger holds none, so an owner's node learns it from the label. Whoever scans the label then finds the device here. At the maker's node it must be the one with which the device was registered.",
	}, func(ctx context.Context, in *putSerial) (*body[Unit], error) {
		if faults := textFaults("serial", in.Body.Serial); len(faults) > 0 {
			return nil, placed(invalid(faults...))
		}
		row, err := a.Units.Unit(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		u := &row.Record
		if u.Manufacturer == a.Organisation {
			id := ledger.UnitID(a.Organisation, SerialMAC(a.MakerKey, u.DI, in.Body.Serial))
			if subtle.ConstantTimeCompare([]byte(id), []byte(u.ID)) != 1 {
				return nil, placed(invalid(ledger.Fault{Field: "serial", Detail: "is not the one with which the unit was registered"}))
			}
		} else if u.Owner != a.Organisation {
			return nil, ledger.Problemf(ledger.CodeDenied, "only the unit's owner and its maker keep its serial number")
		}
		if err := a.Inventory.PutSerial(ctx, in.ID, in.Body.Serial); err != nil {
			return nil, doing("keeping the serial number", err)
		}
		v, err := a.knownUnit(ctx, in.ID)
		return &body[Unit]{v}, err
	})

	a.api.stream(auth.DevicesRead, huma.Operation{
		OperationID: "get-unit-qr", Method: http.MethodGet, Path: "/v1/units/{id}/qr", Tags: []string{"devices"},
		Summary:     "A device's GS1 Digital Link as a QR code, to print on its label",
		Description: "Leads to the device's public page at this node. Only where the serial number is known, and for models whose UDI-DI is a GTIN.",
		Parameters: []*huma.Param{{Name: "id", In: "path", Required: true, Schema: &huma.Schema{
			Type: "string", Pattern: "^[0-9a-f]{64}$",
		}}},
		Responses: map[string]*huma.Response{"200": {Description: "The picture", Content: map[string]*huma.MediaType{
			typeSVG: {Schema: &huma.Schema{Type: "string"}},
		}}},
	}, func(c *gin.Context) error {
		link, err := a.labelLink(c.Request.Context(), c.Param("id"))
		if err != nil {
			return err
		}
		picture, err := drawQR(link)
		if err != nil {
			return doing("drawing a QR code", err)
		}
		c.Header("Link", "<"+link+`>; rel="describedby"`)
		c.Data(http.StatusOK, typeSVG, picture)
		return nil
	})
}

// labelLink makes the Digital Link of a unit that this organisation made or owns.
func (a *API) labelLink(ctx context.Context, id string) (string, error) {
	row, err := a.Units.Unit(ctx, id)
	if err != nil {
		return "", err
	}
	serial, known, err := a.Inventory.Serial(ctx, id)
	if err != nil {
		return "", doing("reading the serial number", err)
	}
	u := &row.Record
	if !known || u.Owner != a.Organisation && u.Manufacturer != a.Organisation {
		return "", ledger.Problemf(ledger.CodeNotFound, "the unit's serial number is not known here: its maker's node knows it, its owner's when it was told")
	}
	gtin, ok := gs1.PadGTIN(u.DI)
	if !ok || gtin != u.DI {
		return "", ledger.Problemf(ledger.CodeConflict, "the model's UDI-DI is not a GTIN of 14 digits, so that it has no GS1 Digital Link")
	}
	link, err := gs1.Link(a.LabelBase, gs1.Elements{{AI: gs1.GTIN, Value: gtin}, {AI: gs1.Lot, Value: u.Lot}, {AI: gs1.Serial, Value: serial}})
	if err != nil {
		return "", ledger.Problemf(ledger.CodeConflict, "lot and serial number must have at most 20 characters of GS1 character set 82 to stand in a GS1 Digital Link")
	}
	return link, nil
}

// drawQR draws a QR code (ISO/IEC 18004) of level M, with the quiet zone of four
// modules that scanners need, black on white whatever the page around it.
func drawQR(text string) ([]byte, error) {
	q, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("making a QR code: %w", err)
	}
	rows := q.Bitmap()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges" role="img"><title>GS1 Digital Link</title><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`,
		len(rows), len(rows), len(rows), len(rows))
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			from := x
			for x < len(row) && row[x] {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String()), nil
}

package rest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/sbom"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// Releases finds releases of device models.
type Releases interface {
	Release(ctx context.Context, di, version string) (fact.Row[ledger.Release], error)
	Releases(ctx context.Context, di string, page ledger.PageRequest) (fact.Page[ledger.Release], error)
}

// Documents keeps what the ledger names by digest.
type Documents interface {
	PutDocument(ctx context.Context, d fact.Document) error
	Document(ctx context.Context, kind fact.DocumentKind, digest string) (fact.Document, error)
}

// The media types of CycloneDX (CycloneDX 1.6, "Media Types").
const (
	typeCycloneJSON = "application/vnd.cyclonedx+json"
	typeCycloneXML  = "application/vnd.cyclonedx+xml"
	typeXML         = "application/xml"
)

// The media types of SPDX (registered by SPDX 2.3, annex K, and SPDX 3.0).
const (
	typeSPDXJSON = "application/spdx+json"
	typeJSONLD   = "application/ld+json"
)

// Release is a version of a model's software, with its place on the ledger.
type Release struct {
	ledger.Release
	Components int         `json:"components,omitempty" doc:"Entries of the bill of materials; only where the bill is held."`
	Ledger     fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewRelease(r fact.Row[ledger.Release]) Release {
	return Release{Release: r.Record, Ledger: r.Origin}
}

// PathRelease names a release in the path.
type PathRelease struct {
	PathDI
	Version string `path:"version" minLength:"1" maxLength:"64" doc:"The release's version: 1 to 64 characters of letters, digits and !\"%&'()*+,-./:;<=>?_~, percent-encoded in the path."`
}

type listReleases struct {
	PathDI
	Page
}

func releasePath(di, version string) string {
	return modelPath(di) + "/releases/" + url.PathEscape(version)
}

func (a *API) releaseRoutes() {
	binary := &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	put := commandOp[Release](a.api, huma.Operation{
		OperationID: "publish-release", Method: http.MethodPut, Path: "/v1/models/{di}/releases/{version}", Tags: []string{"devices"},
		Summary: "Publish a release of an own model with its bill of materials",
		Description: "The body is a CycloneDX document, 1.4 to 1.7 as JSON, or an SPDX document, 2.3 as JSON or 3.0 as JSON-LD. Its form is judged strictly. The digest of its bytes goes to the ledger; the bytes are kept here and served as they are. " +
			"What units that run the release measure of themselves goes there, too: by it their attestations are judged (POST /v1/units/{id}/attestation).",
		Parameters: append(append(releaseParams(), &huma.Param{
			Name: "measurement", In: "query", Description: "Parts of the software, with commas between them: each as sha-256, sha-384 or sha-512, its digest in lower-case hexadecimal and its name, with colons between them; at most 32.",
			Schema: &huma.Schema{Type: "string"}, Example: "sha-256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08:firmware.bin",
		}), commandParams()...),
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			typeCycloneJSON: binary, typeSPDXJSON: binary, typeJSON: binary, typeJSONLD: binary,
		}},
	})
	a.api.stream(auth.DevicesWrite, put, a.publishRelease)

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "list-releases", Method: http.MethodGet, Path: "/v1/models/{di}/releases", Tags: []string{"devices"},
		Summary: "The releases of a device model, by version",
	}, func(ctx context.Context, in *listReleases) (*body[List[Release]], error) {
		got, err := a.Releases.Releases(ctx, in.DI, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewRelease), nil
	})

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-release", Method: http.MethodGet, Path: "/v1/models/{di}/releases/{version}", Tags: []string{"devices"},
		Summary: "A release of a device model",
	}, func(ctx context.Context, in *PathRelease) (*body[Release], error) {
		row, err := a.Releases.Release(ctx, in.DI, in.Version)
		if err != nil {
			return nil, err
		}
		return &body[Release]{viewRelease(row)}, nil
	})

	a.api.stream(auth.MembersRead, huma.Operation{
		OperationID: "get-sbom", Method: http.MethodGet, Path: "/v1/models/{di}/releases/{version}/sbom", Tags: []string{"devices"},
		Summary:     "A release's bill of materials, byte for byte",
		Description: "Any member's node may fetch it. Its SHA-256 is the release's sbomDigest on the ledger.",
		Parameters:  releaseParams(),
		Responses: map[string]*huma.Response{"200": {Description: "The bill", Content: map[string]*huma.MediaType{
			typeCycloneJSON: binary, typeCycloneXML: binary, typeSPDXJSON: binary, typeJSONLD: binary,
		}}},
	}, func(c *gin.Context) error {
		ctx := c.Request.Context()
		row, err := a.Releases.Release(ctx, c.Param("di"), c.Param("version"))
		if err != nil {
			return err
		}
		return a.serveDocument(c, fact.DocumentSBOM, row.Record.SBOMDigest)
	})
}

// publishRelease keeps the bill and publishes its digest. The bill is durable
// first: it is named by its digest, so that a command which fails afterwards
// leaves nothing that anybody could mistake for a release.
func (a *API) publishRelease(c *gin.Context) error {
	ctx := c.Request.Context()
	// XML is let in so far that its sender is told what to do with it.
	got, err := contentType(c, typeCycloneJSON, typeSPDXJSON, typeJSON, typeJSONLD, typeCycloneXML, typeXML)
	if err != nil {
		return err
	}
	headers, err := readCommandHeaders(c)
	if err != nil {
		return err
	}
	text, err := readBody(c)
	if err != nil {
		return err
	}
	req := ledger.PublishRelease{
		DI: c.Param("di"), Version: c.Param("version"), SBOMDigest: ledger.BodyDigest(text), SBOMFormat: ledger.FormatCycloneDX,
	}
	if req.Measurements, err = readMeasurements(c.Query("measurement")); err != nil {
		return err
	}
	if err := req.Validate(); err != nil {
		return placed(err, "di", "version")
	}
	bill, err := sbom.Read(text)
	if err != nil {
		return inBody(err)
	}
	req.SBOMFormat = bill.Format
	media := billType(bill)
	if got != media && got != typeJSON && (got != typeJSONLD || media == typeCycloneJSON) {
		return invalid(ledger.Fault{Field: "header.Content-Type", Detail: "must be that of the body"})
	}
	model, err := a.Models.Model(ctx, req.DI)
	if err != nil {
		return err
	}
	if model.Record.Manufacturer != a.Organisation {
		return ledger.Problemf(ledger.CodeDenied, "only the model's manufacturer publishes its releases")
	}
	if err := a.Documents.PutDocument(ctx, fact.Document{Kind: fact.DocumentSBOM, Digest: req.SBOMDigest, MediaType: media, Body: text}); err != nil {
		return doing("keeping the bill of materials", err)
	}
	done, err := a.command(ctx, headers, ledger.RoleRegistrar, ledger.DevicePublishRelease, req, releasePath(req.DI, req.Version),
		func(ctx context.Context) (any, error) {
			row, err := a.Releases.Release(ctx, req.DI, req.Version)
			v := viewRelease(row)
			v.Components = len(bill.Components)
			return v, err
		})
	if err != nil {
		return err
	}
	return writeAnswer(c, done)
}

// readMeasurements reads what stands in the query, and no more of it than the ledger
// takes. What each part of one must be, the ledger's own rules say.
func readMeasurements(text string) ([]ledger.Measurement, error) {
	if text == "" {
		return nil, nil
	}
	if strings.Count(text, ",") >= ledger.MaxMeasurements {
		return nil, invalid(ledger.Fault{Field: "query.measurement", Detail: fmt.Sprintf("must be at most %d", ledger.MaxMeasurements)})
	}
	var list []ledger.Measurement
	for s := range strings.SplitSeq(text, ",") {
		part := strings.SplitN(s, ":", 3)
		if len(part) != 3 {
			return nil, invalid(ledger.Fault{Field: "query.measurement", Detail: "must be algorithm, digest and name, with colons between them"})
		}
		list = append(list, ledger.Measurement{Alg: part[0], Digest: part[1], Name: part[2]})
	}
	if err := ledger.CheckMeasurements(list); err != nil {
		p, _ := asProblem(err)
		return nil, invalid(ledger.Fault{Field: "query.measurement", Detail: p.Faults[0].Detail})
	}
	return list, nil
}

// billType is the media type under which a bill is served.
func billType(b *sbom.Bill) string {
	switch {
	case b.Format == ledger.FormatCycloneDX:
		return typeCycloneJSON
	case b.Version == "2.3":
		return typeSPDXJSON
	}
	return typeJSONLD
}

// serveDocument serves a document byte for byte. The digest is its name, so
// that it never changes.
func (a *API) serveDocument(c *gin.Context, kind fact.DocumentKind, digest string) error {
	d, err := a.Documents.Document(c.Request.Context(), kind, digest)
	if err != nil {
		return err
	}
	serveNamed(c, digest, d.MediaType, d.Body)
	return nil
}

// serveNamed serves bytes at a place that names them for ever.
func serveNamed(c *gin.Context, digest, mediaType string, text []byte) {
	c.Header("Cache-Control", "private, max-age=31536000, immutable")
	serveBytes(c, digest, mediaType, text)
}

func serveBytes(c *gin.Context, digest, mediaType string, text []byte) {
	c.Header("ETag", `"`+digest+`"`)
	if c.GetHeader("If-None-Match") == `"`+digest+`"` {
		c.Status(http.StatusNotModified)
		return
	}
	c.Data(http.StatusOK, mediaType, text)
}

func releaseParams() []*huma.Param {
	return []*huma.Param{
		pathParam("di", "UDI-DI of the model; a slash in it is escaped."),
		pathParam("version", "The release's version: 1 to 64 characters of letters, digits and !\"%&'()*+,-./:;<=>?_~, percent-encoded in the path."),
	}
}

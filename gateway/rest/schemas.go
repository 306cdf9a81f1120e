package rest

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/catalogue"
)

// typeSchema is the media type of JSON Schema (JSON Schema 2020-12, section 14).
const typeSchema = "application/schema+json"

// Schema is one version of a credential type's schema, with its place on the
// ledger.
type Schema struct {
	ledger.Schema
	Ledger fact.Origin `json:"ledger" doc:"Where on the ledger it stands."`
}

func viewSchema(r fact.Row[ledger.Schema]) Schema { return Schema{r.Record, r.Origin} }

type listSchemas struct {
	Page
	Type string `query:"type" maxLength:"128" doc:"Only those of this credential type."`
}

func schemaParams() []*huma.Param {
	return []*huma.Param{
		pathParam("type", "The credential type: 1 to 128 characters of letters, digits and -._:/; a slash in it is escaped."),
		pathParam("version", "The schema's version: 1 to 64 characters of letters, digits and !\"%&'()*+,-./:;<=>?_~, percent-encoded in the path."),
	}
}

func (a *API) schemaRoutes() {
	object := &huma.MediaType{Schema: &huma.Schema{Type: "object"}}
	register(a.api, auth.ConsortiumRead, huma.Operation{
		OperationID: "list-schemas", Method: http.MethodGet, Path: "/v1/schemas", Tags: []string{"consortium"},
		Summary: "The schemas of credential types, by type and version",
	}, func(ctx context.Context, in *listSchemas) (*body[List[Schema]], error) {
		got, err := a.Registry.Schemas(ctx, in.Type, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got.Items, got.Next, viewSchema), nil
	})

	a.api.stream(auth.ConsortiumGovern, commandOp[Schema](a.api, huma.Operation{
		OperationID: "publish-schema", Method: http.MethodPut, Path: "/v1/schemas/{type}/{version}", Tags: []string{"consortium"},
		Summary: "Publish a version of a credential type's schema, once",
		Description: "The body is a JSON Schema (2020-12) of an object, at most 256 KiB, that refers to nothing outside itself. " +
			"The digest of its bytes goes to the ledger; the bytes are kept here and served as they are.",
		Parameters:  append(schemaParams(), commandParams()...),
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeSchema: object, typeJSON: object}},
	}), a.publishSchema)

	a.api.stream(auth.MembersRead, huma.Operation{
		OperationID: "get-schema", Method: http.MethodGet, Path: "/v1/schemas/{type}/{version}", Tags: []string{"consortium"},
		Summary:     "The schema of a credential type, byte for byte",
		Description: "Any member's node may fetch it. Its SHA-256 is its digest on the ledger.",
		Parameters:  schemaParams(),
		Responses:   map[string]*huma.Response{"200": {Description: "The schema", Content: map[string]*huma.MediaType{typeSchema: object}}},
	}, a.schema)
}

// schema serves the document of a schema that stands on the ledger. Those of the
// catalogue are part of the program.
func (a *API) schema(c *gin.Context) error {
	row, err := a.Registry.Schema(c.Request.Context(), c.Param("type"), c.Param("version"))
	if err != nil {
		return err
	}
	if t, ok := catalogue.Find(row.Record.CredentialType); ok && ledger.BodyDigest(t.Schema()) == row.Record.Digest {
		serveNamed(c, row.Record.Digest, typeSchema, t.Schema())
		return nil
	}
	return a.serveDocument(c, fact.DocumentSchema, row.Record.Digest)
}

// publishSchema keeps the document and publishes its digest: see publishRelease.
func (a *API) publishSchema(c *gin.Context) error {
	ctx := c.Request.Context()
	if _, err := contentType(c, typeSchema, typeJSON); err != nil {
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
	req := ledger.PublishSchema{CredentialType: c.Param("type"), Version: c.Param("version"), Digest: ledger.BodyDigest(text)}
	if err := req.Validate(); err != nil {
		return named(placed(err, "credentialType", "version"), "path.credentialType", "path.type")
	}
	if err := checkSchema(text); err != nil {
		return err
	}
	if err := a.Documents.PutDocument(ctx, fact.Document{Kind: fact.DocumentSchema, Digest: req.Digest, MediaType: typeSchema, Body: text}); err != nil {
		return doing("keeping the schema", err)
	}
	done, err := a.command(ctx, headers, ledger.RoleRegistrar, ledger.IdentityPublishSchema, req,
		"/v1/schemas/"+url.PathEscape(req.CredentialType)+"/"+url.PathEscape(req.Version),
		func(ctx context.Context) (any, error) {
			row, err := a.Registry.Schema(ctx, req.CredentialType, req.Version)
			return viewSchema(row), err
		})
	if err != nil {
		return err
	}
	return writeAnswer(c, done)
}

// schemaDepth bounds the nesting of a schema.
const schemaDepth = 32

func checkSchema(text []byte) error {
	if len(text) > fact.MaxSchema {
		return ledger.Problemf(ledger.CodeTooLarge, "a schema has at most %d bytes", fact.MaxSchema)
	}
	if err := strictjson.Check("the schema", text, strictjson.Limits{Bytes: fact.MaxSchema, Depth: schemaDepth, Values: maxValues}); err != nil {
		return unread(err)
	}
	return inBody(catalogue.CheckSchema(text))
}

// named says of a fault at one place that it stands at another.
func named(err error, from, to string) error {
	p, ok := asProblem(err)
	if !ok {
		return err
	}
	for i := range p.Faults {
		if p.Faults[i].Field == from {
			p.Faults[i].Field = to
		}
	}
	return p
}

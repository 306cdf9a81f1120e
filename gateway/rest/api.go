package rest

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/correlate"
	"github.com/secant-platform/secant/analytics/mds2"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

// Version is the version of the interface.
const Version = "1.0.0"

// rightKey is where an operation carries its right on the way through huma.
const rightKey = "right"

// api is where operations are registered: with huma, on the router that knows
// rights, and in the OpenAPI document.
type api struct {
	huma   huma.API
	router *auth.Router
	depth  int // nesting of JSON bodies
}

// adapter lets huma register its operations on the router.
type adapter struct {
	router   *auth.Router
	registry huma.Registry
	depth    int
}

// Handle registers an operation under the right that it carries.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	op.Metadata[namesKey] = namesOf(op, a.registry)
	right := op.Metadata[rightKey].(auth.Right) //nolint:errcheck,forcetypeassert // register sets it; a panic at start is meant
	a.router.Handle(op.Method, ginPath(op.Path), right, func(c *gin.Context) error {
		if err := knownQuery(c, op); err != nil {
			return err
		}
		if op.RequestBody != nil {
			if err := checkBody(c, a.depth); err != nil {
				return err
			}
		}
		handler(humagin.NewContext(op, c))
		return nil
	})
}

// ServeHTTP serves a request, for huma's test tools.
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.router.Engine().ServeHTTP(w, r)
}

// ginPath turns {name} into :name.
func ginPath(path string) string {
	b := []byte(path)
	out := b[:0]
	for _, c := range b {
		switch c {
		case '{':
			out = append(out, ':')
		case '}':
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// configure sets what huma only offers as variables of its package.
var configure = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = newError
	huma.NewErrorWithContext = newErrorWithContext
})

func newAPI(router *auth.Router, depth int, endpoint string) *api {
	configure()
	json := huma.DefaultJSONFormat
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "SECANT node",
				Version: Version,
				Description: "One organisation's node of the consortium. People and programs call it with a signed token, devices sign what they send. " +
					"Errors are problem documents (RFC 9457) that list each fault and repeat nothing that was sent.",
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {
						Type: "http", Scheme: "bearer", BearerFormat: "JWT",
						Description: "A token signed by the node (EdDSA). Its role decides which rights it has; each operation names the right that it needs. " +
							"One that is bound to a key, as those of sessions are, comes with the scheme DPoP and a proof in the DPoP header (RFC 9449).",
					},
					"device": {
						Type: "apiKey", In: "header", Name: auth.HeaderSignature,
						Description: "A device's Ed25519 signature over the readings, with the headers " + auth.HeaderDevice + " and " + auth.HeaderSeed + ".",
					},
				},
			},
		},
		Formats:       map[string]huma.Format{typeJSON: json, "json": json},
		DefaultFormat: typeJSON,
	}
	if endpoint != "" {
		config.Servers = []*huma.Server{{URL: endpoint}}
	}
	return &api{huma: huma.NewAPI(config, &adapter{router, config.Components.Schemas, depth}), router: router, depth: depth}
}

// register declares an operation under a right.
func register[I, O any](a *api, right auth.Right, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	a.describe(right, &op)
	// The server bounds bodies, in bytes and in time, before huma sees them.
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1
	huma.Register(a.huma, op, h)
}

// stream declares an operation that reads its body, or writes its answer, by
// itself. The document says what op says.
func (a *api) stream(right auth.Right, op huma.Operation, h func(*gin.Context) error) {
	a.describe(right, &op)
	op.Responses["default"] = a.problemResponse()
	a.huma.OpenAPI().AddOperation(&op)
	a.router.Handle(op.Method, ginPath(op.Path), right, func(c *gin.Context) error {
		if err := knownQuery(c, &op); err != nil {
			return err
		}
		return h(c)
	})
}

func (a *api) describe(right auth.Right, op *huma.Operation) {
	op.Metadata = map[string]any{rightKey: right}
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	op.Description = strings.TrimSpace(op.Description + " " + mayCall(right))
	switch right {
	case auth.Anonymous:
		op.Security = []map[string][]string{}
	case auth.DeviceOrWrite:
		op.Security = []map[string][]string{{"device": {}}, {"token": {string(auth.ReadingsWrite)}}}
	default:
		op.Security = []map[string][]string{{"token": {string(right)}}}
	}
}

// mayCall says who may call an operation.
func mayCall(right auth.Right) string {
	begin := "Roles that may call it: "
	switch right {
	case auth.OwnSession:
		return "Whoever is signed in may call it, in any role, for their own."
	case auth.Anonymous:
		return "Everyone may call it, without a token."
	case auth.DeviceOrWrite:
		begin, right = "A device may call it by its signature. "+begin, auth.ReadingsWrite
	}
	var roles []string
	for _, r := range auth.RolesWith(right) {
		roles = append(roles, string(r))
	}
	return begin + strings.Join(roles, ", ") + "."
}

// problemResponse describes the answer to whatever goes wrong.
func (a *api) problemResponse() *huma.Response {
	return &huma.Response{
		Description: "Error",
		Content:     map[string]*huma.MediaType{problemType: {Schema: schemaOf[document](a)}},
	}
}

// schemaOf returns a reference to the schema of a type.
func schemaOf[T any](a *api) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// schemaName names the schema of a type in the document.
func schemaName(t reflect.Type, hint string) string {
	switch t {
	case reflect.TypeFor[problem.Document]():
		return "Problem"
	case reflect.TypeFor[ledger.Service](): // beside fact.Service, a device's
		return "DIDService"
	case reflect.TypeFor[mds2.Statement](): // beside ledger.Statement
		return "MDS2Statement"
	case reflect.TypeFor[correlate.Value](): // beside hl7.Value
		return "ObservableValue"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// queryNames lists the query parameters that an operation knows.
func queryNames(op *huma.Operation) []string {
	var names []string
	for _, p := range op.Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

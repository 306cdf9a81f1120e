package auth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

// The headers with which a device signs its readings. A request that carries
// the first and the last needs no token where DeviceOrWrite is asked for; the
// signature itself is checked before anything is kept.
const (
	HeaderDevice    = "Secant-Device"    // unit id, 64 hexadecimal digits
	HeaderEdge      = "Secant-Edge"      // unit id of the edge box that signs for the device
	HeaderSeed      = "Secant-Seed"      // 32 bytes, unpadded base64url
	HeaderSignature = "Secant-Signature" // Ed25519, 64 bytes, unpadded base64url
	HeaderSequence  = "Secant-Sequence"  // epoch/number of the sender's own count, decimal
	HeaderMade      = "Secant-Made"      // when the readings were made by the sender's clock, milliseconds since 1970, decimal
	HeaderSubject   = "Secant-Subject"   // whom readings are about: a pseudonym
)

// HeaderInput begins the other way in which a device signs, HTTP Message Signatures
// (RFC 9421), where its unit id is the signature's keyid.
const HeaderInput = "Signature-Input"

// BySignature reports whether a device signs a request, in one way or the other.
func BySignature(h http.Header) bool {
	return h.Get(HeaderInput) != "" || h.Get(HeaderDevice) != "" && h.Get(HeaderSignature) != ""
}

// Route is a registered route with the right that it asks for.
type Route struct {
	Method string
	Path   string
	Right  Right
}

// Router registers routes. It is the only way to one, so that no route exists
// without a right.
type Router struct {
	engine   *gin.Engine
	verifier *Verifier
	routes   []Route
	limit    func(*http.Request) error // of anonymous requests; nil: none
	callers  func(*Caller) error       // of those whose caller is known; nil: none
}

// NewRouter makes a router on engine that judges callers with verifier.
func NewRouter(engine *gin.Engine, verifier *Verifier) *Router {
	return &Router{engine: engine, verifier: verifier}
}

// Limit has every anonymous request ask limit first, which answers with an error
// when there were too many. It is called before the first request.
func (r *Router) Limit(limit func(*http.Request) error) { r.limit = limit }

// LimitCallers has every request of a caller who is known ask limit, which answers with
// an error when there were too many. It is called before the first request.
func (r *Router) LimitCallers(limit func(*Caller) error) { r.callers = limit }

// Handle registers h for callers who hold the right.
func (r *Router) Handle(method, path string, right Right, h func(*gin.Context) error) {
	r.handle(method, path, right, false, h)
}

// HandleBasic is Handle for programs that know passwords only (RFC 7617): the token is
// the password, of whatever user.
func (r *Router) HandleBasic(method, path string, right Right, h func(*gin.Context) error) {
	r.routes = append(r.routes, Route{method, path, right})
	guard := r.guard(right, false)
	r.engine.Handle(method, path, func(c *gin.Context) {
		if _, token, ok := c.Request.BasicAuth(); ok && len(c.Request.Header.Values("Authorization")) == 1 {
			c.Request.Header.Set("Authorization", "Bearer "+token)
		}
		guard(c)
	}, problem.Handler(h))
}

// HandleKey is Handle for programs that send a key as the whole of Authorization: the
// token is the key.
func (r *Router) HandleKey(method, path string, right Right, h func(*gin.Context) error) {
	r.routes = append(r.routes, Route{method, path, right})
	guard := r.guard(right, false)
	r.engine.Handle(method, path, func(c *gin.Context) {
		if all := c.Request.Header.Values("Authorization"); len(all) == 1 && !strings.Contains(all[0], " ") {
			c.Request.Header.Set("Authorization", "Bearer "+all[0])
		}
		guard(c)
	}, problem.Handler(h))
}

// HandleScoped is Handle for a route that programs may call whose tokens are confined
// to scopes. h asks Within before it does anything.
func (r *Router) HandleScoped(method, path string, right Right, h func(*gin.Context) error) {
	r.handle(method, path, right, true, h)
}

func (r *Router) handle(method, path string, right Right, scoped bool, h func(*gin.Context) error) {
	r.routes = append(r.routes, Route{method, path, right})
	r.engine.Handle(method, path, r.guard(right, scoped), problem.Handler(h))
}

// Within refuses a caller whose token is confined to scopes in which an action, one of
// c, r, u and s, on a type of resources is not.
func Within(ctx context.Context, typ string, action byte) error {
	c := CallerOf(ctx)
	if c == nil || c.Scope == "" {
		return nil
	}
	if scopes, ok := ParseScopes(c.Scope); !ok || !scopes.Allow(typ, action) {
		return ledger.Problemf(ledger.CodeDenied, "the token's scopes do not include this")
	}
	return nil
}

// Engine returns the engine beneath, for libraries that want to see one.
func (r *Router) Engine() *gin.Engine { return r.engine }

// Routes lists what was registered, by path and method.
func (r *Router) Routes() []Route {
	routes := slices.Clone(r.routes)
	slices.SortFunc(routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return routes
}

// guard lets callers pass who hold the right, and notes who they are.
func (r *Router) guard(right Right, scoped bool) gin.HandlerFunc {
	if right == Anonymous {
		return func(c *gin.Context) {
			if r.limit == nil {
				return
			}
			if err := r.limit(c.Request); err != nil {
				problem.Write(c, err)
			}
		}
	}
	return func(c *gin.Context) {
		caller, err := r.judge(c.Request, right)
		if err != nil {
			problem.Write(c, err)
			return
		}
		if caller != nil && caller.Scope != "" && !scoped {
			problem.Write(c, ledger.Problemf(ledger.CodeDenied, "the token is confined to scopes, and this is none that scopes speak of"))
			return
		}
		if caller != nil {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), callerKey{}, caller))
		}
	}
}

// judge returns the caller, or nil for a device that will be known by its signature.
func (r *Router) judge(req *http.Request, right Right) (*Caller, error) {
	if right == DeviceOrWrite {
		if len(req.Header.Values("Authorization")) == 0 && BySignature(req.Header) {
			return nil, nil //nolint:nilnil // no caller is known yet, and that is no error
		}
		right = ReadingsWrite
	}
	caller, err := r.verifier.Request(req)
	if refusal, ok := errors.AsType[*RefusedError](err); ok {
		return nil, errors.Join(problem.Unauthenticated(), refusal)
	}
	if err != nil {
		return nil, err
	}
	if r.callers != nil {
		if err := r.callers(caller); err != nil {
			return nil, err
		}
	}
	if right == OwnSession {
		if caller.Session == "" {
			return nil, ledger.Problemf(ledger.CodeDenied, "this needs a session, and the token is of none")
		}
		return caller, nil
	}
	if !caller.Role.Has(right) {
		return nil, ledger.Problemf(ledger.CodeDenied, "this needs the right %s, which the role %s does not have", right, caller.Role)
	}
	return caller, nil
}

type callerKey struct{}

// CallerOf returns who calls. It is nil for anonymous callers, and for devices,
// which are known by their signatures.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// Unnamed is a request's context without who calls: what is done for somebody who is not
// to be known stands in the log as nobody's.
func Unnamed(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, (*Caller)(nil))
}

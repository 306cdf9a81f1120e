package rest

import (
	"context"
	"crypto/ed25519"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
)

// Sessions signs people in, and out, and makes out devices that sign their requests.
type Sessions interface {
	Begin(ctx context.Context, w session.Wish) (*session.Begun, error)
	// Finish returns nil while nothing was answered.
	Finish(r *http.Request, a session.Answer) (*session.Grant, error)
	Refresh(r *http.Request, token string) (*session.Grant, error)
	Session(ctx context.Context, c *auth.Caller) (*session.View, error)
	End(ctx context.Context, c *auth.Caller, everywhere bool) (int, error)
	Device(r *http.Request, keyOf func(ctx context.Context, keyID string) (ed25519.PublicKey, error)) (keyID string, body io.Reader, err error)
}

// Proven is a request that shows a key.
type Proven struct {
	DPoP string `header:"DPoP" maxLength:"8192" doc:"Proof that the caller has a key (RFC 9449), made for this request. What it opens is bound to the key."`

	request *http.Request
}

// Resolve keeps the request, of which the proof is judged as a whole.
func (p *Proven) Resolve(ctx huma.Context) []error {
	p.request = humagin.Unwrap(ctx).Request
	return nil
}

// beginSignIn is how somebody would like to sign in.
type beginSignIn struct {
	Body struct {
		Means  string `json:"means,omitempty" enum:"wallet,provider" default:"wallet" doc:"By a credential in a wallet, or by the organisation's own OpenID Connect provider."`
		Who    string `json:"who,omitempty" enum:"staff,patient" default:"staff" doc:"Which credential a wallet is asked for: a StaffRole or a Patient. It gives no role; the credential does."`
		Device string `json:"device,omitempty" enum:"same,other" default:"other" doc:"Where the wallet is. From the same device the browser comes back to the configured page, with a response code. Operators, registrars and certifiers sign in on the same device only."`
	}
}

// SignIn is a sign-in on its way.
type SignIn struct {
	Link    string    `json:"link" doc:"For the wallet: to follow, or to show as a QR code. By a provider: the page to go to."`
	Ticket  string    `json:"ticket" doc:"Opens what comes of it. To be kept from others."`
	Expires time.Time `json:"expires"`
}

// finishSignIn brings what a sign-in gave.
type finishSignIn struct {
	Proven
	Body struct {
		Ticket       string `json:"ticket" minLength:"1" maxLength:"512"`
		ResponseCode string `json:"responseCode,omitempty" maxLength:"512" doc:"With which a browser came back from a wallet on the same device (response_code)."`
		Code         string `json:"code,omitempty" maxLength:"4096" doc:"With which a browser came back from the provider, as it stands in the address."`
		State        string `json:"state,omitempty" maxLength:"512" doc:"With code."`
		Issuer       string `json:"issuer,omitempty" maxLength:"512" doc:"With code, where the address has it (iss)."`
	}
}

// refreshSession brings a refresh token.
type refreshSession struct {
	Proven
	Body struct {
		RefreshToken string `json:"refreshToken" minLength:"1" maxLength:"128"`
	}
}

// Session is what is known of whoever is signed in.
type Session struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject" doc:"A pseudonym, the same whenever the same key or account signs in at this node, and known nowhere else."`
	Role    string    `json:"role"`
	Means   string    `json:"means" enum:"wallet,provider"`
	Bound   bool      `json:"bound" doc:"Whether it serves whoever has its key only. Others exist in development."`
	Begun   time.Time `json:"begun"`
	Expires time.Time `json:"expires" doc:"Whatever is refreshed. Revocation, suspension and the issuer's end are felt at the next request."`
}

func viewSession(v session.View) Session {
	return Session{v.ID, v.Subject, string(v.Role), string(v.Means), v.Bound, v.Begun, v.Expires}
}

// Opened are the tokens of a session.
type Opened struct {
	Outcome      string   `json:"outcome" enum:"waiting,signed-in" doc:"While waiting, there is nothing else."`
	AccessToken  string   `json:"accessToken,omitempty"`
	TokenType    string   `json:"tokenType,omitempty" doc:"The scheme of the Authorization header. With DPoP each request has a proof too."`
	ExpiresIn    int      `json:"expiresIn,omitempty" doc:"Of the access token, in seconds."`
	RefreshToken string   `json:"refreshToken,omitempty" doc:"Serves once. An old one that is brought again ends the session."`
	Session      *Session `json:"session,omitempty"`
}

func viewGrant(g *session.Grant) *body[Opened] {
	if g == nil {
		return &body[Opened]{Opened{Outcome: "waiting"}}
	}
	v := viewSession(g.Session)
	return &body[Opened]{Opened{"signed-in", g.AccessToken, g.TokenType, int(g.Life / time.Second), g.RefreshToken, &v}}
}

// Ended says what a sign-out did.
type Ended struct {
	Ended int `json:"ended" doc:"How many sessions ended."`
}

func (a *API) sessionRoutes() {
	tags := []string{"sessions"}
	register(a.api, auth.Anonymous, huma.Operation{
		OperationID: "begin-sign-in", Method: http.MethodPost, Path: "/v1/sign-in", Tags: tags,
		Summary:     "Begin to sign in",
		Description: "Staff sign in by a StaffRole credential or by their organisation's provider, patients by their Patient credential. Where to come back to is the node's to say, and never a request's.",
	}, func(ctx context.Context, in *beginSignIn) (*body[SignIn], error) {
		b, err := a.Sessions.Begin(ctx, session.Wish{Means: session.Means(in.Body.Means), Who: in.Body.Who, Same: in.Body.Device == "same"})
		if err != nil {
			return nil, err
		}
		return &body[SignIn]{SignIn{b.Link, b.Ticket, b.Expires}}, nil
	})

	register(a.api, auth.Anonymous, huma.Operation{
		OperationID: "finish-sign-in", Method: http.MethodPost, Path: "/v1/sign-in/token", Tags: tags,
		Summary:     "Exchange an answered ticket for a session",
		Description: "To be asked again while it is waiting. The session is bound to the key of the DPoP proof, and its role is the credential's.",
	}, func(_ context.Context, in *finishSignIn) (*body[Opened], error) {
		g, err := a.Sessions.Finish(in.request, session.Answer{
			Ticket: in.Body.Ticket, ResponseCode: in.Body.ResponseCode, Code: in.Body.Code, State: in.Body.State, Issuer: in.Body.Issuer,
		})
		if err != nil {
			return nil, err
		}
		return viewGrant(g), nil
	})

	register(a.api, auth.Anonymous, huma.Operation{
		OperationID: "refresh-session", Method: http.MethodPost, Path: "/v1/sign-in/refresh", Tags: tags,
		Summary: "Go on with a session", Description: "For its refresh token, and a proof of its key.",
	}, func(_ context.Context, in *refreshSession) (*body[Opened], error) {
		g, err := a.Sessions.Refresh(in.request, in.Body.RefreshToken)
		if err != nil {
			return nil, err
		}
		return viewGrant(g), nil
	})

	register(a.api, auth.OwnSession, huma.Operation{
		OperationID: "get-session", Method: http.MethodGet, Path: "/v1/session", Tags: tags,
		Summary: "Who is signed in",
	}, func(ctx context.Context, _ *struct{}) (*body[Session], error) {
		v, err := a.Sessions.Session(ctx, auth.CallerOf(ctx))
		if err != nil {
			return nil, err
		}
		return &body[Session]{viewSession(*v)}, nil
	})

	for path, op := range map[string]huma.Operation{
		"/v1/sign-out":            {OperationID: "sign-out", Summary: "End this session"},
		"/v1/sign-out/everywhere": {OperationID: "sign-out-everywhere", Summary: "End every session of the same subject at this node"},
	} {
		op.Method, op.Path, op.Tags, op.DefaultStatus = http.MethodPost, path, tags, http.StatusOK
		register(a.api, auth.OwnSession, op, func(ctx context.Context, _ *struct{}) (*body[Ended], error) {
			n, err := a.Sessions.End(ctx, auth.CallerOf(ctx), op.OperationID != "sign-out")
			if err != nil {
				return nil, err
			}
			return &body[Ended]{Ended{n}}, nil
		})
	}
}

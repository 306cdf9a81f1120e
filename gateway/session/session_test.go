package session_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
	"github.com/secant-platform/secant/identity/dpop"
	"github.com/secant-platform/secant/identity/oid4vp"
)

func TestASessionServesItsKeyAndNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	g := w.signIn()
	if g.TokenType != "DPoP" || g.Life != session.AccessLife || !g.Session.Bound || g.Session.Role != auth.RoleNurse {
		t.Errorf("granted %+v", g)
	}
	caller, err := w.use(g.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if caller.Role != auth.RoleNurse || caller.Subject != g.Session.Subject || caller.Session != g.Session.ID || caller.Key != w.key.JWK().Thumbprint() {
		t.Errorf("the caller is %+v", caller)
	}
	if strings.Contains(caller.Subject, w.shown.Holder) {
		t.Error("the pseudonym names the holder's key")
	}

	get := func(edit func(*http.Request)) *http.Request {
		r := w.request(w.key, http.MethodGet, "/v1/units", g.AccessToken)
		edit(r)
		return r
	}
	proof := func(r dpop.Request, at time.Time) func(*http.Request) {
		return func(req *http.Request) {
			text, err := dpop.Make(w.key, r, at)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(dpop.Header, text)
		}
	}
	right := dpop.Request{Method: http.MethodGet, URL: base + "/v1/units", Token: g.AccessToken}
	other := w.signIn()
	now := w.clock()
	for name, r := range map[string]*http.Request{
		"no proof":             get(func(r *http.Request) { r.Header.Del(dpop.Header) }),
		"as a bearer's":        get(func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+g.AccessToken) }),
		"two proofs":           get(func(r *http.Request) { r.Header.Add(dpop.Header, r.Header.Get(dpop.Header)) }),
		"another key":          w.request(p256(t), http.MethodGet, "/v1/units", g.AccessToken),
		"for another token":    get(proof(dpop.Request{Method: right.Method, URL: right.URL, Token: other.AccessToken}, now)),
		"for no token":         get(proof(dpop.Request{Method: right.Method, URL: right.URL}, now)),
		"for another method":   get(proof(dpop.Request{Method: http.MethodPost, URL: right.URL, Token: right.Token}, now)),
		"for another path":     get(proof(dpop.Request{Method: right.Method, URL: base + "/v1/threats", Token: right.Token}, now)),
		"for another host":     get(proof(dpop.Request{Method: right.Method, URL: "https://south.example/v1/units", Token: right.Token}, now)),
		"made two minutes ago": get(proof(right, now.Add(-2*time.Minute))),
		"made in two minutes":  get(proof(right, now.Add(2*time.Minute))),
		"of a host in the request": func() *http.Request {
			r := get(proof(dpop.Request{Method: right.Method, URL: "https://evil.example/v1/units", Token: right.Token}, now))
			r.Host = "evil.example"
			return r
		}(),
	} {
		_, err := w.verifier.Request(r)
		wantRefused(t, name, err)
	}
	// At the node's other address it is the same.
	if _, err := w.verifier.Request(get(proof(dpop.Request{Method: right.Method, URL: "http://127.0.0.1:7001/v1/units", Token: right.Token}, now))); err != nil {
		t.Error(err)
	}
	again := w.request(w.key, http.MethodGet, "/v1/units", g.AccessToken)
	if _, err := w.verifier.Request(again); err != nil {
		t.Fatal(err)
	}
	_, err = w.verifier.Request(again)
	wantRefused(t, "a proof that is replayed", err)
	w.advance(time.Minute)
	_, err = w.verifier.Request(again)
	wantRefused(t, "a proof that is replayed later", err)
}

func TestASessionBeginsWithAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ticket := w.begin()
	finish := func(r *http.Request) error {
		_, err := w.sessions.Finish(r, session.Answer{Ticket: ticket})
		return err
	}
	const path = "/v1/sign-in/token"
	wantCode(t, "no proof", finish(w.request(nil, http.MethodPost, path, "")), ledger.CodeInvalid)
	wantCode(t, "a proof for another path", finish(w.request(w.key, http.MethodPost, "/v1/sign-in", "")), "")
	r := w.request(w.key, http.MethodPost, "/v1/sign-in", "")
	r.URL.Path = path
	wantCode(t, "a proof for another path", finish(r), ledger.CodeInvalid)
	r = w.post(path)
	if err := finish(r); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a proof that is replayed", finish(r), ledger.CodeInvalid)

	bearer := newWorld(t, func(o *session.Options) { o.Bearer = true })
	g, err := bearer.sessions.Finish(bearer.request(nil, http.MethodPost, path, ""), session.Answer{Ticket: bearer.begin()})
	if err != nil || g.TokenType != "Bearer" || g.Session.Bound {
		t.Fatalf("in development: %+v, %v", g, err)
	}
	r = bearer.request(nil, http.MethodGet, "/v1/units", "")
	r.Header.Set("Authorization", "Bearer "+g.AccessToken)
	if _, err := bearer.verifier.Request(r); err != nil {
		t.Error(err)
	}
}

// TestWhoSpeaksForTheOrganisationSignsInOnOneDevice: a question that is answered on
// another device may have been passed on by whoever began it.
func TestWhoSpeaksForTheOrganisationSignsInOnOneDevice(t *testing.T) {
	t.Parallel()
	for _, role := range auth.Roles {
		if role == auth.RolePatient {
			continue
		}
		for _, same := range []bool{true, false} {
			w := newWorld(t, nil)
			w.shown.Role, w.same = string(role), same
			g, err := w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: w.begin()})
			speaks := role == auth.RoleOperator || role == auth.RoleRegistrar || role == auth.RoleCertifier
			if want := same || !speaks; (err == nil) != want || want && g.Session.Role != role {
				t.Errorf("%s, same device %v: %+v, %v", role, same, g, err)
			}
		}
	}
}

// TestTheCredentialGivesTheRole: and nothing that whoever signs in says.
func TestTheCredentialGivesTheRole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*world)
		role auth.Role
		code ledger.Code
	}{
		"nurse":                    {func(*world) {}, auth.RoleNurse, ""},
		"auditor":                  {func(w *world) { w.shown.Role = "auditor" }, auth.RoleAuditor, ""},
		"patient":                  {func(w *world) { w.shown.Type, w.shown.Role, w.shown.At = "Patient", "", "" }, auth.RolePatient, ""},
		"patient who says a role":  {func(w *world) { w.shown.Type, w.shown.Role = "Patient", "operator" }, auth.RolePatient, ""},
		"no role":                  {func(w *world) { w.shown.Role = "" }, "", ledger.CodeDenied},
		"role that does not exist": {func(w *world) { w.shown.Role = "root" }, "", ledger.CodeDenied},
		"a node's role":            {func(w *world) { w.shown.Role = "node" }, "", ledger.CodeDenied},
		"a patient's by StaffRole": {func(w *world) { w.shown.Role = "patient" }, "", ledger.CodeDenied},
		"another issuer":           {func(w *world) { w.shown.Organisation = "hospital-south" }, "", ledger.CodeDenied},
		"another's patient":        {func(w *world) { w.shown.Type, w.shown.Organisation = "Patient", "hospital-south" }, "", ledger.CodeDenied},
		"a role somewhere else":    {func(w *world) { w.shown.At = "hospital-south" }, "", ledger.CodeDenied},
		"another type":             {func(w *world) { w.shown.Type = "TrainingBadge" }, "", ledger.CodeDenied},
		"an issuer outside":        {func(w *world) { w.shown.Organisation = "" }, "", ledger.CodeDenied},
		"declined by the wallet":   {func(w *world) { w.outcome = oid4vp.Declined }, "", ledger.CodeDenied},
		"refused too often":        {func(w *world) { w.outcome = oid4vp.Refused }, "", ledger.CodeDenied},
	} {
		w := newWorld(t, nil)
		c.edit(w)
		g, err := w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: w.begin()})
		if ledger.CodeOf(err) != c.code || err == nil && g.Session.Role != c.role {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	w := newWorld(t, nil)
	w.outcome = oid4vp.Waiting
	if g, err := w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: w.begin()}); g != nil || err != nil {
		t.Errorf("while it waits: %+v, %v", g, err)
	}
	for name, ticket := range map[string]string{"asked for another purpose": "handle.secret", "forged": "handle.secret.AAAA", "none": "", "no form": "x"} {
		_, err := w.sessions.Finish(w.post("/v1/sign-in/token"), session.Answer{Ticket: ticket})
		wantCode(t, "a ticket "+name, err, ledger.CodeNotFound)
	}
}

func TestWalletsAreAskedForWhatIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	begin := func(wish session.Wish) error {
		wish.Means = session.ByWallet
		_, err := w.sessions.Begin(t.Context(), wish)
		return err
	}
	if err := begin(session.Wish{Who: session.Patient, Same: true}); err != nil {
		t.Fatal(err)
	}
	all := session.Questions("https://app.example/back")
	q, there := all[w.asked]
	if !there || q.Return != "https://app.example/back" || q.Query.Validate() != nil {
		t.Errorf("asked %s: %+v", w.asked, q)
	}
	for _, c := range q.Query.Credentials {
		if len(c.Claims) > 0 {
			t.Errorf("a patient has to show %v", c.Claims)
		}
	}
	err := begin(session.Wish{Who: session.Staff})
	if q, there = all[w.asked]; err != nil || !there || q.Return != "" || len(q.Query.Credentials) != 3 || q.Query.Validate() != nil {
		t.Errorf("asked %s: %+v, %v", w.asked, q, err)
	}
	wantCode(t, "somebody else", begin(session.Wish{Who: "operator"}), ledger.CodeInvalid)
	w = newWorld(t, func(o *session.Options) { o.Wallets = nil })
	wantCode(t, "no public address", begin(session.Wish{Who: session.Staff}), ledger.CodeInvalid)
	_, err = w.sessions.Begin(t.Context(), session.Wish{Means: session.ByProvider})
	wantCode(t, "no provider", err, ledger.CodeInvalid)
}

func TestASessionEndsWithItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.shown.Expires = w.now.Add(10 * time.Minute)
	g := w.signIn()
	if g.Life > 10*time.Minute || !g.Session.Expires.Equal(w.shown.Expires) {
		t.Errorf("it outlives the credential: %+v", g)
	}
	w.shown.Expires = w.now.Add(24 * time.Hour)
	g = w.signIn()
	if got := g.Session.Expires.Sub(g.Session.Begun); got != session.MaxLife {
		t.Errorf("it lasts %s", got)
	}
	w.advance(session.MaxLife - time.Minute)
	g, err := w.sessions.Refresh(w.post("/v1/sign-in/refresh"), g.RefreshToken)
	if err != nil || g.Life > time.Minute {
		t.Fatalf("before its end: %+v, %v", g, err)
	}
	w.advance(2 * time.Minute)
	_, err = w.sessions.Refresh(w.post("/v1/sign-in/refresh"), g.RefreshToken)
	wantCode(t, "after its end", err, ledger.CodeDenied)
	_, err = w.sessions.Session(t.Context(), &auth.Caller{Session: g.Session.ID})
	wantCode(t, "after its end", err, ledger.CodeNotFound)
}

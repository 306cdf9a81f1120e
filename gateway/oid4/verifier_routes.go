package oid4

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// The paths of whoever asks, below the verifier's base, beside those of wallets.
const (
	PathQuestion = "/questions" // GET: which there are; POST: begin
	PathResult   = "/results"   // POST: what came of it
)

// maxBody bounds what browsers post, in bytes.
const maxBody = 4 << 10

// Purpose is something for which anybody may ask a wallet, such as to sign in.
// What is asked and where a browser returns to are ours to say, and never a
// request's.
type Purpose struct {
	Query    *oid4vp.Query
	Return   string // where a browser on the wallet's own device goes; empty: another device only
	ClientID string // empty: the verifier's first
	Only     bool   // what is shown beside what was asked for is forgotten

	// Older is what older wallets are asked by a presentation definition, and
	// OlderClientID who asks them; nil: they are not.
	Older         *oid4vp.Query
	OlderClientID string
	// About describes the question to those who choose one; nil: it is not listed.
	About *About
}

// About is what a question asks for.
type About struct {
	Label  map[string]string `json:"label"` // by language (BCP 47)
	Type   string            `json:"type"`  // of the credential that answers it
	Claims []string          `json:"claims,omitempty"`
}

// The ways to phrase a question.
const (
	phrasingQuery    = "dcql"
	phrasingExchange = "presentation_definition"
)

// Where the wallet is that is asked.
const (
	deviceSame  = "same"
	deviceOther = "other"
)

func questionName(purpose, device, phrasing string) string {
	return device + " " + phrasing + " " + purpose
}

// Standing are the questions of purposes, for the Verifier that asks them: standing
// ones, so that whoever begins many takes no room from anybody.
func Standing(purposes map[string]Purpose) map[string]oid4vp.Question {
	all := map[string]oid4vp.Question{}
	for name, p := range purposes {
		for _, device := range []string{deviceSame, deviceOther} {
			q := oid4vp.Question{Query: p.Query, ClientID: p.ClientID, Post: true, Only: p.Only}
			if device == deviceSame {
				if q.Return = p.Return; q.Return == "" {
					continue
				}
			}
			all[questionName(name, device, phrasingQuery)] = q
			if p.Older != nil {
				q.Query, q.ClientID, q.Post, q.Exchange = p.Older, p.OlderClientID, false, true
				all[questionName(name, device, phrasingExchange)] = q
			}
		}
	}
	return all
}

// Verifier serves a verifier of presentations (OpenID for Verifiable Presentations
// 1.0) to wallets, and to the pages that show a wallet what is asked.
type Verifier struct {
	verifier *oid4vp.Verifier
	base     string
	purposes map[string]Purpose
}

// NewVerifier makes the handlers of a verifier, with the purposes by their names, whose
// Standing questions are among the verifier's; without any, only wallets are served.
func NewVerifier(verifier *oid4vp.Verifier, purposes map[string]Purpose) (*Verifier, error) {
	u, err := url.Parse(verifier.Base())
	if err != nil {
		return nil, err
	}
	for name := range Standing(purposes) {
		if !verifier.Stands(name) {
			return nil, errors.New("making a verifier's routes: the verifier does not have the questions of a purpose")
		}
	}
	return &Verifier{verifier, u.Path, maps.Clone(purposes)}, nil
}

// Register registers the verifier's routes under the path of its base.
func (v *Verifier) Register(r *auth.Router) {
	r.Handle(http.MethodGet, v.base+oid4vp.PathRequest+":handle", auth.Anonymous, v.request)
	r.Handle(http.MethodPost, v.base+oid4vp.PathRequest+":handle", auth.Anonymous, v.request)
	r.Handle(http.MethodPost, v.base+oid4vp.PathResponse+":handle", auth.Anonymous, v.response)
	if len(v.purposes) > 0 {
		r.Handle(http.MethodGet, v.base+PathQuestion, auth.Anonymous, v.questions)
		r.Handle(http.MethodPost, v.base+PathQuestion, auth.Anonymous, v.question)
		r.Handle(http.MethodPost, v.base+PathResult, auth.Anonymous, v.result)
	}
}

// request answers with the signed request object (section 5.10).
func (v *Verifier) request(c *gin.Context) error {
	var walletNonce string
	if c.Request.Method == http.MethodPost {
		body, err := bounded(c, typeForm, oid4vp.MaxRequest)
		if err != nil {
			return v.refuse(c, err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil || len(form["wallet_nonce"]) > 1 {
			return v.refuse(c, problem.Malformed("body", "must be a form with each parameter once"))
		}
		walletNonce = form.Get("wallet_nonce")
	}
	token, err := v.verifier.RequestObject(c.Request.Context(), c.Param("handle"), walletNonce)
	if err != nil {
		return v.refuse(c, err)
	}
	c.Writer.Header().Set("Cache-Control", "no-store")
	c.Data(http.StatusOK, "application/"+oid4vp.RequestType, []byte(token))
	return nil
}

// response takes a wallet's answer (section 8.2).
func (v *Verifier) response(c *gin.Context) error {
	body, err := bounded(c, typeForm, oid4vp.MaxAnswer)
	if err != nil {
		return v.refuse(c, err)
	}
	r, err := oid4vp.ParseResponse(body)
	if err != nil {
		return v.refuse(c, err)
	}
	next, err := v.verifier.Answer(c.Request.Context(), c.Param("handle"), r)
	if err != nil {
		return v.refuse(c, err)
	}
	return answer(c, http.StatusOK, struct {
		URI string `json:"redirect_uri,omitempty"`
	}{next})
}

// refuse answers a wallet with an error that says what is wrong with what it sent,
// in words that repeat nothing of it.
func (v *Verifier) refuse(c *gin.Context, err error) error {
	d := problem.Of(err)
	if d.Status >= http.StatusInternalServerError {
		return fail(c, err)
	}
	status := http.StatusBadRequest
	switch d.Status {
	case http.StatusNotFound, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		status = d.Status
	}
	return refuse(c, err, status, fault{Code: "invalid_request", Description: d.Detail})
}

// begun is the answer to whoever asks.
type begun struct {
	Link    string `json:"link"`   // for the wallet: to follow, or to show as a QR code
	Ticket  string `json:"ticket"` // opens the result; to be kept from others
	Expires string `json:"expires"`
}

// question begins a request for a purpose.
func (v *Verifier) question(c *gin.Context) error {
	in, err := members(c, "purpose", "device", "phrasing")
	if err != nil {
		return err
	}
	p, known := v.purposes[in["purpose"]]
	if !known {
		return problem.Malformed("body.purpose", "must be one for which a wallet can be asked here")
	}
	phrasing, device := in["phrasing"], in["device"]
	switch phrasing {
	case "":
		phrasing = phrasingQuery
	case phrasingQuery:
	case phrasingExchange:
		if p.Older == nil {
			return problem.Malformed("body.phrasing", "must be dcql for this purpose")
		}
	default:
		return problem.Malformed("body.phrasing", "must be dcql or presentation_definition")
	}
	switch device {
	case deviceSame:
		if p.Return == "" {
			return problem.Malformed("body.device", "must be other for this purpose")
		}
	case deviceOther:
	default:
		return problem.Malformed("body.device", "must be same or other")
	}
	asked, err := v.verifier.AskStanding(questionName(in["purpose"], device, phrasing))
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, begun{asked.Link, asked.Ticket, asked.Expires.Format("2006-01-02T15:04:05Z")})
}

// listed is a question that can be asked.
type listed struct {
	Purpose  string   `json:"purpose"`
	Phrasing []string `json:"phrasing"`
	*About
}

// questions lists what a wallet can be asked here.
func (v *Verifier) questions(c *gin.Context) error {
	items := []listed{}
	for _, name := range slices.Sorted(maps.Keys(v.purposes)) {
		p := v.purposes[name]
		if p.About == nil {
			continue
		}
		one := listed{name, []string{phrasingQuery}, p.About}
		if p.Older != nil {
			one.Phrasing = append(one.Phrasing, phrasingExchange)
		}
		items = append(items, one)
	}
	return answer(c, http.StatusOK, map[string]any{"items": items})
}

// outcome is what came of a question.
type outcome struct {
	Outcome  oid4vp.Outcome     `json:"outcome"`
	Attempts int                `json:"attempts,omitempty"` // answers that were refused
	Shown    map[string][]shown `json:"shown,omitempty"`    // by the ids of the query
}

type shown struct {
	Types  []string       `json:"types"`
	Claims map[string]any `json:"claims"`
}

// result gives what came of a question to the holder of its ticket.
func (v *Verifier) result(c *gin.Context) error {
	in, err := members(c, "ticket", "response_code")
	if err != nil {
		return err
	}
	r, err := v.verifier.Result(c.Request.Context(), in["ticket"], in["response_code"])
	if err != nil {
		return err
	}
	out := outcome{Outcome: r.Outcome, Attempts: r.Attempts}
	for id, list := range r.Shown {
		for _, one := range list {
			if out.Shown == nil {
				out.Shown = map[string][]shown{}
			}
			out.Shown[id] = append(out.Shown[id], shown{one.Types, one.Claims})
		}
	}
	return answer(c, http.StatusOK, out)
}

// members reads a JSON object of texts, with no other names than these.
func members(c *gin.Context, names ...string) (map[string]string, error) {
	body, err := bounded(c, typeJSON, maxBody)
	if err != nil {
		return nil, err
	}
	malformed := problem.Malformed("body", "must be a JSON object of texts")
	if err := strictjson.Check("the body", body, strictjson.Limits{Bytes: maxBody, Depth: 1, Values: 8}); err != nil {
		return nil, err
	}
	var in map[string]string
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, malformed
	}
	known := 0
	for _, name := range names {
		if _, there := in[name]; there {
			known++
		}
	}
	if known != len(in) {
		return nil, malformed
	}
	return in, nil
}

// The media types of what is posted.
const (
	typeForm = "application/x-www-form-urlencoded"
	typeJSON = "application/json"
)

// bounded reads a body of a type, of at most so many bytes.
func bounded(c *gin.Context, kind string, most int64) ([]byte, error) {
	got, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || got != kind {
		return nil, problem.MediaTypes(kind)
	}
	if c.GetHeader("Content-Encoding") != "" {
		return nil, problem.Encoding()
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, most))
	if err == nil {
		return b, nil
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, err
	}
	return nil, problem.Malformed("body", "must arrive whole")
}

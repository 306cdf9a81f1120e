package oid4

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/oid4vci"
)

// Issuer serves an issuer of credentials to wallets (OpenID for Verifiable
// Credential Issuance 1.0).
type Issuer struct {
	issuer *oid4vci.Issuer
	server *url.URL // the issuer's identifier
	people People
}

// NewIssuer makes the handlers of an issuer. Without people, its Approve knows by itself
// who the user is.
func NewIssuer(issuer *oid4vci.Issuer, people People) (*Issuer, error) {
	u, err := url.Parse(issuer.Metadata().Issuer)
	if err != nil {
		return nil, err
	}
	return &Issuer{issuer, u, people}, nil
}

// Register registers the issuer's routes, under the path of its identifier and at
// the well-known places that belong to it.
func (i *Issuer) Register(r *auth.Router) {
	base := i.server.Path
	routes := []struct {
		method, path string
		handler      func(*gin.Context) error
	}{
		{http.MethodGet, "/.well-known/" + oid4vci.WellKnownIssuer + base, i.metadata},
		{http.MethodGet, "/.well-known/" + oid4vci.WellKnownServer + base, i.serverMetadata},
		{http.MethodGet, base + oid4vci.PathOffer + ":secret", i.offer},
		{http.MethodPost, base + oid4vci.PathNonce, i.nonce},
		{http.MethodPost, base + oid4vci.PathRequest, i.push},
		{http.MethodGet, base + oid4vci.PathAuthorize, i.authorize},
		{http.MethodPost, base + oid4vci.PathToken, i.token},
		{http.MethodPost, base + oid4vci.PathCredential, i.credential},
		{http.MethodPost, base + oid4vci.PathDeferred, i.deferred},
		{http.MethodPost, base + oid4vci.PathNotification, i.notification},
	}
	if i.people != nil {
		r.Handle(http.MethodGet, base+PathSignedIn, auth.Anonymous, i.signedIn)
	}
	for _, route := range routes {
		r.Handle(route.method, route.path, auth.Anonymous, route.handler)
	}
}

// metadata answers with the issuer's document, signed for who prefers that (section
// 12.2.2).
func (i *Issuer) metadata(c *gin.Context) error {
	c.Writer.Header().Add("Vary", "Accept")
	if prefers(c.Request.Header.Values("Accept"), oid4vci.TypeSigned, typeJSON) {
		text, err := i.issuer.SignedMetadata()
		if err == nil {
			c.Writer.Header().Set("Cache-Control", "no-store")
			c.Data(http.StatusOK, oid4vci.TypeSigned, []byte(text))
			return nil
		}
		if ledger.CodeOf(err) != ledger.CodeNotFound {
			return err
		}
	}
	return answer(c, http.StatusOK, i.issuer.Metadata())
}

func (i *Issuer) serverMetadata(c *gin.Context) error {
	return answer(c, http.StatusOK, i.issuer.Server())
}

func (i *Issuer) offer(c *gin.Context) error {
	o, err := i.issuer.Offered(c.Request.Context(), c.Param("secret"))
	if err != nil {
		return err // it is a problem document: the protocol has no error here
	}
	return answer(c, http.StatusOK, o)
}

func (i *Issuer) nonce(c *gin.Context) error {
	n, err := i.issuer.Nonce()
	if nonce, err := i.issuer.DPoPNonce(); err == nil {
		c.Header("DPoP-Nonce", nonce)
	}
	return i.reply(c, http.StatusOK, n, err)
}

func (i *Issuer) push(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return i.reply(c, 0, nil, err)
	}
	r, err := i.issuer.Push(c.Request.Context(), form, c.Request.Header)
	return i.reply(c, http.StatusCreated, r, err)
}

func (i *Issuer) token(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return i.reply(c, 0, nil, err)
	}
	r, err := i.issuer.Token(c.Request.Context(), form, c.Request.Header)
	return i.reply(c, http.StatusOK, r, err)
}

func (i *Issuer) credential(c *gin.Context) error { return i.issue(c, i.issuer.Credential) }

func (i *Issuer) deferred(c *gin.Context) error { return i.issue(c, i.issuer.Deferred) }

// issue serves the two endpoints that hand credentials over, or say when.
func (i *Issuer) issue(c *gin.Context, endpoint func(context.Context, http.Header, []byte) (*oid4vci.CredentialResponse, error)) error {
	body, err := readBody(c, oid4vci.MaxBody, oid4vci.CodeInvalidCredentialRequest, typeJSON, oid4vci.TypeEncrypted)
	if err != nil {
		return i.reply(c, 0, nil, err)
	}
	r, err := endpoint(c.Request.Context(), c.Request.Header, body)
	status := http.StatusOK
	if err == nil && r.Deferred() {
		status = http.StatusAccepted
	}
	return i.reply(c, status, r, err)
}

func (i *Issuer) notification(c *gin.Context) error {
	body, err := readJSON(c, oid4vci.CodeInvalidNotificationRequest)
	if err == nil {
		err = i.issuer.Notification(c.Request.Context(), c.Request.Header, body)
	}
	if err != nil {
		return i.reply(c, 0, nil, err)
	}
	c.Status(http.StatusNoContent)
	return nil
}

// reply writes what the issuer answers, with a nonce for the next proof of a
// wallet that makes them: others would be led to believe that they must.
func (i *Issuer) reply(c *gin.Context, status int, v any, err error) error {
	h := c.Writer.Header()
	refused, isRefused := errors.AsType[*oid4vci.Error](err)
	if isRefused && refused.Nonce != "" {
		h.Set("DPoP-Nonce", refused.Nonce)
	} else if nonce, err := i.issuer.DPoPNonce(); err == nil && c.GetHeader("DPoP") != "" {
		h.Set("DPoP-Nonce", nonce)
	}
	r, isCredential := v.(*oid4vci.CredentialResponse)
	switch {
	case err == nil && isCredential && r.Encrypted != "":
		h.Set("Cache-Control", "no-store")
		c.Data(status, oid4vci.TypeEncrypted, []byte(r.Encrypted))
		return nil
	case err == nil:
		return answer(c, status, v)
	case !isRefused:
		return fail(c, err)
	}
	if refused.Challenge != "" {
		h.Set("WWW-Authenticate", i.challenge(refused, c.Request.Header.Values("Authorization") != nil))
	}
	return refuse(c, err, refused.Status, fault{refused.Code, refused.Description})
}

// challenge says what an endpoint wants of a token. A request without one is told
// no error (RFC 6750, section 3; RFC 9449, section 7.1).
func (i *Issuer) challenge(refused *oid4vci.Error, shown bool) string {
	var params []string
	if shown {
		params = append(params, `error="`+refused.Code+`"`)
	}
	if refused.Challenge == "DPoP" {
		params = append(params, `algs="`+strings.Join(i.issuer.Server().DPoPAlgorithms, " ")+`"`)
	}
	return strings.TrimSpace(refused.Challenge + " " + strings.Join(params, ", "))
}

func malformed(code, description string) error {
	return &oid4vci.Error{Code: code, Description: description, Status: http.StatusBadRequest}
}

// readForm reads a bounded form; what stands in the query does not count.
func readForm(c *gin.Context) (url.Values, error) {
	b, err := readBody(c, oid4vci.MaxForm, oid4vci.CodeInvalidRequest, typeForm)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, malformed(oid4vci.CodeInvalidRequest, "the form is malformed")
	}
	return form, nil
}

func readJSON(c *gin.Context, code string) ([]byte, error) {
	return readBody(c, oid4vci.MaxBody, code, typeJSON)
}

// readBody reads a body of one of these types and a size; another is refused with the
// code that the endpoint has for it.
func readBody(c *gin.Context, limit int64, code string, types ...string) ([]byte, error) {
	got, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || !slices.Contains(types, got) || c.GetHeader("Content-Encoding") != "" {
		return nil, malformed(code, "the Content-Type must be "+strings.Join(types, " or ")+", not encoded")
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, malformed(code, "the body is too large")
	}
	return b, err
}

package rest

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/catalogue"
)

// LastingSignature is what was found of a certificate's second signature.
type LastingSignature struct {
	Algorithm string `json:"algorithm" doc:"ML-DSA-65 (FIPS 204)."`
	Key       string `json:"key" doc:"RFC 7638 thumbprint of the key that made it, which stands on the ledger for the certificate's issuer."`
}

// certificateFormats are the formats of certificates by their media types (SD-JWT VC,
// section 3.1; RFC 7519, section 10.3.1; VCDM 2.0, section 6.3).
var certificateFormats = map[string]catalogue.Format{
	"application/dc+sd-jwt": catalogue.SDJWT,
	"application/jwt":       catalogue.JWT,
	"application/vc":        catalogue.LD,
}

func (a *API) lastingRoutes() {
	content := map[string]*huma.MediaType{}
	for media := range certificateFormats {
		content[media] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	content["application/vc"].Schema = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	a.api.stream(auth.CredentialsRead, huma.Operation{
		OperationID: "verify-lasting-signature", Method: http.MethodPost, Path: "/v1/credentials/lasting", Tags: []string{"credentials"},
		Summary: "Verify the lasting signature of a certificate of conformity",
		Description: "Whoever made it, the certificate is sent as its issuer handed it out, in one of its formats. The issuer's second signature, by ML-DSA-65, is fetched from where the ledger says, " +
			"and judged by the key whose thumbprint stands there. Not found: there is none. It says who made the certificate, also when elliptic curves no longer do, and nothing of whether it still holds.",
		RequestBody: &huma.RequestBody{Required: true, Content: content},
		Responses:   map[string]*huma.Response{"200": {Description: "It is good", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[LastingSignature](a.api)}}}},
	}, a.verifyLasting)
}

func (a *API) verifyLasting(c *gin.Context) error {
	if a.Credentials == nil {
		return noPublicAddress()
	}
	media, err := contentType(c, "application/dc+sd-jwt", "application/jwt", "application/vc")
	if err != nil {
		return err
	}
	certificate, err := readBody(c)
	if err != nil {
		return err
	}
	found, err := a.Credentials.Lasting(c.Request.Context(), certificateFormats[media], certificate)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, found)
	return nil
}

package rest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/mds2"
	"github.com/secant-platform/secant/analytics/mud"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// ModelFiles keeps what is known of models beside the ledger.
type ModelFiles interface {
	PutModelFile(ctx context.Context, f fact.ModelFile) error
	ModelFile(ctx context.Context, di string, kind fact.ModelFileKind) (fact.ModelFile, error)
}

// Fetch fetches an https address, of which it returns at most limit bytes.
type Fetch func(ctx context.Context, address, accept string, limit int64) ([]byte, error)

// NewMUD says where a model's usage description is.
type NewMUD struct {
	URL         string `json:"url" maxLength:"1000" doc:"https address, as the file itself says it (RFC 8520, mud-url)."`
	Digest      string `json:"digest,omitempty" doc:"SHA-256 that the file must have, 64 hexadecimal digits."`
	Certificate string `json:"certificate,omitempty" maxLength:"16384" doc:"PEM of the certificate under which the file must be signed: the signer's, or one that issued it. Without it the signature is not judged."`
}

// MUD is a model's usage description.
type MUD struct {
	URL        string     `json:"url"`
	Digest     string     `json:"digest" doc:"SHA-256 of the file as it was fetched."`
	Signed     string     `json:"signed" enum:"verified,not-checked" doc:"Whether its signature verified under a pinned certificate."`
	Signer     string     `json:"signer,omitempty" doc:"Subject of the certificate that signed."`
	LastUpdate time.Time  `json:"lastUpdate" doc:"As the file says."`
	Fresh      time.Time  `json:"freshUntil" doc:"When the file should be fetched again."`
	Supported  bool       `json:"supported" doc:"Whether the maker still supports the model, as the file says."`
	Flows      []mud.Flow `json:"flows" doc:"What the device may do, in the file's order."`
	Fetched    time.Time  `json:"fetched"`
}

// MDS2 is a maker's statement on a model's security.
type MDS2 struct {
	mds2.Statement
	Digest  string    `json:"digest" doc:"SHA-256 of the statement as it was received."`
	Updated time.Time `json:"updated"`
}

type putMUD struct {
	PathDI
	Body NewMUD
}

func (a *API) modelFileRoutes() {
	register(a.api, auth.DevicesWrite, huma.Operation{
		OperationID: "put-mud", Method: http.MethodPut, Path: "/v1/models/{di}/mud", Tags: []string{"devices"},
		Summary:     "Fetch, verify and keep a model's Manufacturer Usage Description (RFC 8520)",
		Description: "The file is fetched under the rules for all that is fetched from outside. It stays at this node.",
	}, a.putMUD)
	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-mud", Method: http.MethodGet, Path: "/v1/models/{di}/mud", Tags: []string{"devices"},
		Summary: "What a model needs of the network, in plain words",
	}, func(ctx context.Context, in *PathDI) (*body[MUD], error) {
		f, err := a.ModelFiles.ModelFile(ctx, in.DI, fact.ModelFileMUD)
		if err != nil {
			return nil, err
		}
		var v MUD
		if err := json.Unmarshal(f.Doc, &v); err != nil {
			return nil, fmt.Errorf("reading a usage description: %w", err)
		}
		v.Fetched = f.Updated
		return &body[MUD]{v}, nil
	})
	// The bytes are what is kept and digested, so they are read as they are.
	a.api.stream(auth.DevicesWrite, huma.Operation{
		OperationID: "put-mds2", Method: http.MethodPut, Path: "/v1/models/{di}/mds2", Tags: []string{"devices"},
		Summary:     "Keep a maker's statement on a model's security (MDS2, HN 1-2019)",
		Description: "Every question of the edition is answered by yes, no, n/a or see-note. It stays at this node, with its digest.",
		Parameters:  []*huma.Param{releaseParams()[0]},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[mds2.Statement](a.api)}}},
		Responses:   map[string]*huma.Response{"200": {Description: "Kept", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[MDS2](a.api)}}}},
	}, a.putMDS2)
	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-mds2", Method: http.MethodGet, Path: "/v1/models/{di}/mds2", Tags: []string{"devices"},
		Summary: "A maker's statement on a model's security",
	}, func(ctx context.Context, in *PathDI) (*body[MDS2], error) {
		f, err := a.ModelFiles.ModelFile(ctx, in.DI, fact.ModelFileMDS2)
		if err != nil {
			return nil, err
		}
		s, err := mds2.Parse(f.Body)
		if err != nil {
			return nil, fmt.Errorf("reading a statement: %w", err)
		}
		return &body[MDS2]{MDS2{*s, f.Digest, f.Updated}}, nil
	})
}

func (a *API) putMUD(ctx context.Context, in *putMUD) (*body[MUD], error) {
	if _, err := a.Models.Model(ctx, in.DI); err != nil {
		return nil, err
	}
	pinned, err := pinnedCertificate(in.Body.Certificate)
	if err != nil {
		return nil, placed(err)
	}
	text, err := a.Fetch(ctx, in.Body.URL, mud.MediaType, mud.MaxBytes)
	if err != nil {
		return nil, err
	}
	v := MUD{URL: in.Body.URL, Digest: ledger.BodyDigest(text), Signed: "not-checked"}
	if in.Body.Digest != "" && in.Body.Digest != v.Digest {
		return nil, placed(invalid(ledger.Fault{Field: "digest", Detail: "is not that of the file at this address"}))
	}
	file, err := mud.Parse(text)
	if err != nil {
		return nil, err
	}
	if file.URL != in.Body.URL {
		return nil, placed(invalid(ledger.Fault{Field: "url", Detail: "is not the address that the file says of itself"}))
	}
	if pinned != nil {
		if file.Signature == "" {
			return nil, placed(invalid(ledger.Fault{Field: "certificate", Detail: "is pinned, and the file is not signed"}))
		}
		signature, err := a.Fetch(ctx, file.Signature, "application/pkcs7-signature", mud.MaxSignature)
		if err != nil {
			return nil, err
		}
		signer, err := mud.Verify(text, signature, pinned, time.Now())
		if err != nil {
			return nil, err
		}
		v.Signed, v.Signer = "verified", signer.Subject.String()
	}
	v.Fetched = time.Now().UTC().Truncate(time.Millisecond)
	v.LastUpdate, v.Supported, v.Flows, v.Fresh = file.LastUpdate.UTC(), file.Supported, file.Flows, v.Fetched.Add(file.CacheValidity)
	if v.Flows == nil {
		v.Flows = []mud.Flow{}
	}
	doc, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a usage description: %w", err)
	}
	if err := a.ModelFiles.PutModelFile(ctx, fact.ModelFile{DI: in.DI, Kind: fact.ModelFileMUD, Digest: v.Digest, Doc: doc, Body: text}); err != nil {
		return nil, doing("keeping a usage description", err)
	}
	return &body[MUD]{v}, nil
}

// pinnedCertificate reads a certificate; nil when none is pinned.
func pinnedCertificate(text string) (*x509.Certificate, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // nothing is pinned, and that is no error
	}
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return nil, invalid(ledger.Fault{Field: "certificate", Detail: "must be one certificate in PEM"})
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, invalid(ledger.Fault{Field: "certificate", Detail: "must be a certificate that can be read"})
	}
	return c, nil
}

func (a *API) putMDS2(c *gin.Context) error {
	ctx := c.Request.Context()
	if _, err := contentType(c, typeJSON); err != nil {
		return err
	}
	text, err := readBody(c)
	if err != nil {
		return err
	}
	model, err := a.Models.Model(ctx, c.Param("di"))
	if err != nil {
		return err
	}
	s, err := mds2.Parse(text)
	if err != nil {
		return inBody(err)
	}
	f := fact.ModelFile{DI: model.Record.DI, Kind: fact.ModelFileMDS2, Digest: ledger.BodyDigest(text), Doc: []byte("{}"), Body: text}
	if err := a.ModelFiles.PutModelFile(ctx, f); err != nil {
		return doing("keeping a statement", err)
	}
	c.JSON(http.StatusOK, MDS2{*s, f.Digest, time.Now().UTC().Truncate(time.Millisecond)})
	return nil
}

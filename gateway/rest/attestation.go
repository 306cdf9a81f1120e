package rest

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/eat"
)

// Attestations lets devices show what they run.
type Attestations interface {
	// Challenge makes what a device is to answer, and keeps nothing of it.
	Challenge(unit proof.Hash) []byte
	// Attest judges a device's answer and keeps what came of it. Problems: denied for
	// a token that is not the device's answer, and a conflict when the challenge was
	// answered before.
	Attest(ctx context.Context, unit proof.Hash, token []byte) (*fact.Attestation, error)
	// Attestation finds what counts of a device's attestations while it runs a release.
	Attestation(ctx context.Context, unit, release string) (fact.Attestation, bool, error)
}

// Challenge is what a device is to sign in its token.
type Challenge struct {
	Nonce   string    `json:"nonce" doc:"32 bytes, unpadded base64url: the token's eat_nonce. It serves once."`
	Expires time.Time `json:"expires" doc:"Until when it can be answered."`
}

// Attestation is what came of one that a device made of itself, in the words of AR4SI.
type Attestation struct {
	Status  string    `json:"status" enum:"affirming,contraindicated,unknown" doc:"Affirming: all that the maker published was measured, and is what it published. Contraindicated: something differs. Unknown: nothing was shown either way, which is not passed."`
	Reasons []string  `json:"reasons" doc:"In plain words."`
	Release string    `json:"release" doc:"The version that the ledger said the device runs, by which it was judged."`
	Version string    `json:"version,omitempty" doc:"The version that the device says it runs."`
	Digest  string    `json:"digest" doc:"SHA-256 of the token, 64 hexadecimal digits."`
	Receipt string    `json:"receipt" doc:"Of the request in which the token is kept as it came, in base64: GET /v1/readings/{id}/records/0, and its proof."`
	Time    time.Time `json:"time" doc:"When this node took it."`
	Expires time.Time `json:"expires" doc:"Until when it says something about the device."`
}

func viewAttestation(a *fact.Attestation) *Attestation {
	return &Attestation{
		Status: a.Status, Reasons: a.Reasons, Release: a.Release, Version: a.Version, Digest: a.Digest, Receipt: a.Receipt, Time: a.Time, Expires: a.Expires,
	}
}

func (a *API) attestationRoutes() {
	tags := []string{"devices"}
	op := huma.Operation{
		OperationID: "challenge-unit", Method: http.MethodPost, Path: "/v1/units/{id}/attestation/challenge", Tags: tags,
		Summary:     "Ask for a challenge, to attest what a device runs",
		Description: "Nothing is kept, and nothing is told of the device: any id gets one.", DefaultStatus: http.StatusOK,
	}
	register(a.api, auth.Anonymous, op, func(_ context.Context, in *PathUnit) (*body[Challenge], error) {
		var unit proof.Hash
		if err := unit.UnmarshalText([]byte(in.ID)); err != nil {
			return nil, ledger.Problemf(ledger.CodeNotFound, "there is no such unit")
		}
		return &body[Challenge]{Challenge{
			Nonce: base64.RawURLEncoding.EncodeToString(a.Attestations.Challenge(unit)), Expires: time.Now().UTC().Add(eat.ChallengeLife).Truncate(time.Millisecond),
		}}, nil
	})

	unit := []*huma.Param{pathParam("id", "The unit's id, 64 lower-case hexadecimal digits.")}
	binary := &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	a.api.stream(auth.Anonymous, huma.Operation{
		OperationID: "attest-unit", Method: http.MethodPost, Path: "/v1/units/{id}/attestation", Tags: tags,
		Summary: "Attest what a device runs",
		Description: "The body is an Entity Attestation Token (RFC 9711): a CWT in a COSE_Sign1, signed by the device's key on the ledger (EdDSA), which is all that it needs to be let in. " +
			"Claims: eat_nonce (10), the challenge; ueid (256), the byte 01 and the unit's id; swversion (271); dbgstat (263); measurements (273), pairs of 258 and a CoSWID (RFC 9393) " +
			"in whose evidence each file is a part of the software with its hash; optional oemid (258, the first 16 bytes of SHA-256 over \"secant/oemid/v1\", a NUL byte and the maker's MSP id), " +
			"swname (270), iat (6) and eat_profile (265, " + eat.Profile + "). It is compared with what the maker published with the release that the device runs. " +
			"A device of which something differs is held, when it serves: its data are marked, staff are told, and nothing is stopped.",
		Parameters:  unit,
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{eat.MediaType: binary}},
		Responses: map[string]*huma.Response{"201": {
			Description: "What came of it.", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Attestation](a.api)}},
		}},
	}, a.attest)

	register(a.api, auth.DevicesRead, huma.Operation{
		OperationID: "get-unit-attestation", Method: http.MethodGet, Path: "/v1/units/{id}/attestation", Tags: tags,
		Summary:     "What a device attested of the release that it runs",
		Description: "The last one at this node; but one that showed nothing leaves standing what spoke against the device.",
	}, func(ctx context.Context, in *PathUnit) (*body[Attestation], error) {
		row, err := a.Units.Unit(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		got, found, err := a.Attestations.Attestation(ctx, in.ID, row.Record.Release)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, ledger.Problemf(ledger.CodeNotFound, "the device has attested nothing of this release here")
		}
		return &body[Attestation]{*viewAttestation(&got)}, nil
	})
}

func (a *API) attest(c *gin.Context) error {
	var unit proof.Hash
	if err := unit.UnmarshalText([]byte(c.Param("id"))); err != nil {
		return ledger.Problemf(ledger.CodeNotFound, "there is no such unit")
	}
	if _, err := contentType(c, eat.MediaType); err != nil {
		return err
	}
	if a.Device != nil {
		if err := a.Device(c.Request, unit.String(), false); err != nil {
			return err
		}
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, eat.MaxBytes)
	token, err := readBody(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	got, err := a.Attestations.Attest(ctx, unit, token)
	if err != nil {
		return toDevice(ctx, inBody(err))
	}
	if a.Device != nil { // it was refused before, or this is the first one too many
		_ = a.Device(c.Request, unit.String(), true)
	}
	c.Header("Location", unitPath(unit.String())+"/attestation")
	return writeJSON(c, http.StatusCreated, viewAttestation(got))
}

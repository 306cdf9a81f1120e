package rest

import (
	"context"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
)

// ErasedSubject is what an erasure found.
type ErasedSubject struct {
	Requests int  `json:"requests" doc:"Requests that held something about the subject."`
	Records  int  `json:"records" doc:"Of them, the records about the subject."`
	Complete bool `json:"complete" doc:"False when the node has not listed all its readings yet: nothing about the subject can be read any more, but the count goes on, and what is left in indexes goes by itself."`
}

type eraseSubject struct {
	Body struct {
		Subject    string             `json:"subject,omitempty" maxLength:"200" doc:"As senders wrote it in Secant-Subject."`
		Identifier *SubjectIdentifier `json:"identifier,omitempty" doc:"Or as the hospital knows the person, for what came by HL7 and FHIR."`
	}
}

// SubjectIdentifier is an identifier of a person.
type SubjectIdentifier struct {
	System string `json:"system,omitempty" maxLength:"200" doc:"Who gave it: a URI as in FHIR (urn:oid:..., also for an HL7 authority with an ISO OID), or the namespace of an HL7 authority without one." example:"urn:oid:2.16.840.1.113883.19.5"`
	Value  string `json:"value" minLength:"1" maxLength:"200"`
}

func (e *eraseSubject) id() (pseudonym.ID, error) {
	switch b := &e.Body; {
	case (b.Subject == "") == (b.Identifier == nil):
		return "", invalid(ledger.Fault{Field: "body", Detail: "must have either subject or identifier"})
	case b.Identifier != nil:
		return pseudonym.OfIdentifier(b.Identifier.System, b.Identifier.Value), nil
	case !pseudonym.ID(b.Subject).Sound():
		return "", invalid(ledger.Fault{Field: "body.subject", Detail: "must be printable ASCII without spaces"})
	default:
		return pseudonym.ID(b.Subject), nil
	}
}

// subjectRoutes registers the erasure of persons. Whom is said in the body: addresses
// are logged on the way.
func (a *API) subjectRoutes() {
	register(a.api, auth.ReadingsErase, huma.Operation{
		OperationID: "erase-subject", Method: http.MethodPost, Path: "/v1/subjects/erase", Tags: []string{"readings"},
		Summary: "Erase all readings about one subject, for good",
		Description: "The subject's key is destroyed before the answer: its records and their salts cannot be read any more, in whichever requests they lie, while the records of others in the " +
			"same requests stay readable and provable. Records of it are answered with 410 then; a request that held nothing else is erased as a whole, with what it was found by. " +
			"A subject that is not known, or was erased before, is no fault, and nothing says which. What comes about it later is kept under a new key. " +
			"Backups that hold the vault's keys from before must be let go as well.",
	}, func(ctx context.Context, in *eraseSubject) (*body[ErasedSubject], error) {
		id, err := in.id()
		if err != nil {
			return nil, err
		}
		e, err := a.Readings.EraseSubject(ctx, id)
		if err != nil {
			return nil, err
		}
		return &body[ErasedSubject]{e}, nil
	})
}

// readingsType returns the media type of a request with readings: of one in parts with
// its boundary.
func readingsType(c *gin.Context) (string, error) {
	if got, _, err := mime.ParseMediaType(c.GetHeader("Content-Type")); err == nil && got == typeMixed && len(c.Request.Header.Values("Content-Type")) == 1 {
		return c.GetHeader("Content-Type"), nil
	}
	return mediaType(c, typeNDJSON, typeJSON, typeFHIR, typeHL7, typeMixed, typeEDF, typeWFDB, typeMDIB, typeGATT, typeGATTs, typeSenML, typeSenMLC, typeCBOR)
}

// subjectOf reads whom readings are about, if that is said for all of them.
func subjectOf(c *gin.Context) (pseudonym.ID, error) {
	switch said := c.Request.Header.Values(auth.HeaderSubject); len(said) {
	case 0:
		return "", nil
	case 1:
		id, err := pseudonym.Parse(said[0])
		if err != nil {
			return "", invalid(ledger.Fault{Field: "header." + auth.HeaderSubject, Detail: pseudonym.Form})
		}
		return id, nil
	}
	return "", invalid(ledger.Fault{Field: "header." + auth.HeaderSubject, Detail: "must be given once"})
}

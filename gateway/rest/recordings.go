package rest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

const pathRecordings = "/v1/recordings"

// Large lists the routes whose bodies are read as they come and not kept, as auth.Route
// has them.
func Large() []string { return []string{"POST " + pathRecordings} }

// manyRecordings is how many recordings are read at once.
const manyRecordings = 4

// typeManifest is what a record says it is that stands for a recording.
const typeManifest = "secant-recording-v1"

// Manifest is the record that stands for a recording which is not kept. Its bytes follow
// from the file.
type Manifest struct {
	Type      string    `json:"type" enum:"secant-recording-v1"`
	MediaType string    `json:"mediaType" enum:"application/edf"`
	Size      int64     `json:"size" doc:"Bytes of the file."`
	SHA256    string    `json:"sha256" doc:"Of the file, 64 hexadecimal digits."`
	Recording Recording `json:"recording"`
}

func (a *API) recordingRoutes() {
	running := make(chan struct{}, manyRecordings)
	a.api.stream(auth.ReadingsWrite, huma.Operation{
		OperationID: "submit-recording", Method: http.MethodPost, Path: pathRecordings, Tags: []string{"readings"},
		Summary: "Hand in a recording that is too large to keep: its digest and what is in it",
		Description: "For recordings of more than 8 MiB, as of a night or a day. The file is read to its end as it comes and not kept: whoever made it keeps it. " +
			"What is kept and proven is one record, a JSON object with the type " + typeManifest + ", the file's size and SHA-256, and what the file says of its signals, " +
			"so that whoever has the file can show since when it is what it is. The node vouches. The same file of a device is one request, however often it is sent.",
		Parameters: []*huma.Param{
			headerParam(auth.HeaderDevice, "The device's unit id, 64 lower-case hexadecimal digits; or, in its place, source and name."),
			queryParam("source", "Which of the device's names is given.", &huma.Schema{Type: "string"}),
			queryParam("name", "What the source calls the device, as its owner entered it where the device serves.", &huma.Schema{Type: "string"}),
		},
		RequestBody: &huma.RequestBody{Required: true, Description: "The recording: EDF, EDF+ or BDF.", Content: map[string]*huma.MediaType{
			typeEDF: {Schema: &huma.Schema{Type: "string", Format: "binary"}},
		}},
		Responses: map[string]*huma.Response{"202": {
			Description: "Taken: the record is durable, and in the integrity log.",
			Headers:     map[string]*huma.Header{"Location": {Description: "Where the receipt stands.", Schema: &huma.Schema{Type: "string"}}},
			Content:     map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[Receipt](a.api)}},
		}},
	}, func(c *gin.Context) error {
		select {
		case running <- struct{}{}:
			defer func() { <-running }()
			return a.submitRecording(c)
		default:
			return ledger.Problemf(ledger.CodeBusy, "too many recordings are being received; try again")
		}
	})
}

func (a *API) submitRecording(c *gin.Context) error {
	if _, err := mediaType(c, typeEDF); err != nil {
		return err
	}
	if e := c.GetHeader("Content-Encoding"); e != "" && e != "identity" {
		return problem.Encoding()
	}
	s := &Submission{MediaType: typeJSON}
	if err := a.admitUnsigned(c, s); err != nil {
		return err
	}
	m, err := manifestOf(c.Request.Body)
	if err != nil {
		return inBody(err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding the record of a recording: %w", err)
	}
	s.Body, s.Once = bytes.NewReader(text), []byte(typeManifest+"\x00"+m.SHA256)
	r, err := a.Readings.Submit(c.Request.Context(), s)
	if err != nil {
		return err
	}
	c.Header("Location", "/v1/readings/"+r.ID.String())
	return writeJSON(c, http.StatusAccepted, r)
}

// admitUnsigned finds the device of what nobody signed, by its unit id or a name.
func (a *API) admitUnsigned(c *gin.Context, s *Submission) error {
	if c.Query("source") != "" || c.Query("name") != "" {
		return a.admitNamed(c, s)
	}
	signed, err := readSignature(c, s)
	if err != nil {
		return err
	}
	if signed || s.Edge != (proof.Hash{}) {
		return invalid(ledger.Fault{Field: "header." + auth.HeaderSignature, Detail: "must not be there: the record that is kept is the node's"})
	}
	_, err = a.Devices.Admit(c.Request.Context(), s.Unit, false)
	return err
}

// counter counts what passes.
type counter struct{ n int64 }

// Write counts.
func (w *counter) Write(b []byte) (int, error) {
	w.n += int64(len(b))
	return len(b), nil
}

// manifestOf reads a recording to its end, and says what stands for it.
func manifestOf(body io.Reader) (*Manifest, error) {
	digest, size := sha256.New(), &counter{}
	v := &Message{}
	if err := readRecording(v, io.TeeReader(body, io.MultiWriter(digest, size))); err != nil {
		if p, ok := errors.AsType[*ledger.Problem](err); ok && p.Code == ledger.CodeInvalid {
			return nil, &ledger.Problem{Code: p.Code, Detail: "the recording cannot be taken as it is", Faults: []ledger.Fault{{Field: "body", Detail: p.Detail}}}
		}
		return nil, err
	}
	return &Manifest{Type: typeManifest, MediaType: typeEDF, Size: size.n, SHA256: hex.EncodeToString(digest.Sum(nil)), Recording: *v.Recording}, nil
}

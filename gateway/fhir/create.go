package fhir

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/fhir"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/auth"
)

// draft is a resource on its way to be kept.
type draft struct {
	resource *fhir.Resource
	write    fhir.Write
	send     Submission
	at       string // its place, for faults; empty: it is the request's body
}

// create takes one resource (FHIR R4, section 3.1.0.8).
func (a *API) create(c *gin.Context) error {
	ctx, typ := c.Request.Context(), c.Param("type")
	if err := auth.Within(ctx, typ, 'c'); err != nil {
		return err
	}
	d := &draft{write: fhir.Write{Version: fhir.Version{Created: true, ID: newID()}}}
	byDevice, err := a.sender(c, d)
	if err != nil {
		return err
	}
	release, err := a.memory.hold(d.send.Body, oneResource)
	if err != nil {
		return err
	}
	defer release()
	if err := a.readDraft(typ, d); err != nil {
		return err
	}
	if condition := c.GetHeader("If-None-Exist"); condition != "" {
		if d.write.Absent, err = a.condition(ctx, typ, condition); err != nil {
			return err
		}
	}
	w, err := a.keepOne(ctx, c.Request, d)
	if err != nil {
		if byDevice {
			return toDevice(err)
		}
		return err
	}
	if byDevice && a.Device != nil { // this is counted, and the first one too many is served
		_ = a.Device(c.Request, d.write.Unit, true)
	}
	return a.answerWrite(c, w, d)
}

// update takes a version of a resource under an id that its sender chose (FHIR R4,
// section 3.1.0.4).
func (a *API) update(c *gin.Context) error {
	typ, id := c.Param("type"), c.Param("id")
	if err := auth.Within(c.Request.Context(), typ, 'u'); err != nil {
		return err
	}
	d := &draft{write: fhir.Write{Version: fhir.Version{ID: id}}}
	body, err := a.body(c)
	if err != nil {
		return err
	}
	release, err := a.memory.hold(body, oneResource)
	if err != nil {
		return err
	}
	defer release()
	d.send.Body = body
	if err := a.readDraft(typ, d); err != nil {
		return err
	}
	if d.resource.ID != id {
		return ledgerFault(typ+".id", "must be the id in the address")
	}
	if d.write.Match, err = matchOf(c.GetHeader("If-Match")); err != nil {
		return err
	}
	w, err := a.keepOne(c.Request.Context(), c.Request, d)
	if err != nil {
		return err
	}
	return a.answerWrite(c, w, d)
}

// matchOf reads the version that If-Match names: W/"3".
func matchOf(header string) (int64, error) {
	if header == "" {
		return 0, nil
	}
	s, ok := strings.CutPrefix(header, `W/"`)
	s, end := strings.CutSuffix(s, `"`)
	n, err := strconv.ParseInt(s, 10, 64)
	if !ok || !end || err != nil || n < 1 {
		return 0, badQuery(`If-Match must be of the form W/"1"`)
	}
	return n, nil
}

func ledgerFault(field, detail string) error {
	return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the resource is not valid", Faults: []ledger.Fault{{Field: field, Detail: detail}}}
}

// newID makes an id for a resource, which says nothing.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// sender reads the body, and makes out a device that signs it or the whole request.
func (a *API) sender(c *gin.Context, d *draft) (byDevice bool, err error) {
	ctx, r := c.Request.Context(), c.Request
	byDevice = auth.CallerOf(ctx) == nil
	switch {
	case r.Header.Get(auth.HeaderInput) != "" && byDevice:
		err = a.signedRequest(r, d)
	case r.Header.Get(auth.HeaderSignature) != "":
		err = a.signedReading(ctx, r.Header, d)
	}
	if err != nil {
		return byDevice, toDevice(err)
	}
	if byDevice && a.Device != nil {
		if err := a.Device(r, d.send.Unit.String(), false); err != nil {
			return true, err
		}
	}
	d.send.Body, err = a.body(c)
	return byDevice, err
}

func (a *API) signedReading(ctx context.Context, h http.Header, d *draft) error {
	said, faults := admit.ReadSignature(h, false)
	if len(faults) > 0 {
		return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the signature cannot be read", Faults: faults}
	}
	key, err := a.Devices.Admit(ctx, said.Unit, true)
	d.send = Submission{Unit: said.Unit, Key: key, Seed: said.Seed, Signature: said.Signature, Sequence: said.Sequence}
	return err
}

func (a *API) signedRequest(r *http.Request, d *draft) error {
	if a.Signatures == nil {
		return ledger.Problemf(ledger.CodeDenied, "requests are not signed as a whole here")
	}
	_, body, err := a.Signatures.Device(r, func(ctx context.Context, keyID string) (ed25519.PublicKey, error) {
		if d.send.Unit.UnmarshalText([]byte(keyID)) != nil {
			return nil, ledger.Problemf(ledger.CodeNotFound, "no device has such an id")
		}
		return a.Devices.Admit(ctx, d.send.Unit, true)
	})
	if err != nil {
		return err
	}
	r.Body = readCloser{body, r.Body}
	return nil
}

// toDevice keeps from whoever calls without a token which devices there are.
func toDevice(err error) error {
	if code := ledger.CodeOf(err); code == ledger.CodeNotFound || code == ledger.CodeDenied {
		return ledger.Problemf(ledger.CodeDenied, "no device of this id is in service here, or its signature does not fit")
	}
	return err
}

// readDraft judges the body as a resource of the type.
func (a *API) readDraft(typ string, d *draft) (err error) {
	if _, taken := fhir.Params[typ]; !taken {
		return unknownType()
	}
	if d.resource, err = a.judge.Load().Read(d.send.Body); err != nil {
		return err
	}
	if d.resource.Type != typ {
		return ledgerFault("resourceType", "must be the type in the address")
	}
	d.write.Type = typ
	return nil
}

// keepOne makes a draft durable.
func (a *API) keepOne(ctx context.Context, r *http.Request, d *draft) (fhir.Written, error) {
	t := &taking{api: a, bases: a.bases(r), drafts: []*draft{d}}
	written, err := t.keep(ctx)
	if err != nil {
		return fhir.Written{}, err
	}
	return written[0], nil
}

// answerWrite answers with what was written, or was there.
func (a *API) answerWrite(c *gin.Context, w fhir.Written, d *draft) error {
	status := http.StatusOK
	if w.First {
		status = http.StatusCreated
	}
	h := c.Writer.Header()
	h.Set("Location", a.base(c.Request)+"/"+w.Type+"/"+w.ID+"/_history/"+strconv.FormatInt(w.Number, 10))
	h.Set(HeaderReceipt, receiptPath+w.Request)
	tell(h, &w.Version)
	switch preferred(c.Request.Header) {
	case "minimal":
		c.Status(status)
		c.Writer.WriteHeaderNow()
		return nil
	case "OperationOutcome":
		c.Data(status, MediaType, encode(outcome{"OperationOutcome", []issue{{Severity: "information", Code: "informational", Diagnostics: "durable, and in the integrity log"}}}))
		return nil
	}
	var body []byte
	var err error
	if w.Found {
		body, err = a.serve(c.Request.Context(), &w.Version)
	} else {
		body, err = a.served(d.resource, &w.Version)
	}
	if err != nil {
		return err
	}
	c.Data(status, MediaType, body)
	return nil
}

// HeaderReceipt says where the receipt of the bytes stands that were received.
const HeaderReceipt = "Secant-Receipt"

const receiptPath = "/v1/readings/"

// preferred is what is to be returned of a write (RFC 7240; FHIR R4, section
// 3.1.0.1.9).
func preferred(h http.Header) string {
	for _, p := range h.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == ',' || r == ';' }) {
			if v, ok := strings.CutPrefix(strings.TrimSpace(part), "return="); ok {
				return v
			}
		}
	}
	return "representation"
}

// conditionFailed tells of a condition that does not hold.
func conditionFailed(err error, drafts []*draft) error {
	e, ok := errors.AsType[*fhir.ConditionError](err)
	if !ok {
		return err
	}
	if e.Matches > 0 {
		return precondition("more than one resource fits the condition", drafts[e.Write].at)
	}
	return precondition("the current version is another than the one that must be", drafts[e.Write].at)
}

// hexUnit is the id of a device, and empty of none.
func hexUnit(u proof.Hash) string {
	if u == (proof.Hash{}) {
		return ""
	}
	return u.String()
}

package dicom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/dicom"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
)

const (
	typeDICOM     = "application/dicom"
	typeMetadata  = "application/dicom+json"
	typeMultipart = "multipart/related"
)

// result is what became of one instance.
type result struct {
	instance dicom.Instance // until it is settled; then of a refused one its UID and class
	image    fact.Image     // of one that was taken
	reason   dicom.Reason   // 0: taken
	detail   string
}

func refused(i *dicom.Instance, reason dicom.Reason, detail string) result {
	r := result{reason: reason, detail: detail}
	if i != nil {
		r.instance = dicom.Instance{UID: i.UID, Class: i.Class}
	}
	return r
}

// take notes how an image is kept, and lets go what no answer says: of thousands it
// would be much.
func (r *result) take(i *fact.Image) {
	r.instance = dicom.Instance{}
	r.image = fact.Image{
		Instance: i.Instance, Class: i.Class, Study: i.Study, Series: i.Series, Digest: i.Digest, Measured: i.Measured, Size: i.Size,
		Unit: i.Unit, Receipt: i.Receipt, Received: i.Received, Others: i.Others,
	}
}

// intake is a request with instances.
type intake struct {
	*handler
	study string      // that all must be of; empty: any
	unit  *proof.Hash // the device, when the request names it

	results []result
	window  []pending // read and not yet kept
	fault   error     // of the node's own, for the log
}

// ownError is what went wrong at the node, and not with the request.
type ownError struct{ error }

// pending is an instance on its way into the log.
type pending struct {
	at       int // in results
	unit     proof.Hash
	manifest Manifest
	receipt  Receipt
	err      error
}

// atOnce is how many instances of a request go into the log together.
const atOnce = 64

// store takes instances (PS3.18, section 10.5).
func (h *handler) store(c *gin.Context) error {
	if err := acceptable(c); err != nil {
		return err
	}
	in := &intake{handler: h, study: c.Param("study")}
	if in.study != "" && !dicom.ValidUID(in.study) {
		return problem.Malformed("path.study", "must be a UID")
	}
	ctx := c.Request.Context()
	if text := c.GetHeader(auth.HeaderDevice); text != "" {
		in.unit = new(proof.Hash)
		if in.unit.UnmarshalText([]byte(text)) != nil {
			return &ledger.Problem{Code: ledger.CodeInvalid, Detail: "the request is not valid", Faults: []ledger.Fault{
				{Field: "header." + auth.HeaderDevice, Detail: "must be 64 lower-case hexadecimal digits"},
			}}
		}
		if err := h.Devices.Admit(ctx, *in.unit); err != nil {
			return err
		}
	}
	media, boundary, err := contentType(c)
	if err != nil {
		return err
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	default:
		return ledger.Problemf(ledger.CodeBusy, "too many images are being received; try again")
	}
	var cut error
	switch body := body(c); media {
	case typeMultipart:
		cut = in.parts(ctx, newParts(body, boundary, h.Limits.Header))
	case typeDICOM:
		cut = in.file(ctx, body)
	default:
		cut = in.metadata(ctx, body)
	}
	if err := in.flush(ctx); err != nil {
		cut = err
	}
	if own, ok := errors.AsType[*ownError](cut); ok {
		return own.error // what is durable already, is found again when it is sent again
	}
	h.Metrics.count(in.results)
	return in.answer(c, cut)
}

func body(c *gin.Context) io.Reader {
	if c.Request.Body == nil {
		return strings.NewReader("")
	}
	return c.Request.Body
}

// maxBoundary bounds a boundary, in characters. RFC 2046 allows 70; Orthanc's have 73.
const maxBoundary = 200

// bareType is the parameter of a Content-Type as many write it: without the quotation
// marks that RFC 2045 wants around a slash.
var bareType = regexp.MustCompile(`(?i)(;\s*type=)(application/dicom(?:\+json)?)(\s*(?:;|$))`)

// contentType reads what a request holds.
func contentType(c *gin.Context) (media, boundary string, err error) {
	taken := problem.MediaTypes(typeMultipart+`; type="`+typeDICOM+`"`, typeDICOM, typeMetadata)
	if e := c.GetHeader("Content-Encoding"); e != "" && e != "identity" {
		return "", "", problem.Encoding()
	}
	media, params, err := mime.ParseMediaType(bareType.ReplaceAllString(c.GetHeader("Content-Type"), `$1"$2"$3`))
	if err != nil || len(c.Request.Header.Values("Content-Type")) != 1 {
		return "", "", taken
	}
	switch {
	case media == typeDICOM || media == typeMetadata:
		return media, "", nil
	case media != typeMultipart || !strings.EqualFold(params["type"], typeDICOM):
		return "", "", taken
	}
	if b := params["boundary"]; b == "" || len(b) > maxBoundary {
		return "", "", problem.Malformed("header.Content-Type", "must have a boundary of 1 to "+strconv.Itoa(maxBoundary)+" characters")
	}
	return media, params["boundary"], nil
}

// parts takes the files of a multipart body. It returns what cut the body off.
func (in *intake) parts(ctx context.Context, p *parts) error {
	for n := 0; ; n++ {
		part, err := p.next()
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case err != nil:
			return err
		case n >= in.Limits.Parts:
			in.results = append(in.results, refused(nil, dicom.ReasonResources, "the request has too many parts: send the others in another"))
			return nil
		}
		if !wholeFile(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part.Header.Get("Content-Encoding")) {
			in.results = append(in.results, refused(nil, dicom.ReasonBroken, "a part must be application/dicom, in no encoding"))
			if _, err := io.Copy(io.Discard, part); err != nil {
				return err //nolint:wrapcheck // judged by bodyError
			}
			continue
		}
		if err := in.file(ctx, part); err != nil {
			return err
		}
	}
}

// wholeFile reports whether a part's headers say that it is a DICOM file as it is.
func wholeFile(media, transfer, encoding string) bool {
	if media != "" {
		if m, _, err := mime.ParseMediaType(media); m != typeDICOM || err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			return false
		}
	}
	switch strings.ToLower(transfer) {
	case "", "binary", "8bit", "7bit":
		return encoding == "" || encoding == "identity"
	}
	return false
}

// file takes one file, and reads it to its end whatever becomes of it.
func (in *intake) file(ctx context.Context, r io.Reader) error {
	w := &watched{r: r}
	instance, err := dicom.Read(w, dicom.Limits{Size: in.Limits.File})
	if err != nil && w.err == nil {
		_, _ = io.Copy(io.Discard, w) // its errors are w's
	}
	in.Metrics.bytes.Add(float64(w.n))
	if w.err != nil {
		return w.err
	}
	if refusal, ok := errors.AsType[*dicom.Error](err); ok {
		in.results = append(in.results, refused(instance, refusal.Reason, refusal.Detail))
		return nil
	}
	if err != nil {
		return &ownError{err}
	}
	return in.take(ctx, instance)
}

// take finds the device of an instance that was read, and puts it on its way.
func (in *intake) take(ctx context.Context, i *dicom.Instance) error {
	if in.study != "" && i.Study != in.study {
		in.results = append(in.results, refused(i, dicom.ReasonStudy, "the instance is of another study than the path names"))
		return nil
	}
	unit, err := in.device(ctx, i)
	if err != nil {
		in.results = append(in.results, in.failed(i, err))
		return nil
	}
	text, err := i.Manifest()
	if err != nil {
		return &ownError{err}
	}
	in.results = append(in.results, result{instance: *i})
	in.window = append(in.window, pending{at: len(in.results) - 1, unit: unit, manifest: Manifest{
		Unit: unit, Once: append([]byte("dicom\x00"+string(i.Measured)+"\x00"+i.UID+"\x00"), i.SHA256[:]...), Text: text,
	}})
	if len(in.window) >= atOnce {
		return in.flush(ctx)
	}
	return nil
}

// device finds the device of an instance: the one that the request names, or the
// first that has one of the names in it.
func (in *intake) device(ctx context.Context, i *dicom.Instance) (unit proof.Hash, err error) {
	if in.unit != nil {
		return *in.unit, nil
	}
	for _, name := range i.Device.Names() {
		if unit, err = in.Devices.Find(ctx, Source, name); ledger.CodeOf(err) != ledger.CodeNotFound {
			return unit, err //nolint:wrapcheck // a problem is passed on as it is
		}
	}
	return unit, ledger.Problemf(ledger.CodeNotFound, "no device has a name that is in the instance")
}

// flush makes durable what was read, and enters it in the index.
func (in *intake) flush(ctx context.Context) error {
	var wg sync.WaitGroup
	var broken atomic.Value // what a goroutine panicked with: it ends this request, and not the node
	for n := range in.window {
		p := &in.window[n]
		wg.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					broken.CompareAndSwap(nil, fmt.Sprint(r))
				}
			}()
			p.receipt, p.err = in.Readings.Submit(ctx, p.manifest)
		})
	}
	wg.Wait()
	if r := broken.Load(); r != nil {
		panic(r)
	}
	var images []fact.Image
	var at []int
	for _, p := range in.window {
		r := &in.results[p.at]
		if p.err != nil {
			*r = in.failed(&r.instance, p.err)
			continue
		}
		images, at = append(images, imageOf(&r.instance, p.unit, p.receipt)), append(at, p.at)
	}
	in.window = in.window[:0]
	if len(images) == 0 {
		return nil
	}
	kept, err := in.Images.PutImages(ctx, images)
	if err != nil {
		return &ownError{err}
	}
	for n := range kept {
		in.results[at[n]].take(&kept[n])
	}
	return nil
}

// failed says what became of an instance that could be read and not taken.
func (in *intake) failed(i *dicom.Instance, err error) result {
	switch ledger.CodeOf(err) {
	case ledger.CodeNotFound:
		return refused(i, dicom.ReasonDevice, "no device has the serial number, station name or AE title in the instance: enter one in its inventory, with the source "+Source)
	case ledger.CodeDenied:
		return refused(i, dicom.ReasonDenied, "the device is not in service at this organisation")
	case ledger.CodeBusy, ledger.CodeUnavailable:
		in.fault = err
		return refused(i, dicom.ReasonResources, "the node is busy or starting: send it again")
	case ledger.CodeGone:
		return refused(i, dicom.ReasonProcessing, "this instance was taken before, and erased since")
	}
	in.fault = err
	return refused(i, dicom.ReasonProcessing, "something went wrong here: send it again")
}

package dicom

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/dicom"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/problem"
)

// answer sends the Store Instances Response Module (PS3.18, annex I). cut is what cut
// the request off, if anything did.
func (in *intake) answer(c *gin.Context, cut error) error {
	if in.fault != nil {
		_ = c.Error(in.fault) // for the log
	}
	var taken, failed, other []dicom.Dataset
	busy := 0
	for i := range in.results {
		r := &in.results[i]
		switch {
		case r.reason == 0:
			taken = append(taken, referenced(r))
			continue
		case dicom.ValidUID(r.instance.UID) && dicom.ValidUID(r.instance.Class):
			failed = append(failed, failure(r))
		default:
			other = append(other, failure(r))
		}
		if r.reason == dicom.ReasonResources {
			busy++
		}
	}
	if cut != nil {
		if len(taken)+len(failed) == 0 {
			return bodyError(cut)
		}
		_ = c.Error(cut) // for the log
		other = append(other, failure(&result{reason: dicom.ReasonBroken, detail: "the request broke off here: send again what is not named"}))
	}
	if len(taken)+len(failed)+len(other) == 0 {
		return problem.Malformed("body", "must hold at least one instance")
	}
	status := http.StatusAccepted // every instance that is taken has its warning
	switch {
	case len(taken) > 0:
	case in.fault != nil && busy == len(failed)+len(other):
		d := problem.Of(ledger.Problemf(ledger.CodeBusy, "try again"))
		d.SetHeaders(c.Writer.Header())
		status = d.Status
	default:
		status = problem.Of(ledger.Problemf(ledger.CodeConflict, "none was taken")).Status
	}
	set := dicom.Dataset{"00081190": dicom.Empty("UR")} // where the study can be retrieved: nowhere here
	for tag, items := range map[string][]dicom.Dataset{"00081199": taken, "00081198": failed, "0008119A": other} {
		if len(items) > 0 {
			set[tag] = dicom.Sequence(items...)
		}
	}
	return write(c, status, set)
}

// referenced is an instance that was taken.
func referenced(r *result) dicom.Dataset {
	set := evidence(&r.image)
	set["00081150"] = dicom.Value("UI", r.image.Class)
	set["00081155"] = dicom.Value("UI", r.image.Instance)
	set["00081190"] = dicom.Empty("UR")
	set["00081196"] = dicom.Value("US", int(dicom.WarningDiscarded))
	return set
}

// failure is an instance that was not, or what could not even be read as one.
func failure(r *result) dicom.Dataset {
	set := dicom.Dataset{
		"00081197": dicom.Value("US", int(r.reason)),
		tagCreator: dicom.Value("LO", creator), tagDetail: dicom.Value("ST", r.detail),
	}
	if dicom.ValidUID(r.instance.UID) && dicom.ValidUID(r.instance.Class) {
		set["00081150"] = dicom.Value("UI", r.instance.Class)
		set["00081155"] = dicom.Value("UI", r.instance.UID)
	}
	return set
}

// What is said of an instance beyond the standard's attributes is in a private block
// (PS3.5, section 7.8).
const (
	creator = "SECANT 1"

	tagCreator  = "00710010"
	tagReceipt  = "00711001" // LO: id of the receipt, as at /v1/readings/
	tagDigest   = "00711002" // LO: SHA-256 of the file, hexadecimal
	tagProof    = "00711003" // UR: where its proof is
	tagReceived = "00711004" // DT: by the node's clock
	tagUnit     = "00711005" // LO: the device, as the ledger knows it
	tagOthers   = "00711006" // LO, many: digests of other files with this instance's UID
	tagMeasured = "00711007" // CS: who computed the digest, NODE or SENDER
	tagSize     = "00711008" // DS: bytes of the file
	tagDetail   = "00711009" // ST: of a refusal, what to do
)

// evidence is the private block of an instance.
func evidence(i *fact.Image) dicom.Dataset {
	set := dicom.Dataset{
		tagCreator: dicom.Value("LO", creator), tagReceipt: dicom.Value("LO", i.Receipt), tagDigest: dicom.Value("LO", i.Digest),
		tagProof: dicom.Value("UR", proofOf(i)), tagReceived: dicom.Value("DT", i.Received.UTC().Format("20060102150405.000")+"+0000"),
		tagUnit: dicom.Value("LO", i.Unit), tagMeasured: dicom.Value("CS", measured(i)), tagSize: dicom.Value("DS", i.Size),
	}
	if len(i.Others) > 0 {
		others := make([]any, len(i.Others))
		for n, d := range i.Others {
			others[n] = d
		}
		set[tagOthers] = dicom.Value("LO", others...)
	}
	return set
}

func measured(i *fact.Image) string {
	if i.Measured == string(dicom.BySender) {
		return "SENDER"
	}
	return "NODE"
}

// proofOf is where the proof of an image is. The digest says which, should there be
// others by its UID.
func proofOf(i *fact.Image) string {
	return fmt.Sprintf("%s/%s/series/%s/instances/%s/proof?digest=%s", pathStudies, i.Study, i.Series, i.Instance, i.Digest)
}

// write sends DICOM JSON.
func write(c *gin.Context, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding DICOM JSON: %w", err)
	}
	c.Data(status, typeMetadata, b)
	return nil
}

// timeOf writes a time as JSON bodies of ours have it.
func timeOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

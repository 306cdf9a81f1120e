package coap

import (
	"errors"

	"github.com/fxamacker/cbor/v2"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// details are concise problem details (RFC 9290, section 2).
type details struct {
	Title  string `cbor:"-1,keyasint"`
	Detail string `cbor:"-2,keyasint,omitempty"`
	Code   uint16 `cbor:"-4,keyasint"`
}

// longestDetail bounds what a refusal says: it must fit in one datagram.
const longestDetail = 400

// refuse says no.
func refuse(code codes.Code, o outcome, title, detail string) *reply {
	r := &reply{code: code, outcome: o}
	b, err := cbor.Marshal(details{title, detail[:min(len(detail), longestDetail)], uint16(code)})
	if err == nil { // it always is
		r.number(message.ContentFormat, uint32(cfProblem))
		r.payload = b
	}
	return r
}

// later says that a request may be sent again, after some seconds.
func later(code codes.Code, o outcome, detail string) *reply {
	r := refuse(code, o, "Later", detail)
	r.number(message.MaxAge, 2)
	return r
}

// refusal sorts a problem into what the sender is told.
func refusal(err error) *reply {
	switch ledger.CodeOf(err) {
	case ledger.CodeNotFound:
		return refuse(codes.Forbidden, outcomeAuthority, "Not this source's", "this source has no device of this name: enter it in the device's inventory")
	case ledger.CodeDenied:
		return refuse(codes.Forbidden, outcomeAuthority, "Not allowed", "the device is not in service here, or what is signed is not signed by it")
	case ledger.CodeTooLarge:
		return refuse(codes.RequestEntityTooLarge, outcomePayload, "Too large", detailOf(err))
	case ledger.CodeInvalid:
		return refuse(unprocessable, outcomePayload, "Not in its form", detailOf(err))
	case ledger.CodeGone:
		return refuse(unprocessable, outcomePayload, "Erased", "these readings were taken before, and erased since")
	case ledger.CodeBusy:
		return later(codes.ServiceUnavailable, outcomeQuota, "too much is being received: send it again")
	}
	return later(codes.ServiceUnavailable, outcomeFailed, "whether it was taken is not known: send it again")
}

// unprocessable is 4.22 (RFC 8132).
const unprocessable codes.Code = 4<<5 | 22

// detailOf is what is wrong with readings, and the first place where it is.
func detailOf(err error) string {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok {
		return ""
	}
	if len(p.Faults) == 0 {
		return p.Detail
	}
	return p.Detail + ": " + p.Faults[0].Field + " " + p.Faults[0].Detail
}

// taken says that readings were taken, and by what receipt.
func taken(q *request, code codes.Code, id proof.RequestID) *reply {
	r := &reply{code: code, outcome: outcomeAccepted}
	if code == codes.Created {
		r.add(message.LocationPath, []byte("readings"))
		r.add(message.LocationPath, []byte(id.String()))
	}
	format, asked := q.number(message.Accept)
	if !asked {
		format = uint32(message.AppJSON)
	}
	r.number(message.ContentFormat, format)
	r.payload = []byte(`{"receipt":"` + id.String() + `"}`)
	if format == uint32(message.AppCBOR) {
		r.payload, _ = cbor.Marshal(map[string]string{"receipt": id.String()}) // which cannot fail
	}
	return r
}

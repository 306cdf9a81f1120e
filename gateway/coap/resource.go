package coap

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"slices"
	"strings"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/gateway/source"
	"github.com/secant-platform/secant/gateway/telemetry"
)

const (
	mediaJSON       = "application/json"
	mediaCBOR       = "application/cbor"
	mediaSenML      = "application/senml+json"
	mediaSenMLCBOR  = "application/senml+cbor"
	maxID           = 64 // bytes of a request's name
	wellKnown       = `</readings>;ct="50 60 110 112";rt="secant.readings",</rd>;rt="core.rd oma.lwm2m",</dp>;ct="110 112"`
	pathReadings    = "readings"
	pathRegister    = "rd"
	pathSend        = "dp"
	pathDescription = ".well-known/core"
)

// formats are the content formats in which readings are taken.
var formats = map[uint32]string{
	uint32(message.AppJSON): mediaJSON, uint32(message.AppCBOR): mediaCBOR,
	uint32(message.AppSenmlJSON): mediaSenML, uint32(message.AppSenmlCbor): mediaSenMLCBOR,
}

// answer finds out what a request asks for, and does it.
func (p *peer) answer(ctx context.Context, m *request) *reply {
	if code := m.flaw(); code != 0 {
		return refuse(code, outcomeRequest, "An option", "an option is not understood, too long, or there twice")
	}
	if format, asked := m.number(message.Accept); asked && format != uint32(message.AppJSON) && format != uint32(message.AppCBOR) && m.path() != pathDescription {
		return refuse(codes.NotAcceptable, outcomeRequest, "No such form", "answers are JSON (50) or CBOR (60)")
	}
	if b, _, ok := m.block(message.Block2); !ok || b.number != 0 {
		return refuse(codes.BadRequest, outcomeRequest, "No such block", "answers are of one block")
	}
	query, ok := m.query()
	if !ok {
		return refuse(codes.BadRequest, outcomeRequest, "The query", "each name may be there once")
	}
	path := m.path()
	registration, one := strings.CutPrefix(path, pathRegister+"/")
	posts := m.code == codes.POST
	switch {
	case path == pathReadings && posts, path == pathSend && posts, path == pathRegister && posts, one && posts:
		body, took, r := p.server.blocks.assemble(p.source, p.key, m)
		if r == nil {
			defer p.server.held.Release(took)
			r = p.post(ctx, m, path, registration, query, body)
		}
		if b, there := m.number(message.Block1); there {
			r.number(message.Block1, b)
		}
		return r
	case one && m.code == codes.DELETE:
		return p.deregister(registration)
	case path == pathDescription && m.code == codes.GET:
		r := &reply{code: codes.Content, payload: []byte(wellKnown), outcome: outcomeRequest}
		r.number(message.ContentFormat, uint32(message.AppLinkFormat))
		return r
	case path == pathReadings || path == pathSend || path == pathRegister || one || path == pathDescription:
		return refuse(codes.MethodNotAllowed, outcomeRequest, "Not that", "this is posted to")
	}
	return refuse(codes.NotFound, outcomeRequest, "Nothing here", "there are /readings, /rd, /dp and /.well-known/core")
}

func (p *peer) post(ctx context.Context, m *request, path, registration string, query map[string]string, body []byte) *reply {
	switch path {
	case pathRegister:
		return p.register(ctx, query, body)
	case pathReadings:
		name := query["d"]
		if name == "" {
			name = p.server.registry.only(p.key)
		}
		if name == "" {
			return refuse(codes.BadRequest, outcomeRequest, "No device", "d in the query names the device")
		}
		return p.take(ctx, m, name, query, body, codes.Created)
	case pathSend:
		name := p.server.registry.only(p.key)
		if name == "" { // LwM2M 1.1.1, 6.4.7: who is not registered is not heard
			return refuse(codes.NotFound, outcomeAuthority, "Not registered", "register at /rd first, one device for each address or connection")
		}
		return p.take(ctx, m, name, query, body, codes.Changed)
	}
	return p.update(registration, query)
}

// take makes readings of a device durable.
func (p *peer) take(ctx context.Context, m *request, name string, query map[string]string, body []byte, code codes.Code) *reply {
	format, _ := m.number(message.ContentFormat)
	media, known := formats[format]
	if _, said := m.one(message.ContentFormat); !said || !known || code == codes.Changed && media != mediaSenML && media != mediaSenMLCBOR {
		return refuse(codes.UnsupportedMediaType, outcomePayload, "No such form", "the Content-Format must be 110 or 112 (SenML); of readings also 50 (JSON) or 60 (CBOR)")
	}
	out := Message{MediaType: media, Body: body}
	signed, r := out.read(query)
	if r != nil {
		return r
	}
	s := p.server
	err := source.Patiently(ctx, s.opts.Patience, func() (err error) {
		out.Unit, out.Key, err = s.devices.Find(ctx, p.source, name, signed)
		return err
	})
	if err != nil {
		return p.failed(ctx, err)
	}
	if !signed {
		out.Once = p.once(name, query["id"], body)
	}
	var id proof.RequestID
	err = source.Patiently(ctx, s.opts.Patience, func() (err error) {
		id, err = s.readings.Submit(ctx, out)
		return err
	})
	if err != nil {
		return p.failed(ctx, err)
	}
	return taken(m, code, id)
}

// once is the name of readings that nobody signed: their sender's, or a new one. What
// is sent again under its message id does not come this far.
func (p *peer) once(device, id string, body []byte) []byte {
	if id == "" {
		name := make([]byte, 16)
		_, _ = rand.Read(name) // never fails: crypto/rand
		return name
	}
	digest := sha256.Sum256(body)
	return slices.Concat([]byte(p.source+"\x00coap\x00"+device+"\x00"+id+"\x00"), digest[:])
}

// read reads from the query whom readings are about, which of its requests the device
// says this is, and its signature.
func (out *Message) read(query map[string]string) (signed bool, r *reply) {
	seed, signature := query["seed"], query["sig"]
	if len(query["id"]) > maxID {
		return false, refuse(codes.BadRequest, outcomeRequest, "The query", "id is too long")
	}
	var err error
	if out.Sequence, err = proof.ParseSequence(query["n"], query["made"]); err != nil {
		return false, refuse(codes.BadRequest, outcomeRequest, "The query", "n must be epoch/number in decimal digits, and made milliseconds since 1970")
	}
	if about := query["subject"]; about != "" {
		if out.Subject, err = pseudonym.Parse(about); err != nil {
			return false, refuse(codes.BadRequest, outcomeRequest, "The query", "subject "+pseudonym.Form)
		}
	}
	if seed == "" && signature == "" {
		return false, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(seed)
	if err != nil || len(b) != len(out.Seed) || out.Signature.UnmarshalText([]byte(signature)) != nil {
		return false, refuse(codes.BadRequest, outcomeRequest, "The signature", "seed must be 32 bytes and sig 64, in unpadded base64url")
	}
	copy(out.Seed[:], b)
	return true, nil
}

// failed says why readings were not taken.
func (p *peer) failed(ctx context.Context, err error) *reply {
	r := refusal(err)
	if r.outcome == outcomeFailed && p.server.quiet.May() > 0 {
		p.server.opts.Logger.WarnContext(ctx, "coap request not taken, and not refused: its sender is to repeat it",
			slog.String(telemetry.KeySource, p.source), slog.Any(telemetry.KeyError, err))
	}
	return r
}

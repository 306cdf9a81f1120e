package ingest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/secant-platform/secant/analytics/hl7"
	"github.com/secant-platform/secant/analytics/phd"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/analytics/pseudonym"
	"github.com/secant-platform/secant/gateway/vault"
)

// part is the records of a request that are about one subject, or about nobody who was
// named: then it is all of them.
type part struct {
	subject  pseudonym.ID
	seed     proof.Seed
	storage  storage
	body     []byte     // as received
	plain    []byte     // decompressed; of the last part alone, as long as the worker is the request's
	content  proof.Hash // of body, under seed
	unpacked int        // bytes of the body when decompressed
	first    int        // index of its first record in the request
	count    int
}

// parts finds the parts of a request in its body, and how their records are read.
func (w *worker) parts(req *Request, f format, packed bool, body []byte) ([]part, format, error) {
	w.list = w.list[:0]
	if f.boundary == "" {
		p := part{subject: req.Subject, seed: req.Seed, storage: storageOf(packed), body: body}
		if req.Key == nil {
			_, _ = rand.Read(p.seed[:]) // never fails: crypto/rand
		}
		w.list = append(w.list, p)
		return w.list, f, nil
	}
	wire, err := splitParts(w.wire[:0], body, f.boundary)
	if err != nil {
		return nil, f, err
	}
	w.wire = wire
	for i := range wire {
		field := fmt.Sprintf("parts[%d]", i)
		own, p, err := wire[i].part(field, req.Key != nil)
		if err != nil {
			return nil, f, err
		}
		if own.file != nil {
			return nil, f, unframed(field+".Content-Type", "must be that of readings: a file comes in a request of its own")
		}
		if i > 0 && (own.record != f.record || own.framing != f.framing) {
			return nil, f, unframed(field, "must be of the same Content-Type as the first")
		}
		f = own
		for k := range w.list {
			if w.list[k].subject == p.subject {
				return nil, f, unframed(field, "must be about another subject than the parts before it")
			}
			if w.list[k].seed == p.seed { // erasing one would leave the other's
				return nil, f, unframed(field, "must have another Secant-Seed than the parts before it")
			}
		}
		w.list = append(w.list, p)
	}
	return w.list, f, nil
}

func storageOf(packed bool) storage {
	if packed {
		return storedAsPacked
	}
	return storedRaw
}

// part judges the headers of a part.
func (p *wirePart) part(field string, signed bool) (f format, _ part, err error) {
	none := part{}
	if f, err = parseMediaType(p.mediaType); err != nil || f.boundary != "" {
		return f, none, unframed(field+".Content-Type", "must be that of readings")
	}
	packed, err := parseEncoding(p.encoding)
	if err != nil {
		return f, none, unframed(field+".Content-Encoding", "must be absent or "+EncodingZstd)
	}
	who, err := pseudonym.Parse(p.subject)
	if err != nil {
		return f, none, unframed(field+".Secant-Subject", pseudonym.Form)
	}
	own := part{subject: who, storage: storageOf(packed), body: p.body}
	switch seed, err := base64.RawURLEncoding.Strict().DecodeString(p.seed); {
	case !signed && p.seed != "":
		return f, none, unframed(field+".Secant-Seed", "must not be there without a signature")
	case !signed:
		_, _ = rand.Read(own.seed[:]) // never fails: crypto/rand
	case err != nil || len(seed) != proof.SeedSize || proof.Seed(seed) == (proof.Seed{}):
		return f, none, unframed(field+".Secant-Seed", "must be 32 random bytes in unpadded base64url")
	default:
		own.seed = proof.Seed(seed)
	}
	return f, own, nil
}

// take decompresses, judges and commits to the parts of a request.
func (w *worker) take(f format, parts []part) (count int, root proof.Hash, err error) {
	w.reader.begin(len(parts) > 1)
	total := 0
	for i := range parts {
		p := &parts[i]
		plain := p.body
		if p.storage == storedAsPacked {
			if plain, err = w.unpack(p.body); err != nil {
				return 0, root, err
			}
		}
		if total += len(plain); total > w.limits.Body {
			return 0, root, w.tooLarge()
		}
		p.plain, p.unpacked, p.first = plain, len(plain), w.reader.count
		if err := w.reader.take(f, &p.seed, plain); err != nil {
			return 0, root, err
		}
		if f.hl7 && p.subject == "" {
			p.subject = patientOf(plain)
		}
		if f.record == MediaGATT && p.subject == "" {
			p.subject = wearerOf(f, plain)
		}
		p.count = w.reader.count - p.first
	}
	return w.reader.end()
}

// patientOf names the patient that an HL7 message is about (PID-3), whatever it came by.
// It is nobody when the message is none, or names none or several.
func patientOf(message []byte) pseudonym.ID {
	m, flaw := hl7.Parse(message)
	if flaw != hl7.Sound {
		return ""
	}
	p, _ := m.Patient()
	return pseudonym.OfIdentifier(pseudonym.System(p.Namespace, p.Universal, p.Kind), p.Value)
}

// wearerOf is whom all values of personal devices are about, if each says so.
func wearerOf(f format, plain []byte) pseudonym.ID {
	records := bytes.Lines(plain)
	if f.framing == framedSingle {
		records = slices.Values([][]byte{plain})
	}
	who := ""
	for line := range records {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		m, err := phd.Read(line)
		if err != nil || m.Subject() == "" || who != "" && m.Subject() != who {
			return ""
		}
		who = m.Subject()
	}
	if who == "" {
		return ""
	}
	return pseudonym.OfAddress(who)
}

// told lists the subjects that the sender named, part by part.
func told(parts []part) (subjects []pseudonym.ID) {
	for i := range parts {
		if parts[i].subject != "" {
			subjects = append(subjects, parts[i].subject)
		}
	}
	return subjects
}

// named reports whether parts are about subjects that were named.
func named(parts []part) bool { return parts[0].subject != "" }

// contentOf commits to what was received.
func (w *worker) contentOf(parts []part) proof.Hash {
	w.digests = w.digests[:0]
	for i := range parts {
		p := &parts[i]
		p.content = proof.ContentDigest(&p.seed, sha256.Sum256(p.body))
		w.digests = append(w.digests, p.content)
	}
	return proof.ContentsDigest(w.digests)
}

// blind gives what the vault knows a subject by: nobody without its key can tell whom,
// or test a guess.
func blind(v *vault.Vault, id pseudonym.ID) vault.ID {
	return v.ID([]byte("secant/subject/v1"), []byte(id))
}

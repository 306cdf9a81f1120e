package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
)

// MaxDisclosures bounds what one presentation discloses.
const MaxDisclosures = 64

// The names that RFC 9901, section 4.2, keeps for itself.
const (
	nameDigests = "_sd"
	nameElement = "..."
	nameHash    = "_sd_alg"
)

// undisclosable are claims that an issuer may not leave to the holder to show
// (SD-JWT VC, section 3.2.2.2): without them a token means something else.
var undisclosable = []string{"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "status"}

// disclosure is a claim or an array's element that its holder shows.
type disclosure struct {
	name    string // empty: an element
	value   any
	element bool
	used    bool
}

// discloser puts disclosed claims into their places (RFC 9901, section 7.1).
type discloser struct {
	byDigest map[string]*disclosure
	seen     map[string]struct{} // digests met, which must not occur twice
}

// disclose returns the payload with the disclosures in their places and without
// what only disclosures need. Every disclosure must have exactly one place.
func disclose(payload object, disclosures []string) (object, error) {
	if len(disclosures) > MaxDisclosures {
		return nil, invalid("a presentation has at most %d disclosures", MaxDisclosures)
	}
	if hash, err := payload.text(nameHash); err != nil || hash != "" && hash != "sha-256" {
		return nil, invalid("the credential's digests must be SHA-256")
	}
	d := discloser{byDigest: map[string]*disclosure{}, seen: map[string]struct{}{}}
	for _, text := range disclosures {
		parsed, err := parseDisclosure(text)
		if err != nil {
			return nil, err
		}
		digest := Hash(text)
		if _, twice := d.byDigest[digest]; twice {
			return nil, invalid("a disclosure is there twice")
		}
		d.byDigest[digest] = parsed
	}
	top := object{}
	for name, v := range payload {
		if name != nameHash {
			top[name] = v
		}
	}
	claims, err := d.object(top, true)
	if err != nil {
		return nil, err
	}
	for _, one := range d.byDigest {
		if !one.used {
			return nil, invalid("a disclosure has no place in the credential")
		}
	}
	return claims, nil
}

// Hash returns the base64url SHA-256 of text, as SD-JWTs have it of disclosures
// and of whole presentations ("sd_hash").
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func parseDisclosure(text string) (*disclosure, error) {
	malformed := invalid("a disclosure is not a salt, a name and a value, or a salt and a value")
	b, ok := decodeSegment(text)
	if !ok {
		return nil, malformed
	}
	v, err := parseJSON(b)
	if err != nil {
		return nil, malformed
	}
	list, ok := v.([]any)
	if !ok || len(list) != 2 && len(list) != 3 {
		return nil, malformed
	}
	if _, ok := list[0].(string); !ok {
		return nil, malformed
	}
	if len(list) == 2 {
		return &disclosure{value: list[1], element: true}, nil
	}
	name, ok := list[1].(string)
	if !ok || name == nameDigests || name == nameElement {
		return nil, malformed
	}
	return &disclosure{name: name, value: list[2]}, nil
}

// take returns the disclosure with a digest, and nil when its holder keeps it.
func (d *discloser) take(digest any) (*disclosure, error) {
	s, ok := digest.(string)
	if !ok {
		return nil, invalid("a digest of the credential is no text")
	}
	if _, twice := d.seen[s]; twice {
		return nil, invalid("a digest of the credential is there twice")
	}
	d.seen[s] = struct{}{}
	one := d.byDigest[s]
	if one != nil {
		one.used = true
	}
	return one, nil
}

func (d *discloser) value(v any) (any, error) {
	switch v := v.(type) {
	case object:
		return d.object(v, false)
	case []any:
		return d.array(v)
	}
	return v, nil
}

func (d *discloser) object(o object, top bool) (object, error) {
	out := object{}
	for _, name := range slices.Sorted(maps.Keys(o)) { // in one order, for one fault
		switch name {
		case nameDigests:
			continue
		case nameElement, nameHash:
			return nil, invalid("a name of the credential is reserved")
		}
		v, err := d.value(o[name])
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, d.claims(o, out, top)
}

// claims adds to out what o's digests disclose.
func (d *discloser) claims(o, out object, top bool) error {
	digests, there := o[nameDigests]
	if !there {
		return nil
	}
	list, ok := digests.([]any)
	if !ok {
		return invalid("the credential's digests are no list")
	}
	for _, digest := range list {
		one, err := d.take(digest)
		if err != nil {
			return err
		}
		if one == nil {
			continue
		}
		_, twice := out[one.name]
		if one.element || twice || one.name == nameHash || top && slices.Contains(undisclosable, one.name) {
			return invalid("a disclosure does not fit its place")
		}
		if out[one.name], err = d.value(one.value); err != nil {
			return err
		}
	}
	return nil
}

func (d *discloser) array(list []any) ([]any, error) {
	out := []any{}
	for _, v := range list {
		if o, ok := v.(object); ok && len(o) == 1 {
			if digest, hidden := o[nameElement]; hidden {
				one, err := d.take(digest)
				if err != nil {
					return nil, err
				}
				if one == nil {
					continue
				}
				if !one.element {
					return nil, invalid("a disclosure does not fit its place")
				}
				v = one.value
			}
		}
		v, err := d.value(v)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

package vc

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/hyperledger/aries-framework-go/pkg/doc/presexch"
	"github.com/hyperledger/aries-framework-go/pkg/doc/verifiable"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
)

// Bounds on what Presentation Exchange says.
const (
	maxExchange    = 32 << 10 // bytes of a definition or submission
	maxDescriptors = 16
)

// Definition asks for credentials (Presentation Exchange 2.0, section 5): one for
// each of its input descriptors. aries decides whether a credential fits one.
type Definition struct {
	definition presexch.PresentationDefinition
}

// ParseDefinition reads a presentation definition. One that offers a choice by
// submission requirements is refused: aries does not evaluate them.
func ParseDefinition(b []byte) (*Definition, error) {
	if err := oneMeaning(b); err != nil {
		return nil, err
	}
	d := &Definition{}
	if err := json.Unmarshal(b, &d.definition); err != nil {
		return nil, invalid("the presentation definition has a member of another type")
	}
	descriptors := d.definition.InputDescriptors
	if d.definition.ID == "" || len(descriptors) == 0 || len(descriptors) > maxDescriptors || d.definition.SubmissionRequirements != nil {
		return nil, invalid("a presentation definition has an id, 1 to %d input descriptors and no submission requirements", maxDescriptors)
	}
	ids := map[string]bool{}
	for _, one := range descriptors {
		if one == nil || one.ID == "" || ids[one.ID] {
			return nil, invalid("each input descriptor has an id of its own")
		}
		ids[one.ID] = true
		if one.Constraints != nil && len(one.Constraints.Fields) == 0 {
			return nil, invalid("an input descriptor with constraints names fields") // aries finds that nothing fits others
		}
	}
	if err := d.definition.ValidateSchema(); err != nil { // not wrapped: it repeats the definition
		return nil, invalid("the presentation definition does not follow the schema of Presentation Exchange 2.0")
	}
	return d, nil
}

func oneMeaning(b []byte) error {
	if len(b) > maxExchange {
		return ledger.Problemf(ledger.CodeTooLarge, "a presentation definition or submission has at most %d bytes", maxExchange)
	}
	_, err := verify.ParseObject(b, maxDepth)
	return err
}

// ID returns the definition's id.
func (d *Definition) ID() string { return d.definition.ID }

// Choice is what of a holder's credentials answers a definition.
type Choice struct {
	Credentials []int  // which are to be presented, in this order
	Submission  []byte // the "presentation_submission" that goes with the presentation
}

// Choose finds the first credential that fits each input descriptor, of those that
// the holder has. format is how they will be presented: FormatJWT, all being JWTs,
// or FormatLinked, none being one.
func (d *Definition) Choose(contexts *Contexts, id, format string, credentials ...[]byte) (*Choice, error) {
	c := &Choice{}
	places := map[int]int{}
	s := submission{ID: id, DefinitionID: d.ID()}
	for _, descriptor := range d.definition.InputDescriptors {
		found := -1
		for i, b := range credentials {
			fits, err := d.fits(contexts, descriptor, b)
			if err != nil {
				return nil, err
			}
			if fits {
				found = i
				break
			}
		}
		if found < 0 {
			return nil, ledger.Problemf(ledger.CodeNotFound, "the holder has no credential that is asked for")
		}
		place, there := places[found]
		if !there {
			place = len(c.Credentials)
			places[found] = place
			c.Credentials = append(c.Credentials, found)
		}
		s.Map = append(s.Map, mappingTo(descriptor.ID, format, place))
	}
	var err error
	if c.Submission, err = json.Marshal(s); err != nil {
		return nil, fmt.Errorf("encoding a submission: %w", err)
	}
	return c, nil
}

// submission is "presentation_submission" (Presentation Exchange 2.0, section 6).
type submission struct {
	ID           string    `json:"id"`
	DefinitionID string    `json:"definition_id"`
	Map          []mapping `json:"descriptor_map"`
}

type mapping struct {
	ID     string   `json:"id"`
	Format string   `json:"format"`
	Path   string   `json:"path"`
	Nested *mapping `json:"path_nested,omitempty"`
}

func mappingTo(id, format string, place int) mapping {
	presentation, path := "ldp_vp", "$.verifiableCredential["
	if format == FormatJWT {
		presentation, path = "jwt_vp_json", "$.vp.verifiableCredential["
	}
	return mapping{
		ID: id, Format: presentation, Path: "$",
		Nested: &mapping{ID: id, Format: format, Path: path + strconv.Itoa(place) + "]"},
	}
}

// fits has aries decide whether a credential is what an input descriptor asks for.
// It is told one descriptor and one credential at a time: with several, it tells
// credentials apart by their ids, which they need not have.
func (d *Definition) fits(contexts *Contexts, descriptor *presexch.InputDescriptor, credential []byte) (bool, error) {
	c, err := modelled(contexts, credential)
	if err != nil {
		return false, err
	}
	one := d.definition
	one.InputDescriptors = []*presexch.InputDescriptor{descriptor}
	matched, err := one.MatchSubmissionRequirement([]*verifiable.Credential{c}, contexts)
	if err != nil { // not wrapped: it may repeat the credential
		return false, invalid("the presentation definition cannot be applied to the credential")
	}
	for _, m := range matched {
		for _, answer := range m.Descriptors {
			if len(answer.MatchedVCs) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// modelled hands a credential to aries, whose proof is not looked at. It is without
// its status, of which aries' model has one only: no definition is about that.
func modelled(contexts *Contexts, credential []byte) (*verifiable.Credential, error) {
	var d document
	var err error
	if len(credential) > 0 && credential[0] == '{' {
		d, err = parseDocument(credential)
	} else {
		var claims document
		if _, claims, err = parseJWT(string(credential)); err == nil {
			d, err = claims.credential()
		}
	}
	if err != nil {
		return nil, err
	}
	c, err := d.without("credentialStatus").aries(contexts)
	if err != nil { // not wrapped: it may repeat the credential
		return nil, invalid("the credential does not follow the data model")
	}
	return c, nil
}

// path is where a submission finds a credential in a presentation. Others are not
// evaluated: a JSONPath from outside is a program.
var path = regexp.MustCompile(`^\$(?:\.vp)?\.verifiableCredential(?:\[([0-9]{1,2})\])?$`)

// Match finds what of a verified presentation answers the definition, by the ids of
// its input descriptors. The submission says where to look; that the credential
// there fits is checked here.
func (d *Definition) Match(contexts *Contexts, p *Presentation, b []byte) (map[string]*Verified, error) {
	places, err := d.places(contexts, p.documents, b)
	if err != nil {
		return nil, err
	}
	out := map[string]*Verified{}
	for id, place := range places {
		out[id] = p.Credentials[place]
	}
	return out, nil
}

// Answers checks that a presentation, a JWT or a document, shows what the definition
// asks for, where the submission says: what it shows is for the caller to verify.
func (d *Definition) Answers(contexts *Contexts, presentation string, submission []byte) error {
	documents, err := documentsOf(presentation)
	if err != nil {
		return err
	}
	_, err = d.places(contexts, documents, submission)
	return err
}

// documentsOf lists the credentials of a presentation.
func documentsOf(presentation string) ([]any, error) {
	var shown document
	var err error
	if strings.HasPrefix(presentation, "{") {
		shown, err = parseDocument([]byte(presentation))
	} else {
		var claims document
		if _, claims, err = parseJWT(presentation); err == nil {
			shown, err = claims.object("vp")
		}
	}
	if err != nil {
		return nil, err
	}
	list, ok := shown["verifiableCredential"].([]any)
	if !ok {
		list = []any{shown["verifiableCredential"]}
	}
	return list, nil
}

// places returns where what answers the definition stands among the credentials of a
// presentation, by the ids of its input descriptors.
func (d *Definition) places(contexts *Contexts, documents []any, b []byte) (map[string]int, error) {
	if err := oneMeaning(b); err != nil {
		return nil, err
	}
	var s submission
	if err := json.Unmarshal(b, &s); err != nil || s.DefinitionID != d.ID() || len(s.Map) != len(d.definition.InputDescriptors) {
		return nil, invalid("the submission does not answer the definition")
	}
	places := map[string]mapping{}
	for _, m := range s.Map {
		places[m.ID] = m
	}
	out := map[string]int{}
	for _, descriptor := range d.definition.InputDescriptors {
		m, there := places[descriptor.ID]
		if !there {
			return nil, invalid("the submission does not answer the definition")
		}
		place, err := m.place()
		if err != nil {
			return nil, err
		}
		if place >= len(documents) {
			return nil, invalid("the submission names a credential that is not there")
		}
		credential, err := encoded(documents[place])
		if err != nil {
			return nil, err
		}
		fits, err := d.fits(contexts, descriptor, credential)
		if err != nil {
			return nil, err
		}
		if !fits {
			return nil, invalid("a credential is not what the definition asks for")
		}
		out[descriptor.ID] = place
	}
	return out, nil
}

// place returns which of a presentation's credentials is meant.
func (m mapping) place() (int, error) {
	if m.Nested != nil {
		if m.Path != "$" || m.Nested.Nested != nil {
			return 0, invalid("the submission's path is not understood")
		}
		m = *m.Nested
	}
	found := path.FindStringSubmatch(m.Path)
	if found == nil {
		return 0, invalid("the submission's path is not understood")
	}
	if found[1] == "" {
		return 0, nil
	}
	return strconv.Atoi(found[1])
}

// encoded is one of a presentation's credentials as its issuer made it.
func encoded(credential any) ([]byte, error) {
	if token, ok := credential.(string); ok {
		return []byte(token), nil
	}
	b, err := json.Marshal(credential)
	if err != nil {
		return nil, fmt.Errorf("encoding a credential: %w", err)
	}
	return b, nil
}

package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Format is a form in which a credential is issued, by the names of OpenID4VCI 1.0,
// appendix A.
type Format string

// The formats.
const (
	SDJWT Format = "dc+sd-jwt"   // SD-JWT VC
	JWT   Format = "jwt_vc_json" // W3C credential as a JWT
	LD    Format = "ldp_vc"      // W3C credential with a Data Integrity or linked-data proof
	MDoc  Format = "mso_mdoc"    // ISO/IEC 18013-5
)

// Suite is how a credential in the format LD is signed.
type Suite string

// The suites: the data model 2.0 with its proof, the data model 1.1 with the proof
// that older wallets take, and the one of which a holder shows parts that cannot be
// linked. Credentials of the last are bound to nobody, have no status and end soon.
const (
	RDFC2022 Suite = "eddsa-rdfc-2022"
	Ed25519  Suite = "Ed25519Signature2020"
	BBS      Suite = "BbsBlsSignature2020"
)

// Subject is the kind of whom or what a credential is about.
type Subject string

// The kinds of subject.
const (
	Person Subject = "person"
	Device Subject = "device" // a unit on the ledger
)

// Type is one credential type. It is shared: readers must not change it.
type Type struct {
	// Name is the type's name everywhere: the "vct" of an SD-JWT VC, the last
	// "type" of a W3C credential and the credentialType of the trust registry.
	Name string `json:"name"`
	// Version is that of the schema.
	Version string  `json:"version"`
	Subject Subject `json:"subject"`
	// ByDevice says that its holder is the device itself, by the key that the ledger has
	// of the unit which the claims name.
	ByDevice bool `json:"-"`
	// Issuers are the kinds of organisation that may issue it.
	Issuers []string `json:"issuers"`
	Formats []Format `json:"formats"`
	// Suites are those in which it is issued in the format LD, the usual one first.
	Suites []Suite `json:"suites,omitempty"`
	// DocType names the type as an mdoc, whose one namespace has the same name;
	// empty when it is not issued as one.
	DocType string `json:"docType,omitempty"`
	// W3C are the values of "type" that a W3C credential has, in this order, and
	// Contexts the JSON-LD contexts that it names behind the data model's. The last
	// is the type's own: see Terms.
	W3C      []string `json:"w3c"`
	Contexts []string `json:"contexts"`
	// Life is for how long it is issued unless somebody says otherwise, and MaxLife
	// for how long at most.
	Life    time.Duration `json:"life"`
	MaxLife time.Duration `json:"maxLife"`
	// WithoutStatus is for how long at most it may be issued without a status, by which
	// it could be revoked; 0: never.
	WithoutStatus time.Duration `json:"withoutStatus"`
	// Lasting is for a type of which every credential has a lasting signature beside
	// its own, for those who come when elliptic curves no longer convince: see
	// identity/lasting.
	Lasting bool    `json:"lasting,omitempty"`
	Display Display `json:"display"`
	Claims  []Claim `json:"claims"` // in the order in which they are shown
}

// Claim is one top-level claim.
type Claim struct {
	Name string `json:"name"`
	// Open is for a claim that everyone sees who sees the credential. The holder
	// shows or keeps each of the others, where the format allows it.
	Open bool `json:"open"`
	// Issuer is for a claim that names the organisation behind the issuer by its MSP
	// id, and may name no other.
	Issuer bool `json:"issuer,omitempty"`
	Label  Text `json:"label"`
}

// Display says how wallets show a credential.
type Display struct {
	Name       Text   `json:"name"`
	Background string `json:"background"` // CSS colour, "#rrggbb"
	Foreground string `json:"foreground"` // of text
}

// Text is a short text in the languages of the consortium.
type Text struct {
	En string `json:"en"`
	De string `json:"de"`
	Fr string `json:"fr"`
}

// Locales are the languages in which every text is there, the default first (BCP
// 47).
var Locales = []string{"en", "de", "fr"}

// In returns the text in a language, and in the default for one that is not among
// Locales.
func (t Text) In(locale string) string {
	switch locale {
	case "de":
		return t.De
	case "fr":
		return t.Fr
	}
	return t.En
}

// types holds every type, in the order in which they are listed.
var types = slices.Concat(persons, devices)

// Types lists every type, in a fixed order.
func Types() []*Type { return slices.Clone(types) }

// Find returns the type with that name.
func Find(name string) (*Type, bool) {
	return find(func(t *Type) bool { return t.Name == name })
}

// FindDocType returns the type that is issued as that kind of mdoc.
func FindDocType(docType string) (*Type, bool) {
	return find(func(t *Type) bool { return t.DocType == docType && docType != "" })
}

func find(is func(*Type) bool) (*Type, bool) {
	if i := slices.IndexFunc(types, is); i >= 0 {
		return types[i], true
	}
	return nil, false
}

// Vocabulary begins the names that the types' own contexts give to what they
// define.
const Vocabulary = "https://secant-platform.github.io/credentials#"

// Terms lists the types and claims that the type's own context defines, each as
// Vocabulary with its name behind it. Another of its contexts defines the rest.
func (t *Type) Terms() (types, claims []string) {
	types = []string{t.Name}
	if len(t.Contexts) > 1 {
		return types, nil
	}
	for _, c := range t.Claims {
		claims = append(claims, c.Name)
	}
	return types, claims
}

// In reports whether the type is issued in a format.
func (t *Type) In(f Format) bool { return slices.Contains(t.Formats, f) }

// Signed reports whether the type is issued in the format LD with a suite.
func (t *Type) Signed(s Suite) bool { return slices.Contains(t.Suites, s) }

// By reports whether an organisation of that kind may issue the type.
func (t *Type) By(kind string) bool { return slices.Contains(t.Issuers, kind) }

// Open lists the claims that everyone sees who sees the credential.
func (t *Type) Open() []string { return t.names(true) }

// Hidden lists the claims that the holder shows or keeps one by one.
func (t *Type) Hidden() []string { return t.names(false) }

func (t *Type) names(open bool) []string {
	var names []string
	for _, c := range t.Claims {
		if c.Open == open {
			names = append(names, c.Name)
		}
	}
	return names
}

// Days lists the claims that are calendar days, which an mdoc has as a value of
// their own (RFC 8943).
func (t *Type) Days() []string { return slices.Clone(days()[t]) }

// days holds each type's, as its schema says.
var days = sync.OnceValue(func() map[*Type][]string {
	all := map[*Type][]string{}
	for _, t := range types {
		var schema struct {
			Properties map[string]struct{ Format string }
		}
		if err := json.Unmarshal(t.Schema(), &schema); err != nil {
			panic(fmt.Sprintf("catalogue: the schema of %s: %v", t.Name, err))
		}
		for _, c := range t.Claims {
			if schema.Properties[c.Name].Format == "date" {
				all[t] = append(all[t], c.Name)
			}
		}
	}
	return all
})

// Split parts a credential's claims into those that are open and those that are
// hidden, as sdjwt.Issue takes them. A claim that the type does not know is
// hidden; Validate refuses it.
func (t *Type) Split(claims map[string]any) (open, hidden map[string]any) {
	open, hidden = map[string]any{}, map[string]any{}
	visible := t.Open()
	for name, value := range claims {
		if slices.Contains(visible, name) {
			open[name] = value
		} else {
			hidden[name] = value
		}
	}
	return open, hidden
}

// Publication returns the request by which a member publishes the type's schema
// on the ledger.
func (t *Type) Publication() ledger.PublishSchema {
	return ledger.PublishSchema{CredentialType: t.Name, Version: t.Version, Digest: ledger.BodyDigest(t.Schema())}
}

package catalogue

import (
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

const day = 24 * time.Hour

// The kinds of organisation that issue what.
var (
	hospitals   = []string{ledger.KindHospital}
	authorities = []string{ledger.KindAuthority}
	makers      = []string{ledger.KindManufacturer}
	everyone    = []string{ledger.KindHospital, ledger.KindManufacturer, ledger.KindAuthority}
)

// docTypes begins the names of mdocs (ISO/IEC 18013-5, section 7.1: a reversed
// domain name).
const docTypes = "io.github.secant-platform."

// The suites of types in the format LD. A badge has one only, as Open Badges 3.0 are
// of the data model 2.0.
var (
	linked    = []Suite{RDFC2022, Ed25519}
	unlinked  = []Suite{RDFC2022, Ed25519, BBS}
	badgeOnly = []Suite{RDFC2022}
)

// openBadge is the context of Open Badges 3.0 (section F.1).
const openBadge = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"

// w3c returns the "type" values of a W3C credential of the type.
func w3c(name string) []string { return []string{"VerifiableCredential", name} }

// context returns the address of the type's own context.
func context(name string) string {
	return "https://secant-platform.github.io/credentials/" + name + "/v1"
}

// The names of a person, hidden in every type.
var (
	givenName   = Claim{Name: "given_name", Label: Text{"Given name", "Vorname", "Prénom"}}
	familyName  = Claim{Name: "family_name", Label: Text{"Family name", "Nachname", "Nom de famille"}}
	staffNumber = Claim{Name: "staff_number", Label: Text{"Staff number", "Personalnummer", "Matricule"}}
	employer    = Text{"Organisation", "Organisation", "Organisation"}
)

// persons are the types whose subject is a person.
var persons = []*Type{
	{
		Name: "Patient", Version: "1.0.0", Subject: Person, Issuers: hospitals,
		Formats: []Format{SDJWT, MDoc, JWT, LD}, Suites: unlinked, DocType: docTypes + "patient.1", W3C: w3c("Patient"), Contexts: []string{context("Patient")},
		Life: 365 * day, MaxLife: 2 * 365 * day, WithoutStatus: day,
		Display: Display{Text{"Patient card", "Patientenausweis", "Carte de patient"}, "#0b5d7a", "#ffffff"},
		Claims: []Claim{
			givenName, familyName,
			{Name: "birthdate", Label: Text{"Date of birth", "Geburtsdatum", "Date de naissance"}},
			{Name: "gender", Label: Text{"Administrative gender", "Administratives Geschlecht", "Genre administratif"}},
			{Name: "patient_number", Label: Text{"Patient number", "Patientennummer", "Numéro de patient"}},
			{Name: "insurance_number", Label: Text{"Insurance number", "Versichertennummer", "Numéro d’assuré"}},
			{Name: "age_over_18", Label: Text{"Is of age", "Ist volljährig", "Est majeur"}},
		},
	},
	{
		Name: "Practitioner", Version: "1.0.0", Subject: Person,
		Issuers: []string{ledger.KindHospital, ledger.KindAuthority},
		Formats: []Format{SDJWT, MDoc, JWT, LD}, Suites: unlinked, DocType: docTypes + "practitioner.1", W3C: w3c("Practitioner"), Contexts: []string{context("Practitioner")},
		Life: 180 * day, MaxLife: 365 * day, WithoutStatus: day,
		Display: Display{Text{"Health professional", "Heilberufsausweis", "Professionnel de santé"}, "#1c4f33", "#ffffff"},
		Claims: []Claim{
			{Name: "profession", Open: true, Label: Text{"Profession", "Beruf", "Profession"}},
			{Name: "organisation", Open: true, Label: employer},
			givenName, familyName,
			{Name: "speciality", Label: Text{"Speciality", "Fachgebiet", "Spécialité"}},
			{Name: "licence_number", Label: Text{"Licence number", "Zulassungsnummer", "Numéro de licence"}},
			{Name: "licence_authority", Label: Text{"Licensed by", "Zugelassen durch", "Autorité de licence"}},
			{Name: "licence_until", Label: Text{"Licence ends", "Zulassung endet", "Fin de la licence"}},
		},
	},
	{
		// What a person may do on a node follows from "role": its values are those of
		// the gateway's roles that persons have, and the two clinical ones.
		Name: "StaffRole", Version: "1.0.0", Subject: Person, Issuers: everyone,
		Formats: []Format{SDJWT, JWT, LD}, Suites: unlinked, W3C: w3c("StaffRole"), Contexts: []string{context("StaffRole")},
		Life: 7 * day, MaxLife: 31 * day, WithoutStatus: day,
		Display: Display{Text{"Staff role", "Dienstrolle", "Fonction"}, "#3b2f63", "#ffffff"},
		Claims: []Claim{
			{Name: "role", Open: true, Label: Text{"Role", "Rolle", "Rôle"}},
			{Name: "organisation", Open: true, Issuer: true, Label: employer},
			givenName, familyName, staffNumber,
			{Name: "department", Label: Text{"Department", "Abteilung", "Service"}},
		},
	},
	{
		// Open Badges 3.0, section B.1: the claims are those of an AchievementSubject.
		Name: "TrainingBadge", Version: "1.0.0", Subject: Person, Issuers: everyone,
		Formats: []Format{SDJWT, JWT, LD}, Suites: badgeOnly, W3C: []string{"VerifiableCredential", "OpenBadgeCredential", "TrainingBadge"},
		Contexts: []string{openBadge, context("TrainingBadge")},
		Life:     2 * 365 * day, MaxLife: 5 * 365 * day, WithoutStatus: day,
		Display: Display{Text{"Training badge", "Schulungsnachweis", "Badge de formation"}, "#8a5a00", "#ffffff"},
		Claims: []Claim{
			{Name: "achievement", Open: true, Label: Text{"Training", "Schulung", "Formation"}},
			{Name: "type", Open: true, Label: Text{"Kind", "Art", "Type"}},
			{Name: "activityEndDate", Label: Text{"Passed on", "Bestanden am", "Réussie le"}},
			{Name: "role", Label: Text{"Role", "Rolle", "Rôle"}},
			{Name: "result", Label: Text{"Result", "Ergebnis", "Résultat"}},
		},
	},
	statement(ledger.CredentialAssessor, authorities, Text{"Device assessor", "Geräteprüfer", "Évaluateur de dispositifs"}),
	statement(ledger.CredentialReleaser, everyone, Text{"Device releaser", "Gerätefreigabe", "Libération de dispositifs"}),
}

// statement is a type whose holders sign statements for the ledger, which takes
// SD-JWT VCs only. Nothing of it is open: a statement discloses nothing.
func statement(name string, issuers []string, label Text) *Type {
	return &Type{
		Name: name, Version: "1.0.0", Subject: Person, Issuers: issuers,
		Formats: []Format{SDJWT}, W3C: w3c(name), Contexts: []string{context(name)},
		Life: 8 * time.Hour, MaxLife: 31 * day, WithoutStatus: day,
		Display: Display{label, "#6b1d1d", "#ffffff"},
		Claims:  []Claim{givenName, familyName, staffNumber},
	}
}

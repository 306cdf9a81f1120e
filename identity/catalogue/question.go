package catalogue

import "slices"

// Question is something that a node asks wallets for anybody who wants to know, and
// whose answer names nobody: it is about whoever answers.
type Question struct {
	Name   string
	Label  Text
	Type   string // of the credential that answers it
	Claims []Asked
}

// Asked is a claim that an answer shows.
type Asked struct {
	Name   string
	Values []any // any of these; nil: whatever it is
}

// questions are all, in the order in which they are listed. None asks for a claim by
// which somebody could be found.
var questions = []Question{
	{
		Name: "physician", Type: "Practitioner", Claims: []Asked{{"profession", []any{"physician"}}, {"licence_authority", nil}},
		Label: Text{"Is a licensed physician, and by which authority", "Ist approbierte Ärztin oder approbierter Arzt, und durch welche Behörde", "Est médecin autorisé, et par quelle autorité"},
	},
	{
		Name: "health-professional", Type: "Practitioner", Claims: []Asked{{"profession", nil}},
		Label: Text{"Has a health profession, and which", "Hat einen Gesundheitsberuf, und welchen", "Exerce une profession de santé, et laquelle"},
	},
	{
		Name: "patient", Type: "Patient",
		Label: Text{"Is a patient of the issuing hospital", "Ist bei dem ausstellenden Spital in Behandlung", "Est patient de l’hôpital émetteur"},
	},
	{
		Name: "adult-patient", Type: "Patient", Claims: []Asked{{"age_over_18", []any{true}}},
		Label: Text{"Is a patient who is of age", "Ist in Behandlung und volljährig", "Est un patient majeur"},
	},
	{
		Name: "staff", Type: "StaffRole", Claims: []Asked{{"organisation", nil}},
		Label: Text{"Works for a member, and for which", "Arbeitet für ein Mitglied, und für welches", "Travaille pour un membre, et pour lequel"},
	},
}

// Questions lists the questions, in a fixed order.
func Questions() []Question { return slices.Clone(questions) }

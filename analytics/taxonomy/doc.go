// Package taxonomy keeps vocabularies that reports are sorted by (ATT&CK, CAPEC, MISP's
// taxonomies and galaxies, lists of one's own), says what in one corresponds to what in
// another, which nodes a text speaks of, and which terms recur in reports and stand in
// none of them.
//
// It is pure: a vocabulary has a digest, and the same text, vocabularies and model give
// the same labels. It refuses to take a common word for a name, and to adopt a term: it
// proposes one, with the reports and sentences that speak for it.
package taxonomy

// Package fhir reads HL7 FHIR resources of release 4 (4.0.1) as JSON: it judges
// them, finds what they can be searched by, and adds to the bytes received what a
// server adds to them (id, version, time), without writing them anew. It stores
// nothing, fetches nothing and knows no HTTP.
//
// A resource is judged by the rules of this package, which know the types that a
// node takes, and by FHIR's own JSON schema where a node has that: the schema knows
// every element of every type, the rules know what it cannot say, such as that a
// number keeps its form, that a choice is made once, and that what is contained is
// referred to.
package fhir

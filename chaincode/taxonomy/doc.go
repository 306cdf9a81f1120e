// Package taxonomy is the contract of the consortium's vocabularies: what the
// members call threats, version by version. A node comes, changes and is deprecated,
// and a version of a document from elsewhere is taken over, only as a majority
// votes; the votes are cast with the contract "identity", as all are. Every version
// stays as it was.
package taxonomy

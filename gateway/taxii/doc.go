// Package taxii serves STIX objects by TAXII 2.1: discovery, one API root, collections,
// manifests, objects, versions and the status of what was handed in. Pages go on by the
// time at which objects were added, of which no two have the same, so that nothing has
// to be remembered between two of them.
//
// Clauses are those of the OASIS standard of 10 June 2021.
package taxii

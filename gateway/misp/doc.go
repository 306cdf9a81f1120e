// Package misp speaks enough of MISP's REST interface that PyMISP and another MISP's
// synchronisation push events to a node, pull them and search them. An event that is
// handed in becomes STIX objects beside it; a report that a member shared is an event
// here as well.
//
// Its address for others is the node's with Path behind it; the key is a token of the
// node's, as it stands (Authorization: TOKEN).
package misp

// Package misp speaks enough of MISP's REST interface that PyMISP and another MISP's
// synchronisation push events to a node, pull and search them, tag and delete them, and
// say what was seen of them. An event that is handed in becomes STIX objects beside it; a
// report that a member shared is an event here as well, and what is seen of it is told
// that member.
//
// Its address for others is the node's with Path behind it; the key is a token of the
// node's, as it stands (Authorization: TOKEN).
package misp

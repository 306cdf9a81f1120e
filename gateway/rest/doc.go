// Package rest is the node's own HTTP interface, /v1: it decodes and bounds
// requests, asks the rest of the node through small interfaces that it declares
// itself, and encodes the answers. Rules of the consortium are the ledger's, and
// what a caller may do is decided by gateway/auth.
//
// Most of it is declared through huma, which gives strict decoding and the
// OpenAPI document; bodies that are large or must keep their bytes stream past
// it on Gin and are described by hand.
package rest

// Package hsm keeps private keys in a hardware security module, or anything else
// that speaks PKCS #11 (OASIS PKCS #11 3.0). Keys are made in the token, cannot
// leave it, and are found by their label, "secant/<purpose>/<generation>". Only
// what imports this package loads a module, which is native code: without cgo, or
// not on a Unix, Open says that it is not there.
package hsm

// Package wallet holds the keys and the credentials of one person in a directory,
// encrypted, and presents them to who asks. It is for those who have no wallet of
// another maker. Keys are made in it and never leave it: others sign with them
// through keys.Signer. It judges no issuer: what it is given, it keeps.
package wallet

// Package keys holds private keys and signs with them: one interface, whether a
// key lies in a file, in a key store or in a hardware module. It makes signatures
// in the forms of JOSE; what others signed is judged elsewhere.
package keys

// Package identity is the contract of the consortium's members: each registers
// its own row and changes nobody else's.
package identity

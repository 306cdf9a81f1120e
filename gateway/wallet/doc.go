// Package wallet is the command `secant wallet`: a holder's keys and credentials
// on a command line. It shows what an issuer offers and what a verifier asks, has
// the person agree, and leaves the rest to identity/wallet.
package wallet

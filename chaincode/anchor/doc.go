// Package anchor is the contract of integrity logs: each organisation has one
// stream of checkpoints, and the peers that endorse an anchor have checked that
// the log only grew since the anchor before.
package anchor

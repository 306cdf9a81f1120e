// Package anchor is the contract of integrity logs: each organisation has one
// live stream of checkpoints, and the peers that endorse an anchor have checked
// that the log only grew since the anchor before. A stream whose log is lost is
// succeeded by another when a majority of the members approves.
package anchor

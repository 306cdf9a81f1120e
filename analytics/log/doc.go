// Package log keeps an organisation's append-only integrity log: an RFC 6962
// tree of salted commitments in C2SP tlog-tiles form, with a signed checkpoint
// about once a second. It knows nothing of what an entry stands for.
//
// It refuses to go on with a tree that is smaller than what it once published
// or anchored: a log that was restored from a backup would sign a second
// history.
package log

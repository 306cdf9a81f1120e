// Package vctest is for tests in which other people's verifiers judge what an issuer
// made: it drives them, in whatever room the issuer is.
package vctest

import (
	"testing"

	"github.com/secant-platform/secant/identity/peertest"
)

// Peer is the installed verifiers: @digitalbazaar/vc with its suites, and
// @mattrglobal/jsonld-signatures-bbs.
type Peer struct{ peer peertest.Peer }

// Result is what they say of one document.
type Result struct {
	OK    bool
	Error string
}

// Install installs them from the folder "testdata/<folder>" of the test, or of
// another room's where the folder leads there; see peertest.Install for when the test
// is skipped.
func Install(t *testing.T, folder string) Peer {
	t.Helper()
	return Peer{peertest.Install(t, "vc", folder)}
}

// Judge has them do the jobs, as the program in the folder has them.
func (p Peer) Judge(t *testing.T, jobs ...map[string]any) []Result {
	t.Helper()
	return peertest.Do[Result](t, p.peer, jobs...)
}

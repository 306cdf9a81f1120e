package session_test

import (
	"crypto/ed25519"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/session"
)

// TestAUsedProofIsRememberedAcrossAStart: a request that somebody took down serves no
// second time, although the node ended in between, however it ended.
func TestAUsedProofIsRememberedAcrossAStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var o session.Options
	w := newWorld(t, func(in *session.Options) { in.Used = dir; o = *in })
	start := func() {
		t.Helper()
		var err error
		if w.sessions, err = session.New(o); err != nil {
			t.Fatal(err)
		}
		public, _ := w.node.Public().(ed25519.PublicKey)
		w.verifier = auth.NewVerifier(org, public, nobody{})
		w.verifier.Ask(w.sessions)
	}
	g := w.signIn()
	use := func() *http.Request {
		t.Helper()
		r := w.request(w.key, http.MethodGet, "/v1/units", g.AccessToken)
		if _, err := w.verifier.Request(r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	var all []*http.Request
	for range 3 {
		all = append(all, use())
	}
	start() // without an end, as after a crash
	for _, r := range all {
		_, err := w.verifier.Request(r)
		wantRefused(t, "a proof that was used before the start", err)
	}
	all = append(all, use())
	if err := w.sessions.Close(); err != nil {
		t.Fatal(err)
	}
	// A mark that was not written whole is none, and the next one is.
	for _, name := range []string{"used-0", "used-1"} {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := f.Stat(); err == nil && s.Size() > 0 {
			_, err = f.Write([]byte("torn"))
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	start()
	w.advance(50 * time.Second)
	all = append(all, use())
	start()
	for _, r := range all[3:] {
		_, err := w.verifier.Request(r)
		wantRefused(t, "a proof that was used before another start", err)
	}
	// Through the turns of the generations; a proof is too old by then, and so are its marks.
	for range 10 {
		w.advance(50 * time.Second)
		r := use()
		start()
		_, err := w.verifier.Request(r)
		wantRefused(t, "a proof that was used before a later start", err)
	}
	for _, name := range []string{"used-0", "used-1"} {
		if s, err := os.Stat(filepath.Join(dir, name)); err != nil || s.Size() > 8+16*8 {
			t.Errorf("%s grows without end: %v", name, err)
		}
	}
	// What cannot be written down is not let pass.
	if err := w.sessions.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := w.use(g.AccessToken)
	wantCode(t, "when no mark can be kept", err, "unavailable")
}

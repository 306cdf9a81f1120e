package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secant-platform/secant/analytics/proof/prooftest"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// TestTrustFileIsReadAnew changes the file under a reader: it takes over what is
// good, keeps what it has through what is not, and says so once.
func TestTrustFileIsReadAnew(t *testing.T) {
	trust := prooftest.New(t, "hospital-north", "hospital-south", "authority").Trust()
	path := filepath.Join(t.TempDir(), "trust.json")
	write := func(content []byte) {
		t.Helper()
		// Beside its place and then moved there, as the commands do.
		if err := os.WriteFile(path+".new", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write(encode(t, trust))
	synctest.Test(t, func(t *testing.T) {
		file, err := openTrust(path)
		if err != nil {
			t.Fatal(err)
		}
		log := &syncBuffer{}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = file.Run(ctx, slog.New(slog.NewTextHandler(log, nil))) }()
		pass := func() {
			time.Sleep(3 * trustLook)
			synctest.Wait()
		}
		needed := func() int {
			e, ok := file.Trust().At(prooftest.Now.Add(time.Hour))
			if !ok {
				t.Fatal("no epoch")
			}
			return e.Needed()
		}
		if pass(); needed() != 2 || log.String() != "" {
			t.Errorf("%d needed, log: %s", needed(), log)
		}
		if _, err := trust.Next(prooftest.Now, func(e *ledger.TrustEpoch) { e.Policy = ledger.PolicyOutOf(3) }); err != nil {
			t.Fatal(err)
		}
		write(encode(t, trust))
		if pass(); needed() != 3 || !strings.Contains(log.String(), "trust file read anew") {
			t.Errorf("%d needed, log: %s", needed(), log)
		}
		for _, broken := range []func(){
			func() { write([]byte("{")) },
			func() { write([]byte(`{"v":1,"channel":"c","chaincode":"c","epochs":[]}`)) },
			func() { _ = os.Remove(path) },
		} {
			said := len(log.String())
			broken()
			if pass(); needed() != 3 || strings.Count(log.String()[said:], "not usable") != 1 {
				t.Errorf("%d needed, log: %s", needed(), log)
			}
		}
		if _, err := trust.Next(prooftest.Now, func(e *ledger.TrustEpoch) { e.Policy = ledger.PolicyMajority }); err != nil {
			t.Fatal(err)
		}
		write(encode(t, trust))
		if pass(); needed() != 2 {
			t.Errorf("%d needed, log: %s", needed(), log)
		}
	})
}

func encode(t *testing.T, trust *ledger.Trust) []byte {
	t.Helper()
	b, err := json.Marshal(trust)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func built(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secantcc")
	if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPackageIDBindsTheProgramAndNothingElse(t *testing.T) {
	t.Parallel()
	first := built(t, "the code")
	a, err := Pack("secant", first)
	if err != nil {
		t.Fatal(err)
	}
	// Another organisation: another folder, another time, another mode.
	second := built(t, "the code")
	old := time.Unix(1, 0)
	if err := os.Chtimes(second, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(second, 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := Pack("secant", second)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != b.ID || a.Version != b.Version {
		t.Errorf("%s and %s", a.ID, b.ID)
	}
	// Pinned: a change of the packing alone would ask every organisation for a
	// new approval of the same code. (A release of Go may change its compression.)
	const want = "secant:914d32e9e46916446a65a9ed3e0f1679b1b502567e5c9a9513d868ef6d605e9f"
	if a.ID != want {
		t.Errorf("the package id is %s, was %s", a.ID, want)
	}
	c, err := Pack("secant", built(t, "the code, changed"))
	if err != nil {
		t.Fatal(err)
	}
	if c.ID == a.ID || c.Version == a.Version {
		t.Error("changed code has the same id or version")
	}
}

func TestPackageIsOneThatFabricReads(t *testing.T) {
	t.Parallel()
	p, err := Pack("secant", built(t, "the code"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := chaincode.PackageID(bytes.NewReader(p.bytes))
	if err != nil || id != p.ID {
		t.Errorf("Fabric's id is %s, %v; ours %s", id, err, p.ID)
	}
	meta, code, err := chaincode.ParseChaincodePackage(p.bytes)
	if err != nil || meta.Type != packageType || len(code) == 0 {
		t.Errorf("%+v, %d bytes of code, %v", meta, len(code), err)
	}
	if _, err := Pack("secant", filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("packed a program that is not there")
	}
}

func TestAgainTriesUntilItWorksOrTimeIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		tries := 0
		err := again(ctx, "asking", func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		if err != nil || tries != 3 {
			t.Errorf("%d tries, %v", tries, err)
		}
		lost := errors.New("nobody answers")
		err = again(ctx, "asking the peer", func(context.Context) error { return lost })
		if !errors.Is(err, lost) || !strings.Contains(err.Error(), "asking the peer") {
			t.Errorf("got %v", err)
		}
	})
}

func TestOneHangingAttemptDoesNotUseUpTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		tries := 0
		err := again(ctx, "asking", func(ctx context.Context) error {
			if tries++; tries == 1 {
				<-ctx.Done() // a call whose answer was lost
				return ctx.Err()
			}
			return nil
		})
		if err != nil || tries != 2 {
			t.Errorf("%d tries, %v", tries, err)
		}
	})
}

func TestDetailRepeatsWhatPeersSaid(t *testing.T) {
	t.Parallel()
	s, err := status.New(codes.Aborted, "failed to endorse").WithDetails(
		&gateway.ErrorDetail{Address: "127.0.0.1:7030", MspId: "hospital-north", Message: "chaincode is not there"})
	if err != nil {
		t.Fatal(err)
	}
	got := detail(s.Err())
	if !strings.Contains(got.Error(), "127.0.0.1:7030 (hospital-north): chaincode is not there") || !errors.Is(got, s.Err()) {
		t.Errorf("got %v", got)
	}
	plain := errors.New("plain")
	if got := detail(plain); got != plain { //nolint:errorlint // the very same
		t.Errorf("got %v", got)
	}
}

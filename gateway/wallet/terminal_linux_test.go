package wallet_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/secant-platform/secant/gateway/wallet"
)

// terminal opens a terminal: what is written to typist is typed, and what the
// terminal shows is read from it.
func terminal(t *testing.T) (typist, terminal *os.File) {
	t.Helper()
	typist, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("there are no terminals here: " + err.Error())
	}
	t.Cleanup(func() { _ = typist.Close() })
	if err := unix.IoctlSetPointerInt(int(typist.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(typist.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skip("there are no terminals here: " + err.Error())
	}
	return typist, terminal
}

// TestAPassphraseIsNotShown on the terminal at which it is typed.
func TestAPassphraseIsNotShown(t *testing.T) {
	if os.Getenv("SECANT_WALLET_PASSPHRASE") != "" {
		t.Skip("SECANT_WALLET_PASSPHRASE says it beforehand")
	}
	typist, screen := terminal(t)
	home := t.TempDir()
	c := wallet.Command(&home)
	c.SetArgs([]string{"create", "--key-file", ""})
	c.SetIn(screen)
	c.SetOut(screen)
	c.SetErr(screen)
	seen := make(chan string)
	asked := make(chan struct{})
	go func() {
		var all strings.Builder
		buffer := make([]byte, 1024)
		for {
			n, err := typist.Read(buffer)
			before := strings.Contains(all.String(), "Passphrase: ")
			all.Write(buffer[:n])
			if !before && strings.Contains(all.String(), "Passphrase: ") {
				close(asked)
			}
			if err != nil { // the terminal is closed
				seen <- all.String()
				return
			}
		}
	}()
	done := make(chan error)
	go func() { done <- c.ExecuteContext(t.Context()) }()
	<-asked
	// A person types some time after the question.
	for begin := time.Now(); time.Since(begin) < 2*time.Second; time.Sleep(10 * time.Millisecond) {
		mode, err := unix.IoctlGetTermios(int(typist.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		if mode.Lflag&unix.ECHO == 0 {
			break
		}
	}
	if _, err := io.WriteString(typist, "correct horse battery\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	_ = screen.Close()
	if shown := <-seen; strings.Contains(shown, "horse") || !strings.Contains(shown, "There is an empty wallet") {
		t.Errorf("shown: %q", shown)
	}
}

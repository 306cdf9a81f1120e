package storetest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/secant-platform/secant/gateway/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDatabasesAreApart: what one holds is not in another, both sort by bytes, and one
// that was dropped is gone though somebody has it open.
func TestDatabasesAreApart(t *testing.T) {
	places := [2]string{}
	drops := [2]func(){}
	conns := [2]*pgx.Conn{}
	for i := range places {
		places[i], drops[i] = storetest.Database(t)
		var err error
		if conns[i], err = pgx.Connect(t.Context(), places[i]); err != nil {
			t.Fatal(err)
		}
		defer conns[i].Close(t.Context())
		var encoding string
		var sorted bool
		err = conns[i].QueryRow(t.Context(), "SELECT current_setting('server_encoding'), 'a' > 'Z'").Scan(&encoding, &sorted)
		if err != nil || encoding != "UTF8" || !sorted {
			t.Errorf("%s, %v, %v", encoding, sorted, err)
		}
		if _, err := conns[i].Exec(t.Context(), "CREATE TABLE t (n INTEGER PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conns[0].Exec(t.Context(), "INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conns[1].QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v", n, err)
	}
	for _, drop := range drops {
		drop()
	}
	if c, err := pgx.Connect(t.Context(), places[0]); err == nil {
		c.Close(t.Context())
		t.Error("a dropped database is there")
	}
}

// child has a process of this test say where its database is, and wait.
const child = "SECANT_STORETEST_CHILD"

// TestTheServerEndsWithItsProcess, also with one that is killed.
func TestTheServerEndsWithItsProcess(t *testing.T) {
	if os.Getenv(child) != "" {
		place, _ := storetest.Database(t)
		fmt.Printf("\n%s\n", place)
		select {}
	}
	_, drop := storetest.Database(t) // or skip
	drop()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheServerEndsWithItsProcess$", "-test.v=false")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var place string
	for lines := bufio.NewScanner(out); place == "" && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "postgres://") {
			place = lines.Text()
		}
	}
	config, err := pgx.ParseConfig(place)
	if err == nil {
		_, err = os.Stat(config.Host + "/data/postmaster.pid")
	}
	if err != nil {
		t.Errorf("the server at %q: %v", place, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	for end := time.Now().Add(time.Minute); err == nil; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(config.Host); os.IsNotExist(err) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("its folder is there a minute after its process was killed")
		}
	}
	if c, err := pgx.Connect(t.Context(), place); err == nil {
		c.Close(t.Context())
		t.Error("it serves on")
	}
}

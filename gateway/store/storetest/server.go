package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience bounds each thing that is asked of the server; all take well under a second
// on an idle machine.
const patience = 2 * time.Minute

// keeper makes a server in $2/data with the programs in $1, says so in one line, and
// ends it and removes $2 when its input does: at the end of the process that holds the
// other end, however that ends. The server listens in $2 alone, where its user and root
// get, so that it asks for no password. Nothing of it outlives the process, so that it
// never waits for the disk.
const keeper = `
trap '"$1/pg_ctl" stop -D "$2/data" -m immediate >>"$2/log" 2>&1; cd /; rm -rf "$2"' EXIT
cd "$2" &&
"$1/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >log 2>&1 &&
cat >>data/postgresql.conf <<-END &&
	listen_addresses = ''
	unix_socket_directories = '$2'
	fsync = off
	synchronous_commit = off
	full_page_writes = off
	max_connections = 400
	shared_buffers = 64MB
	END
"$1/pg_ctl" start -D data -w -t 60 -l log >>log 2>&1 &&
echo ready && read -r _
cat log
`

// server is a running server.
type server struct {
	dir   string // of its socket
	input io.WriteCloser
	last  atomic.Int64 // the number of the newest database
}

// running is the one server of this process, which the first test that needs it starts.
var running = sync.OnceValues(start)

var errAbsent = errors.New("PostgreSQL is not installed (Debian's package postgresql-15 is enough)")

// Database is a fresh, empty database of this process's server, as the URL by which a
// store is opened, and what drops it. The test is skipped where PostgreSQL is not
// installed.
func Database(tb testing.TB) (place string, drop func()) {
	tb.Helper()
	s, err := running()
	if errors.Is(err, errAbsent) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", s.last.Add(1))
	if err := s.exec("CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"); err != nil {
		tb.Fatal(err)
	}
	return s.url(name), func() {
		tb.Helper()
		if err := s.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
	}
}

// url is where a database is found, whatever the environment says of others.
func (s *server) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/" + database,
		RawQuery: url.Values{"host": {s.dir}, "port": {"5432"}, "sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// exec has one statement done by the server's own database.
func (s *server) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience) //nolint:forbidigo // databases are dropped when the test's context is over
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// start starts a server that ends with this process.
func start() (*server, error) {
	programs, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "secant-postgres-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.start(programs); err != nil {
		return nil, errors.Join(fmt.Errorf("starting PostgreSQL in %s: %w", dir, err), os.RemoveAll(dir))
	}
	return s, nil
}

func (s *server) start(programs string) error {
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", programs, s.dir) //nolint:noctx,gosec // it ends with its input; the programs are the system's
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	if err := apart(cmd, s.dir); err != nil {
		return err
	}
	var err error
	if s.input, err = cmd.StdinPipe(); err != nil {
		return err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if line == "ready\n" {
		return said.Close() // what it says at its end is for nobody
	}
	rest, _ := io.ReadAll(io.LimitReader(said, 4<<10))
	return errors.Join(fmt.Errorf("it says: %s%s", line, rest), err, s.input.Close(), cmd.Wait())
}

// programs is the folder of the newest PostgreSQL that is installed: where Debian has
// it, or where the path leads.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
			if len(a) != len(b) { // version 9 is older than 15
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})), nil
	}
	file, err := exec.LookPath("initdb")
	if err != nil {
		return "", errAbsent
	}
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return "", err
	}
	return filepath.Dir(file), nil
}

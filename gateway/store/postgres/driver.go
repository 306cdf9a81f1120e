package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

//go:embed functions.sql
var functions string

// IsURL reports whether a place where a store may be is a PostgreSQL database.
func IsURL(place string) bool {
	return strings.HasPrefix(place, "postgres://") || strings.HasPrefix(place, "postgresql://")
}

// Open makes a pool of connections to the database of a URL, in the form of PostgreSQL's
// own client library. Settings are those of each session. No error repeats the URL,
// in which there may be a password.
func Open(url string, settings map[string]string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the URL of the database cannot be read: it has the form postgres://user@host:port/database")
	}
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	return sql.OpenDB(connector{stdlib.GetConnector(*config)}), nil
}

// Run runs a migration on a connection, within the transaction that is open on it.
func Run(ctx context.Context, conn *sql.Conn, text string) error {
	return run(ctx, conn, script(text))
}

// Prepare makes what translated statements rely on, once for a database.
func Prepare(ctx context.Context, conn *sql.Conn) error { return run(ctx, conn, functions) }

func run(ctx context.Context, on *sql.Conn, text string) error {
	return on.Raw(func(c any) error {
		own, ok := c.(*conn)
		if !ok {
			return fmt.Errorf("a connection of %T is not one of PostgreSQL", c)
		}
		_, err := own.Conn.Conn().PgConn().Exec(ctx, text).ReadAll()
		return err
	})
}

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	got, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	own, ok := got.(*stdlib.Conn)
	if !ok {
		return nil, fmt.Errorf("a connection of %T is not one of pgx", got)
	}
	return &conn{own}, nil
}

// conn translates what it is asked; pgx prepares each text once on a connection.
type conn struct{ *stdlib.Conn }

// CheckNamedValue gives SQLite's types to what is handed in: there is no boolean. Text
// of PostgreSQL's is UTF-8 without NUL: what is not becomes U+FFFD. It is by such text
// that things are found; what came stands beside it in bytes, as it came.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	value, err := driver.DefaultParameterConverter.ConvertValue(v.Value)
	if err != nil {
		return fmt.Errorf("the argument %d: %w", v.Ordinal, err)
	}
	switch x := value.(type) {
	case bool:
		value = int64(0)
		if x {
			value = int64(1)
		}
	case string:
		value = strings.ReplaceAll(strings.ToValidUTF8(x, "\uFFFD"), "\x00", "\uFFFD")
	}
	v.Value = value
	return nil
}

func (c *conn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return &stmt{c, query}, nil
}

func (c *conn) Prepare(query string) (driver.Stmt, error) { return &stmt{c, query}, nil }

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(ctx, translated(query, args), args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(ctx, translated(query, args), args)
}

// stmt is a text: what it is in PostgreSQL depends on its arguments.
type stmt struct {
	conn  *conn
	query string
}

func (s *stmt) Close() error { return nil }

func (s *stmt) NumInput() int { return -1 } // the server counts them

func (s *stmt) CheckNamedValue(v *driver.NamedValue) error { return s.conn.CheckNamedValue(v) }

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

var errNoContext = errors.New("a statement is run with a context")

func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }

func (s *stmt) Query([]driver.Value) (driver.Rows, error) { return nil, errNoContext }

// remembered bounds the translations that are kept: filters put together more texts.
const remembered = 2000

// known holds translations by statement and types, and begins anew when it is full.
var known = struct {
	sync.Mutex
	texts map[string]string
}{texts: map[string]string{}}

func translated(query string, args []driver.NamedValue) string {
	types := make([]string, len(args))
	for i := range args {
		switch args[i].Value.(type) {
		case int64:
			types[i] = "bigint"
		case float64:
			types[i] = "double precision"
		case string:
			types[i] = "text"
		case []byte:
			types[i] = "bytea"
		}
	}
	key := query + "\x00" + strings.Join(types, ",")
	known.Lock()
	defer known.Unlock()
	text, ok := known.texts[key]
	if !ok {
		if len(known.texts) == remembered {
			clear(known.texts)
		}
		text = statement(query, types)
		known.texts[key] = text
	}
	return text
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/text/unicode/norm"

	"github.com/secant-platform/secant/gateway/store/postgres"
)

// postgresEngine keeps a store in a database of PostgreSQL.
type postgresEngine struct {
	url      string
	cleaning *sql.DB // vacuums, beside the writer's transactions
}

// holdTries of 100 ms each are made to become the writer: a connection that was just cut
// holds the store for a moment more.
const holdTries = 30

// writer holds a lock of the session that writes, so that neither outlives the other.
func (e *postgresEngine) writer(ctx context.Context) (*sql.DB, *sql.Conn, error) {
	db, err := postgres.Open(e.url, map[string]string{
		"application_name": "secant writer", "synchronous_commit": "on",
		// A node that lost power holds the store for half a minute, and not for hours.
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	})
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return db, nil, err
	}
	if e.cleaning, err = postgres.Open(e.url, map[string]string{"application_name": "secant vacuum"}); err != nil {
		return db, conn, err
	}
	wait := time.NewTicker(100 * time.Millisecond)
	defer wait.Stop()
	for try := 1; ; try++ {
		held := false
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(hashtextextended('secant store ' || current_schema(), 0))").Scan(&held); err != nil {
			return db, conn, err
		}
		switch {
		case held:
			return db, conn, nil
		case try == holdTries:
			return db, conn, errHeld
		}
		select {
		case <-ctx.Done():
			return db, conn, ctx.Err()
		case <-wait.C:
		}
	}
}

func (e *postgresEngine) reader() (*sql.DB, error) {
	return postgres.Open(e.url, map[string]string{
		"application_name": "secant reader", "default_transaction_read_only": "on", "default_transaction_isolation": "repeatable read",
		"plan_cache_mode": "force_custom_plan", // see matching
	})
}

func (*postgresEngine) version(ctx context.Context, q querier) (n int, err error) {
	err = q.QueryRowContext(ctx, "SELECT version FROM schema_version").Scan(&n)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42P01" { // there is no such table yet
		return 0, nil
	}
	return n, err
}

// migrate runs a migration as it stands, or what stands for it in migrations/postgres
// where that uses what PostgreSQL has not.
func (*postgresEngine) migrate(ctx context.Context, conn *sql.Conn, file string, version int) error {
	text, err := migrations.ReadFile(path.Join("migrations/postgres", path.Base(file)))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = migrations.ReadFile(file)
	}
	if err != nil {
		return err
	}
	begin := func() error { _, err := conn.ExecContext(ctx, "BEGIN"); return err }
	if err := begin(); err != nil {
		return err
	}
	if version == 1 {
		if err = postgres.Prepare(ctx, conn); err == nil {
			_, err = conn.ExecContext(ctx, "CREATE TABLE schema_version (version bigint NOT NULL)")
		}
		if err == nil {
			_, err = conn.ExecContext(ctx, "INSERT INTO schema_version VALUES (0)")
		}
	}
	if err == nil {
		err = postgres.Run(ctx, conn, string(text))
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "UPDATE schema_version SET version = ?", version)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, _ = conn.ExecContext(ctx, "ROLLBACK")
	}
	return err
}

func (*postgresEngine) pace(lazy bool) string {
	if lazy {
		return "SET synchronous_commit = off"
	}
	return "SET synchronous_commit = on"
}

// passing: the server answered and goes on, and so it wrote nothing.
func (*postgresEngine) passing(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}

// check: PostgreSQL refuses a damaged page itself when it is read, which Check does.
func (*postgresEngine) check(context.Context, querier) error { return nil }

// rare is how many rows may have some words that are looked for by themselves.
const rare = 1000

// matching: each term is its words one behind the other. How many rows have them is not
// left to the planner: it takes words that it knows nothing of for too common, and reads
// from the newest row on until it finds some. Rows that are few are named; what is
// common is soon found from the newest on.
func (*postgresEngine) matching(ctx context.Context, q querier, l *listing, terms []term) error {
	var all []string
	for _, t := range terms {
		var parts []string
		eachWord(t.words, func(word string) { parts = append(parts, "'"+word+"'") })
		if len(parts) == 0 {
			continue
		}
		if t.begins {
			parts[len(parts)-1] += ":*"
		}
		all = append(all, "("+strings.Join(parts, " <-> ")+")")
	}
	const having = "intelligence_text.words @@ CAST(sqlite_text(?) AS tsquery)"
	words := strings.Join(all, " & ")
	rows, err := q.QueryContext(ctx, "SELECT rowid FROM intelligence_text WHERE "+having+" LIMIT ?", words, rare)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	few := ""
	if len(ids) < rare {
		few = "{" + strings.Join(ids, ",") + "}"
	}
	l.where = append(l.where, having, "(? = '' OR intelligence_text.rowid = ANY (CAST(nullif(?, '') AS bigint[])))")
	l.args, l.moving = append(l.args, words), []any{few, few}
	return nil
}

// Bounds of PostgreSQL's tsvector.
const (
	maxLexeme    = 2046      // bytes of a word
	maxPosition  = 16383     // words behind it are found, not as parts of a phrase
	maxPositions = 256       // of one word
	maxVector    = 512 << 10 // bytes, by half
)

func (*postgresEngine) addWords(ctx context.Context, t *txn, added int64, name, words string) error {
	positions, size := map[string][]int{}, 0
	at := 0
	note := func(word string) {
		if at = min(at+1, maxPosition); len(word) > maxLexeme || size > maxVector {
			return
		}
		if had := positions[word]; len(had) < maxPositions {
			if had == nil {
				size += len(word)
			}
			positions[word], size = append(had, at), size+2
		}
	}
	eachWord(name, note)
	at = min(at+1, maxPosition) // no phrase reaches from the one into the other
	eachWord(words, note)
	var b strings.Builder
	for word, all := range positions {
		b.WriteString("'" + word + "':")
		for i, p := range all {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.Itoa(p))
		}
		b.WriteByte(' ')
	}
	_, err := t.exec(ctx, `INSERT INTO intelligence_text (rowid, words)
		SELECT ?1, CAST(sqlite_text(?2) AS tsvector) WHERE EXISTS (SELECT 1 FROM stix_object WHERE added = ?1)`, added, b.String())
	return err
}

// eachWord cuts a text into words as FTS5's tokenizer unicode61 does: letters and digits
// in a row, in small letters and without diacritics.
func eachWord(text string, use func(string)) {
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			use(b.String())
			b.Reset()
		}
	}
	for _, r := range norm.NFD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r): // a diacritic
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			b.WriteRune(unicode.ToLower(r))
		default:
			flush()
		}
	}
	flush()
}

// clean: deleted rows stand in the files until they are vacuumed, which no writer waits for.
func (e *postgresEngine) clean(ctx context.Context) error {
	_, err := e.cleaning.ExecContext(ctx, "VACUUM intelligence_text")
	return err
}

// forgetWords: what was deleted before the newest vacuum is gone.
func (*postgresEngine) forgetWords(_ context.Context, _ *txn, first bool) (done bool, err error) {
	return !first, nil
}

func (e *postgresEngine) close() error {
	if e.cleaning == nil {
		return nil
	}
	return e.cleaning.Close()
}

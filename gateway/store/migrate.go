package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql migrations/postgres/*.sql
var migrations embed.FS

// migrate brings the database to the newest schema, each step in a transaction
// of its own. The engine counts the steps taken.
func migrate(ctx context.Context, e engine, conn *sql.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted by name, which begins with the number
	if err != nil {
		return fmt.Errorf("listing migrations: %w", err)
	}
	done, err := e.version(ctx, conn)
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if done > len(files) {
		return fmt.Errorf("the store was written by a newer version of this program (schema %d, known %d)", done, len(files))
	}
	for i := done; i < len(files); i++ {
		if err := e.migrate(ctx, conn, files[i], i+1); err != nil {
			return fmt.Errorf("applying %s: %w", files[i], err)
		}
	}
	return nil
}

// schemaVersion is the version that a fully migrated store has.
func schemaVersion() int {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return 0
	}
	return len(files)
}

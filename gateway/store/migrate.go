package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the database to the newest schema, each step in a transaction
// of its own. The database's user_version counts the steps taken.
func migrate(ctx context.Context, conn *sql.Conn) error {
	files, err := fs.Glob(migrations, "migrations/*.sql") // sorted by name, which begins with the number
	if err != nil {
		return fmt.Errorf("listing migrations: %w", err)
	}
	var done int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&done); err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if done > len(files) {
		return fmt.Errorf("the store was written by a newer version of this program (schema %d, known %d)", done, len(files))
	}
	for i := done; i < len(files); i++ {
		script, err := migrations.ReadFile(files[i])
		if err != nil {
			return fmt.Errorf("reading %s: %w", files[i], err)
		}
		tx, err := conn.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("beginning %s: %w", files[i], err)
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("%s; PRAGMA user_version = %d", script, i+1))
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			_ = tx.Rollback()
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

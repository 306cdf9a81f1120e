package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
)

// A setting's value is text in a column of bytes, numbers in decimal: not every
// database takes another type than the column's. Stores that older versions wrote
// have numbers as such, which are read alike.
const settingQuery = "SELECT value FROM setting WHERE name = ?"

// setting returns the number that is kept under a name, and 0 where there is none.
func setting(ctx context.Context, q querier, name string) (n int64, err error) {
	err = q.QueryRowContext(ctx, settingQuery, name).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

func (t *txn) setting(ctx context.Context, name string) (n int64, err error) {
	_, err = t.get(ctx, settingQuery, []any{name}, &n)
	return n, err
}

// set keeps a number under a name.
func (t *txn) set(ctx context.Context, name string, value int64) error {
	return t.setText(ctx, name, strconv.FormatInt(value, 10))
}

func (t *txn) setText(ctx context.Context, name, value string) error {
	_, err := t.exec(ctx, "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, []byte(value))
	return wrapf(err, "keeping a setting")
}

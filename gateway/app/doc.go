// Package app is an organisation's node: the one place where store, vault, log,
// pipeline, ledger client, worker and HTTP interface are put together, started
// in order and ended in order. It holds no rule of its own.
package app

package chaincode_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
)

// cell is one caller's attempt at one transaction.
type cell struct {
	want, seen ledger.Code // empty: it succeeds
	own        bool        // what it asks for is its own: it may succeed or fail, but never touch another's
}

func (c cell) wrong() bool { return !c.own && c.want != c.seen }

// String is what was seen, and what was wanted where that is something else.
func (c cell) String() string {
	seen := cmp.Or(string(c.seen), "yes")
	switch {
	case c.wrong():
		return fmt.Sprintf("%s, WANT %s", seen, cmp.Or(string(c.want), "yes"))
	case c.own:
		return seen + " (own)"
	}
	return seen
}

// matrix is the outcome of every attempt, by transaction and role.
type matrix struct{ rows []matrixRow }

type matrixRow struct {
	name  string
	roles []string // with the same outcome
	cells []cell   // by organisation
}

// add puts roles with the same outcome into one row.
func (m *matrix) add(name string, role ledger.Role, cells []cell) {
	label := cmp.Or(string(role), "no role")
	for i, r := range m.rows {
		if r.name == name && slices.Equal(r.cells, cells) {
			m.rows[i].roles = append(r.roles, label)
			return
		}
	}
	m.rows = append(m.rows, matrixRow{name, []string{label}, cells})
}

// table is for people to read.
func (m *matrix) table() string {
	const width = 2
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, width, ' ', 0)
	fmt.Fprintf(w, "contract\ttransaction\t%s\trole\n", strings.Join(statetest.Organisations(), "\t"))
	for _, r := range m.rows {
		contract, function, _ := strings.Cut(r.name, ":")
		fmt.Fprintf(w, "%s\t%s", contract, function)
		for _, c := range r.cells {
			fmt.Fprintf(w, "\t%s", c)
		}
		roles := strings.Join(r.roles, ", ")
		switch n := len(r.roles); {
		case n == len(ledger.Roles)+2:
			roles = "any, or none"
		case n > len(ledger.Roles)/2+1:
			roles = "every other"
		}
		fmt.Fprintf(w, "\t%s\n", roles)
	}
	if err := w.Flush(); err != nil {
		panic(err) // of a builder
	}
	return b.String()
}

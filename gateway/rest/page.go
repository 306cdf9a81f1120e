package rest

import (
	"errors"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// Page asks for a part of a list.
type Page struct {
	Size   int    `query:"size" minimum:"1" maximum:"200" default:"50" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Where to go on: next of the page before. Opaque, and good for the same list only."`
}

func (p *Page) request() ledger.PageRequest {
	return ledger.PageRequest{Size: p.Size, Bookmark: p.Cursor}
}

// cursored says where in the request a list's fault stands.
func cursored(err error) error {
	p, ok := errors.AsType[*ledger.Problem](err)
	if !ok || p.Code != ledger.CodeInvalid {
		return err
	}
	return invalid(ledger.Fault{Field: "query.cursor", Detail: "must be next of the page before, of the same list"})
}

// List is one page of a list.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"The cursor of the next page; empty at the end."`
}

// listed makes a page of views of a page of rows.
func listed[R, V any](rows []R, next string, view func(R) V) *body[List[V]] {
	items := make([]V, len(rows))
	for i, row := range rows {
		items[i] = view(row)
	}
	return &body[List[V]]{List[V]{Items: items, Next: next}}
}

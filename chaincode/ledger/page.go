package ledger

// Page bounds.
const (
	DefaultPageSize = 50
	MaxPageSize     = 200
)

// PageRequest asks for one page of a list.
type PageRequest struct {
	Size     int    `json:"size,omitempty" metadata:",optional"`     // 1 to MaxPageSize; 0 means DefaultPageSize
	Bookmark string `json:"bookmark,omitempty" metadata:",optional"` // as returned by the page before; empty for the first
}

// Limit returns the number of rows that the page may hold.
func (r PageRequest) Limit() int {
	switch {
	case r.Size <= 0:
		return DefaultPageSize
	case r.Size > MaxPageSize:
		return MaxPageSize
	}
	return r.Size
}

package ledger

// The object types of holder statements, which any contract may ask for.
const (
	TypeStatementMark ObjectType = "stm" // parts: commitment; makes a statement serve once
)

// Package fact defines what a node knows, in the form in which its store keeps
// it, its worker gains it and its protocols tell it: records of the ledger with
// the place where they stand, documents and inventory that stay off the ledger,
// and the commands under way to it. It holds data and pure rules on it; it
// reads and writes nothing.
package fact

// Package agreement gathers the signatures of the persons that a transaction needs:
// it prepares what each signs, asks their wallets, judges what they answer, and hands
// the transaction to the outbox once all have signed. Statements and presentations
// travel to the endorsers beside it; of a person, nothing else leaves the node.
//
// The persons need no account at the node: what they show says who they are, and
// one of them at least is another organisation's.
package agreement

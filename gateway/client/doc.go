// Package client calls a node's HTTP interface, /v1, from other programs: those of
// hospitals and makers that register devices, hand in readings, fetch proofs and
// follow what happens.
//
//	c, err := client.New("https://node.example:8443", client.WithTokenFile("token.txt"))
//	...
//	receipt, err := c.Submit(ctx, client.Readings{Unit: unit, Key: key, Records: records})
//	bundle, err := c.WaitProof(ctx, receipt.ID, 0)
//	verdict, err := client.Verify(trust, bundle)
//
// A call returns when what it asks for is so, or when it cannot be. It waits as
// long as its context allows, and no longer than [WithPatience] says while the node
// is busy or away: what is safe to repeat is sent again, after Retry-After and with
// jitter. Commands carry an Idempotency-Key, so that one whose answer was lost is
// done once; one that the node answers with 202 is followed until it is done or has
// failed. Readings for which only the node vouches have no such name: when their
// answer is lost, the error says that the outcome is unknown ([Unknown]), and
// whoever sends them again may have them twice.
//
// An error of the node's is an [*Error], in which errors.As finds a
// *ledger.Problem, too: ledger.CodeOf(err) says what kind it is.
package client

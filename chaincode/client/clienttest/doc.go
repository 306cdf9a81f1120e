// Package clienttest is the ledger in memory for tests of what stands on
// chaincode/client: the real contracts on statetest, blocks, and signed reads
// that verify, without Fabric's programs.
//
// [Client] has the surface of client.Client; [Suite] holds both to the same
// behaviour. Faults are injected through a hook with two answers, "failed and
// not applied" and "failed but applied", and by taking the orderers' quorum away.
package clienttest

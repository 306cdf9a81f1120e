// Package compliance is the contract of certification by controls: catalogues that
// the members accept by vote, evidence, what came of judging a unit by them, and
// exceptions that end by themselves. It counts results itself, so that nobody
// states a score or a verdict. What a verdict does to a unit is the contract
// "device"'s.
package compliance

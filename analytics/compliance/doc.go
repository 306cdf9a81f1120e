// Package compliance judges a device by a catalogue of controls: facts in, results
// out. It is pure: the same facts give the same bytes on every machine, and whoever
// has the facts recomputes what stands on the ledger. What nothing shows is unknown,
// and unknown counts as not met. It certifies nothing: an authority does, for which
// a person signs.
package compliance

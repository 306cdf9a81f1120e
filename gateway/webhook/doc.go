// Package webhook delivers what a node tells others by itself: events of its stream,
// readings that turned out to be proven, FHIR resources. One deliverer serves all of
// them. What is to be delivered is queued in the store, for each webhook in order, and
// leaves it when the receiver has taken it: so a message comes at least once, after a
// restart as well, and always with the same id.
//
// Messages are signed as identity/webhook says. They go out by the guarded client
// alone, which decides about the address that it connects to and follows nothing.
package webhook

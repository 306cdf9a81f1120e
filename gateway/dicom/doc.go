// Package dicom takes DICOM instances over HTTP and finds them again: the store and
// the search transaction of the standard's web services (PS3.18, sections 10.5 and
// 10.6: STOW-RS and QIDO-RS), and beside them the proof that a file is what it was.
//
// Of a file it keeps the digest of its bytes, which instance it is and which device
// made it, as one record on the way of all readings. The pixels stay in the archive
// that has them: every answer says so (warning B006, instance availability
// UNAVAILABLE, no retrieve URL), so that no sender takes this node for an archive and
// deletes what it sent. Nothing that says whose image it is, is kept, shown or
// searched for.
package dicom

// Package wfdb reads records of physiological signals in the form of the WFDB
// software (PhysioNet; header(5), signal(5) and annot(5) of its Applications Guide):
// a text header, files of samples, and annotations beside them.
//
// It says what is in a record, and holds every sample against the header: a file that
// is cut off, a checksum that does not fit or a first value that is another one is
// refused. What a header says in its comments, often of a patient, is not read. Memory
// does not grow with the samples. No error repeats anything that was read.
package wfdb

// Package edf reads recordings in the European Data Format (EDF, Kemp et al. 1992),
// with its extensions EDF+ (2003: annotations, interrupted recordings) and BDF (24 bits
// a sample, BioSemi), as electroencephalographs, sleep laboratories and Holter recorders
// write them.
//
// It says what is in a recording and holds the file against its own header, strictly:
// what several programs would read in several ways is refused. Who the recording is of
// is not read, and no error repeats anything that was read. Memory does not grow with
// the recording.
package edf

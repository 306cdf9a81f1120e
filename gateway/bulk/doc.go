// Package bulk is `secant import` and `secant export`: it reads many records from a
// file and hands them to a node, and writes what a node holds into files, through the
// node's own HTTP interface.
//
// An import keeps nothing: what is registered counts as existing when the same file is
// imported again, so that an import that was interrupted goes on by being repeated.
//
// An export keeps a manifest beside what it writes: what was asked for, whether it is
// whole, and the digest of each file. With it an export that was interrupted goes on,
// one that was finished is added to, and whatever is not the same export is left as it
// is.
package bulk

// Package bulk is `secant import`: it reads many records from a file and hands
// them to a node in chunks, some at a time, through the node's own HTTP
// interface. It keeps nothing: what is registered counts as existing when the
// same file is imported again, so that an import that was interrupted goes on by
// being repeated.
package bulk

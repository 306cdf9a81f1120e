//go:build !linux

package main

import "syscall"

// dup makes to a copy of from.
func dup(from, to int) error { return syscall.Dup2(from, to) }

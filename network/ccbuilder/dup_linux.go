package main

import "syscall"

// dup makes to a copy of from. Some Linux ports have no dup2.
func dup(from, to int) error { return syscall.Dup3(from, to, 0) }

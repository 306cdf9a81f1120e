//go:build !unix

package storetest

import "os/exec"

// apart has nothing to do where PostgreSQL is not run from here.
func apart(*exec.Cmd, string) error { return errAbsent }

package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// logKeep is the size in bytes above which a log is put aside at the next
// start. Two files of about this size are all that a process may leave.
const logKeep = 8 << 20

// Spec says how to start a process.
type Spec struct {
	Name         string
	Kind         string
	Organisation string
	Path         string   // the program
	Args         []string // without the program
	Env          []string // added to a minimal environment, "KEY=value"
	Dir          string   // working directory
	Log          string   // file for standard output and error, appended to
	Fingerprint  string   // of program and configuration; a change asks for a restart
}

// Start starts the program in a session of its own, so that it outlives this
// process and no terminal can end it, and records it.
func (t Table) Start(s Spec) (Record, error) {
	out, err := OpenLog(s.Log)
	if err != nil {
		return Record{}, err
	}
	defer out.Close()

	cmd := exec.Command(s.Path, s.Args...) //nolint:gosec,noctx // it must outlive us, so no context may end it
	cmd.Env = append(environment(), s.Env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.Dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Record{}, &Failure{
			What: "starting " + s.Name, Command: append([]string{s.Path}, s.Args...), Err: err,
		}
	}
	r := Record{
		Name: s.Name, Kind: s.Kind, Organisation: s.Organisation,
		PID: cmd.Process.Pid, Started: time.Now().UTC().Truncate(time.Millisecond),
		Command: append([]string{s.Path}, s.Args...), Fingerprint: s.Fingerprint, Log: s.Log,
	}
	r.Birth, err = birth(r.PID)
	if err == nil {
		err = t.Put(r)
	}
	if err != nil {
		// A process without a record would be lost to us: better none.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return Record{}, fmt.Errorf("recording %s: %w", s.Name, err)
	}
	if err := cmd.Process.Release(); err != nil {
		return Record{}, fmt.Errorf("letting go of %s: %w", s.Name, err)
	}
	return r, nil
}

// environment is what a background process gets from ours: enough to find
// programs, homes and time zones, and none of the caller's settings, some of
// which (CORE_..., ORDERER_...) would silently change a Fabric process.
func environment() []string {
	var env []string
	for _, key := range []string{"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if v, ok := os.LookupEnv(key); ok {
			env = append(env, key+"="+v)
		}
	}
	return env
}

// OpenLog opens a log to append to. One that has become large becomes
// NAME.log.1 first, and the previous one of that name goes.
func OpenLog(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the log folder: %w", err)
	}
	if st, err := os.Stat(path); err == nil && st.Size() >= logKeep {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("putting a log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	return f, nil
}

// Trim cuts the log of a running process that has grown beyond all use, after
// keeping its end in NAME.log.1. Processes append, so they go on at the start.
func Trim(log string) error {
	st, err := os.Stat(log)
	if err != nil || st.Size() < 4*logKeep {
		return nil //nolint:nilerr // no log yet
	}
	end, err := readEnd(log, logKeep)
	if err != nil {
		return err
	}
	if err := os.WriteFile(log+".1", end, 0o600); err != nil {
		return fmt.Errorf("keeping the end of a log: %w", err)
	}
	if err := os.Truncate(log, 0); err != nil {
		return fmt.Errorf("cutting a log: %w", err)
	}
	return nil
}

package app

import (
	"errors"
	"os"

	"github.com/secant-platform/secant/gateway/config"
)

// CrashVariable names the step at which the process kills itself. Crash tests
// set it; outside development a node refuses to start with it.
const CrashVariable = "SECANT_CRASH_AT"

// crashes returns what is called at each step of a command and of a request.
func crashes(cfg *config.Config, at string) (func(step string), error) {
	if at == "" {
		return func(string) {}, nil
	}
	if !cfg.Development {
		return nil, errors.New(CrashVariable + " is set, and this is not a development node")
	}
	return func(step string) {
		if step != at {
			return
		}
		// As a power cut: nothing is flushed, nobody is told.
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			_ = p.Kill()
		}
		select {} // the signal is on its way
	}, nil
}

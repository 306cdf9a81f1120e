package config

import "testing"

// TestWhereAStoreMayBe: on this machine, or by TLS with a name that is verified.
func TestWhereAStoreMayBe(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"postgres://secant@127.0.0.1:5432/node":                                     true,
		"postgresql://secant@[::1]/node":                                            true,
		"postgres://secant@/node?host=/var/run/postgresql":                          true,
		"postgres://secant@db.example.org/node?sslmode=verify-full":                 true,
		"postgres://secant@db.example.org/node":                                     false,
		"postgres://secant@db.example.org/node?sslmode=require":                     false,
		"postgres://secant@127.0.0.1,db.example.org/node":                           false,
		"postgres://secant@127.0.0.1/node?host=db.example.org":                      false,
		"postgres://secant@db.example.org/node?sslmode=disable&sslmode=verify-full": false,
		"postgres://secant@/node?host=/run/postgresql,db.example.org":               false,
		"postgres://secant@/node":                                                   false,
		"postgres://secant@127.0.0.1/":                                              false,
		"postgres://secant@db.example.org/node?sslmode=verify-full&sslmode=disable": false,
		"postgres://secant@db.example.org/node?sslmode=verify-full&ssl=true":        false,
		"postgres://secant@127.0.0.1/node?host=127.0.0.1&host=db.example.org":       false,
		"postgres://secant:secret@127.0.0.1/node":                                   false,
		"postgres://secant@127.0.0.1/node?password=secret":                          false,
		"Postgres://secant@127.0.0.1/node":                                          false,
		"mysql://secant@127.0.0.1/node":                                             false,
		"/var/lib/secant":                                                           false,
	} {
		if fault := storeFault(url); (fault == "") != want {
			t.Errorf("%s: %q", url, fault)
		}
	}
}

package build

import "strings"

// advices match what the go command says to what can be done about it, the more
// telling first.
var advices = []struct {
	signs []string
	do    string
}{
	{
		[]string{"no space left on device", "disk quota exceeded"},
		"make room: a first build needs about 3 GB in Go's caches (go env GOCACHE GOMODCACHE; go clean -cache empties the first) and in SECANT_CACHE",
	},
	{
		[]string{"checksum mismatch", "SECURITY ERROR"},
		"a module differs from the one that was pinned: do not go on; check what GOPROXY serves (go env GOPROXY), and clear the copy with go clean -modcache",
	},
	{
		[]string{
			"dial tcp", "i/o timeout", "TLS handshake timeout", "proxyconnect", "no such host",
			"404 Not Found", "410 Gone", "403 Forbidden", "connection refused", "connection reset",
			"module lookup disabled", "unrecognized import path", "reading https://", "unknown revision",
		},
		"a module could not be had: check the network and the proxy (go env GOPROXY HTTPS_PROXY), then run the command again; what was fetched is kept",
	},
	{
		[]string{"requires go >=", "go: download go1", "toolchain not available"},
		"a newer Go compiler is needed: https://go.dev/dl/",
	},
	{
		[]string{"cannot allocate memory", "signal: killed"},
		"the compiler ran out of memory: free some, or build with fewer at a time (GOFLAGS=-p=1)",
	},
	{
		[]string{"permission denied", "read-only file system"},
		"a cache folder cannot be written: see go env GOCACHE GOMODCACHE, and set SECANT_CACHE to a folder of yours",
	},
}

// advice says what to do about a failed build.
func advice(output, dir string) string {
	for _, a := range advices {
		for _, sign := range a.signs {
			if strings.Contains(output, sign) {
				return a.do
			}
		}
	}
	return "the source does not compile; run the command in " + dir + " to see all"
}

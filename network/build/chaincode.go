package build

import (
	"context"
	"path/filepath"
)

// Chaincode builds the chaincode alone, if it is missing, and returns the
// program.
func Chaincode(ctx context.Context, o Options) (string, error) {
	if o.Step == nil {
		o.Step = func(string) func(error) { return func(error) {} }
	}
	cache, err := CacheDir(o.Cache)
	if err != nil {
		return "", err
	}
	toolchain, err := goVersion(ctx)
	if err != nil {
		return "", err
	}
	_, chaincode, err := ownUnits(o, toolchain)
	if err != nil {
		return "", err
	}
	dir, err := chaincode.ensure(ctx, cache, o.Step)
	return filepath.Join(dir, "secantcc"), err
}

package topology

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secant-platform/secant/network/disk"
)

// version of the network file; a file of a newer one is refused.
const version = 1

// FileName is the network file's name in its state directory. A directory with
// a readable one is ours, and only such a directory may be reset.
const FileName = "network.json"

// ErrNoNetwork means that the directory holds no network file.
var ErrNoNetwork = errors.New("no network here")

// Load reads the network of a state directory. It returns ErrNoNetwork when
// there is none. Nodes of a network that was made before they had public ports
// have theirs in what is returned; Save makes them last.
func Load(dir string) (*Network, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolving the state directory: %w", err)
	}
	path := filepath.Join(dir, FileName)
	b, err := os.ReadFile(path) //nolint:gosec // the user's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s does not exist", ErrNoNetwork, path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the network file: %w", err)
	}
	n := &Network{Dir: dir}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(n); err != nil {
		return nil, fmt.Errorf("%s is not a network file: %w", path, err)
	}
	if n.V != version || n.Channel == "" || len(n.Organisations) == 0 {
		return nil, fmt.Errorf("%s has version %d; this program reads version %d: reset the network, or use the program that made it",
			path, n.V, version)
	}
	n.open()
	return n, nil
}

// Save writes the network file whole or not at all.
func (n *Network) Save() error {
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the network file: %w", err)
	}
	return disk.WriteFile(n.path(FileName), append(b, '\n'), 0o644)
}

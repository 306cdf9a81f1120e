package material

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/disk"
	"github.com/secant-platform/secant/network/topology"
)

// MakeTrust writes the trust file, if there is none: one epoch, which begins
// when the organisations' authorities do.
func MakeTrust(n *topology.Network) error {
	if _, err := os.Stat(n.TrustFile()); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for the trust file: %w", err)
	}
	epoch := ledger.TrustEpoch{Policy: ledger.PolicyMajority}
	for _, o := range n.Organisations {
		member, from, err := TrustOf(n, o.ID)
		if err != nil {
			return err
		}
		if from.After(epoch.From) {
			epoch.From = from
		}
		epoch.Organisations = append(epoch.Organisations, member)
	}
	return writeTrust(n, &ledger.Trust{
		V: 1, Network: n.Name, Channel: n.Channel, Chaincode: n.Chaincode,
		Epochs: []ledger.TrustEpoch{epoch},
	})
}

// TrustOf returns an organisation's part of the trust file, and when its
// authority became valid.
func TrustOf(n *topology.Network, org string) (ledger.TrustOrganisation, time.Time, error) {
	root, err := os.ReadFile(filepath.Join(n.OrgDir(org), "ca", CertFile))
	if err != nil {
		return ledger.TrustOrganisation{}, time.Time{}, fmt.Errorf("reading the root of %s: %w", org, err)
	}
	from, err := begin(root)
	if err != nil {
		return ledger.TrustOrganisation{}, time.Time{}, fmt.Errorf("reading the root of %s: %w", org, err)
	}
	return ledger.TrustOrganisation{ID: org, Roots: []string{string(root)}}, from, nil
}

// ReadTrust reads the network's trust file.
func ReadTrust(n *topology.Network) (*ledger.Trust, error) {
	b, err := os.ReadFile(n.TrustFile())
	if err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	t, err := ledger.ParseTrust(b)
	if err != nil {
		return nil, fmt.Errorf("reading the trust file %s: %w", n.TrustFile(), err)
	}
	return t, nil
}

// ChangeTrust begins a new epoch of the network's trust file at a moment, with
// what change makes of the running one. It reports whether anything changed: a
// change that is there already is none.
func ChangeTrust(n *topology.Network, at time.Time, change func(*ledger.TrustEpoch)) (bool, error) {
	t, err := ReadTrust(n)
	if err != nil {
		return false, err
	}
	changed, err := t.Next(at, change)
	if err != nil {
		return false, fmt.Errorf("beginning a new epoch of the trust file: %w", err)
	}
	if !changed {
		return false, nil
	}
	return true, writeTrust(n, t)
}

func writeTrust(n *topology.Network, t *ledger.Trust) error {
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the trust file: %w", err)
	}
	return disk.WriteFile(n.TrustFile(), append(b, '\n'), 0o644)
}

package wallet

import (
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
)

// maxNodes bounds at how many nodes a wallet's holder is known.
const maxNodes = 64

// Session is what a wallet keeps of a session at a node. It never leaves the wallet
// but to that node.
type Session struct {
	Node    string    `json:"node"`    // base address: scheme, host and port
	Access  string    `json:"access"`  // token, bound to the wallet's key for the node
	Until   time.Time `json:"until"`   // of Access
	Refresh string    `json:"refresh"` // serves once
	Role    string    `json:"role"`
	Expires time.Time `json:"expires"` // whatever is refreshed
}

// String keeps the tokens out of whatever prints it.
func (s Session) String() string { return "[session at " + s.Node + "]" }

// GoString keeps the tokens out of whatever prints it.
func (s Session) GoString() string { return s.String() }

// node is a node that knows the holder by a key, and perhaps by a session.
type node struct {
	Key     string   `json:"key"` // thumbprint of a key that no other node sees
	Session *Session `json:"session,omitempty"`
}

// NodeKey returns the key by which the holder is known to the node at a base
// address, and makes it when there is none. Sessions are bound to it.
func (w *Wallet) NodeKey(base string) (keys.Signer, error) {
	key, full := "", false
	w.view(func(c *contents) { key, full = c.Nodes[base].Key, len(c.Nodes) >= maxNodes })
	if key != "" {
		return w.Key(key)
	}
	if full {
		return nil, ledger.Problemf(ledger.CodeTooLarge, "a wallet knows at most %d nodes", maxNodes)
	}
	signer, err := w.NewKey(ledger.CurveP256)
	if err != nil {
		return nil, err
	}
	return signer, w.change(func(c *contents) error {
		c.Nodes[base] = node{Key: signer.JWK().Thumbprint()}
		return nil
	})
}

// KeepSession keeps a session in the place of the one before. The node must have a
// key.
func (w *Wallet) KeepSession(s Session) error {
	return w.change(func(c *contents) error {
		n, known := c.Nodes[s.Node]
		if !known {
			return noSession()
		}
		n.Session = &s
		c.Nodes[s.Node] = n
		return nil
	})
}

// Session returns the session at a node; not_found when there is none.
func (w *Wallet) Session(base string) (*Session, error) {
	var found *Session
	w.view(func(c *contents) {
		if s := c.Nodes[base].Session; s != nil {
			one := *s
			found = &one
		}
	})
	if found == nil {
		return nil, noSession()
	}
	return found, nil
}

// Sessions lists the sessions, by node.
func (w *Wallet) Sessions() []Session {
	list := []Session{}
	w.view(func(c *contents) {
		for _, n := range c.Nodes {
			if n.Session != nil {
				list = append(list, *n.Session)
			}
		}
	})
	slices.SortFunc(list, func(a, b Session) int { return strings.Compare(a.Node, b.Node) })
	return list
}

// ForgetSession forgets the session at a node, and keeps the key.
func (w *Wallet) ForgetSession(base string) error {
	return w.change(func(c *contents) error {
		n, known := c.Nodes[base]
		if !known || n.Session == nil {
			return noSession()
		}
		n.Session = nil
		c.Nodes[base] = n
		return nil
	})
}

func noSession() error {
	return ledger.Problemf(ledger.CodeNotFound, "the wallet has no session at this node: sign in there")
}

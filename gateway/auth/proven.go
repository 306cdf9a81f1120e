package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"sync"
)

// maxProven is how many tokens are remembered.
const maxProven = 4096

// proven remembers what tokens say whose signature was verified, since a program shows
// the same token with each request, and verifying it is a third of what a small request
// costs. Only the signature is remembered: who may sign, the times, the session and the
// key that a token is bound to are judged each time.
type proven struct {
	mu     sync.Mutex
	tokens map[[sha256.Size]byte]provenToken // by the token's digest
}

type provenToken struct {
	payload

	key ed25519.PublicKey // that signed
}

// of returns what a token says and the key that signed it, if its signature was
// verified before.
func (p *proven) of(token string) (provenToken, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.tokens[sha256.Sum256([]byte(token))]
	return t, ok
}

// add remembers a token. When there is no room, any other one is verified again when it
// is shown.
func (p *proven) add(token string, t provenToken) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tokens == nil {
		p.tokens = map[[sha256.Size]byte]provenToken{}
	}
	for one := range p.tokens {
		if len(p.tokens) < maxProven {
			break
		}
		delete(p.tokens, one)
	}
	p.tokens[sha256.Sum256([]byte(token))] = t
}

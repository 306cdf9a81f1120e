package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/identity/webhook"
)

// target is where a webhook's messages go, and what else is nobody's to read in the
// store.
type target struct {
	URL    string    `json:"url"`
	Secret string    `json:"secret"`
	Before string    `json:"before,omitempty"` // the secret before it, which signs too until Until
	Until  time.Time `json:"until,omitzero"`

	// Of FHIR's subscriptions.
	Payload  string          `json:"payload,omitempty"`
	Header   []string        `json:"header,omitempty"`
	Criteria string          `json:"criteria,omitempty"`
	Said     string          `json:"said,omitempty"` // why it was made
	Contact  json.RawMessage `json:"contact,omitempty"`
}

// origin is what is shown of the address: the rest of it is often a secret.
func (t *target) origin() string {
	u, err := url.Parse(t.URL)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// secrets are those under which messages are signed now.
func (t *target) secrets(now time.Time) ([]webhook.Secret, error) {
	s, err := webhook.ParseSecret(t.Secret)
	if err != nil {
		return nil, fmt.Errorf("reading a webhook's secret: %w", err)
	}
	all := []webhook.Secret{s}
	if t.Before != "" && now.Before(t.Until) {
		if s, err = webhook.ParseSecret(t.Before); err != nil {
			return nil, fmt.Errorf("reading a webhook's secret: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// seal keeps targets from whoever has the store alone.
type seal struct{ aead cipher.AEAD }

func newSeal(key [32]byte) (*seal, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("making the seal of webhooks: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making the seal of webhooks: %w", err)
	}
	return &seal{aead}, nil
}

// close seals a target for a webhook.
func (s *seal) close(id string, t *target) ([]byte, error) {
	text, err := json.Marshal(t) //nolint:gosec // to be sealed
	if err != nil {
		return nil, fmt.Errorf("encoding where a webhook leads: %w", err)
	}
	return s.aead.Seal(nil, nil, text, []byte(id)), nil //nolint:gosec // this kind makes a random nonce of its own
}

// open opens a webhook's target, which is no other webhook's.
func (s *seal) open(w *fact.Webhook) (*target, error) {
	text, err := s.aead.Open(nil, nil, w.Sealed, []byte(w.ID))
	if err != nil {
		return nil, errors.New("opening where a webhook leads: it was not sealed under this node's key")
	}
	var t target
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("reading where a webhook leads: %w", err)
	}
	return &t, nil
}

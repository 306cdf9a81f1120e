package status

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/keys"
)

// Type is the "typ" header of a Token Status List.
const Type = "statuslist+jwt"

// Edition is what an issuer says of a list in publishing it as it now is.
type Edition struct {
	URI     string        // where it is served: https, and its last part is its name on the ledger
	Issued  time.Time     // whole seconds count
	Expires time.Time     // at most ledger.MaxStatusLife after Issued
	TTL     time.Duration // for how long others may keep a copy: whole seconds, shorter than the edition lasts
}

func (e Edition) validate() error {
	life := e.Expires.Sub(e.Issued)
	switch {
	case e.URI == "":
		return errors.New("it needs an address")
	case e.Issued.IsZero() || life <= 0 || life > ledger.MaxStatusLife:
		return fmt.Errorf("it must last some time, and at most %s", ledger.MaxStatusLife)
	case e.TTL < time.Second || e.TTL%time.Second != 0 || e.TTL > life:
		return errors.New("its time to live must be whole seconds, within its life")
	}
	return nil
}

// Sign returns the list as a signed Token Status List (section 5.1). Of the header,
// the key's id or the certificates are the caller's to set: whatever the issuer's
// credentials have, as some wallets want both under one key.
func (l *List) Sign(issuer keys.Signer, h keys.Header, e Edition) (string, error) {
	if err := e.validate(); err != nil {
		return "", fmt.Errorf("signing a status list: %w", err)
	}
	if h.KeyID == "" && len(h.X5C) == 0 {
		return "", errors.New("signing a status list: its header must say which key")
	}
	lst, err := l.packed()
	if err != nil {
		return "", err
	}
	type statuses struct {
		Bits int    `json:"bits"`
		List string `json:"lst"`
	}
	payload, err := json.Marshal(struct {
		Subject  string   `json:"sub"`
		Issued   int64    `json:"iat"`
		Expires  int64    `json:"exp"`
		TTL      int64    `json:"ttl"`
		Statuses statuses `json:"status_list"`
	}{e.URI, e.Issued.Unix(), e.Expires.Unix(), int64(e.TTL / time.Second), statuses{l.bits, lst}})
	if err != nil {
		return "", fmt.Errorf("encoding a status list: %w", err)
	}
	h.Type = Type
	return keys.Compact(issuer, h, payload)
}

// packed returns the statuses as section 4.1 says: zlib in base64url. The highest
// level, which it recommends, saves a sixth and takes twenty times as long, for
// which time a revocation would wait.
func (l *List) packed() (string, error) {
	l.mu.RLock()
	statuses := slices.Clone(l.statuses)
	l.mu.RUnlock()
	var b bytes.Buffer
	if err := pack(zlib.NewWriter(&b), statuses); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b.Bytes()), nil
}

func pack(z io.WriteCloser, b []byte) error {
	if _, err := z.Write(b); err != nil {
		return fmt.Errorf("packing a status list: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("packing a status list: %w", err)
	}
	return nil
}

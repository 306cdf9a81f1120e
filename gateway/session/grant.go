package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/dpop"
)

// Means is how somebody signs in.
type Means string

// The means.
const (
	ByWallet   Means = "wallet"
	ByProvider Means = "provider"
	byService  Means = "service"
)

// state is a session as it is kept.
type state struct {
	Subject    string          `json:"subject"`
	Role       auth.Role       `json:"role"`
	Means      Means           `json:"means"`
	Key        string          `json:"key,omitempty"` // thumbprint; empty: a bearer's
	Begun      time.Time       `json:"begun"`
	Expires    time.Time       `json:"expires"`
	Credential *check.Accepted `json:"credential,omitempty"` // by which they signed in; nil: by none
}

// View is what is told of a session to whoever it is of.
type View struct {
	ID      string
	Subject string // pseudonym
	Role    auth.Role
	Means   Means
	Bound   bool // to a key
	Begun   time.Time
	Expires time.Time
}

func (st *state) view(id string) View {
	return View{id, st.Subject, st.Role, st.Means, st.Key != "", st.Begun, st.Expires}
}

// Grant is what opens a session to whoever has its key.
type Grant struct {
	AccessToken  string
	TokenType    string // "DPoP" or "Bearer"
	Life         time.Duration
	RefreshToken string // serves once
	Session      View
}

// idSize is the length of a session's id, in bytes.
const idSize = 16

// begin begins a session, which ends with the credential by which it begins.
func (s *Sessions) begin(ctx context.Context, st state, p *dpop.Proof) (*Grant, error) {
	if err := s.spend(p); err != nil {
		return nil, err
	}
	now := s.o.Now().UTC().Truncate(time.Millisecond)
	st.Key, st.Begun, st.Expires = thumbprint(p), now, now.Add(MaxLife)
	if c := st.Credential; c != nil && c.Expires.Before(st.Expires) {
		st.Expires = c.Expires.UTC()
	}
	var raw [idSize]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	id := hex.EncodeToString(raw[:])
	doc, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encoding a session: %w", err)
	}
	if err := s.o.Store.CreateSession(ctx, id, st.Subject, doc, st.Expires); err != nil {
		return nil, err
	}
	return s.grant(id, &st, 0)
}

// grant makes the tokens of a session's turn.
func (s *Sessions) grant(id string, st *state, turn int) (*Grant, error) {
	now := s.o.Now()
	life := min(AccessLife, st.Expires.Sub(now))
	token, err := auth.Mint(s.o.Key, auth.Claims{
		Issuer: s.o.Organisation, Audience: s.o.Organisation, Subject: st.Subject, Role: st.Role, Session: id, Key: st.Key,
	}, now, life)
	if err != nil {
		return nil, err
	}
	refresh, err := s.refreshToken(id, turn)
	if err != nil {
		return nil, err
	}
	return &Grant{AccessToken: token, TokenType: tokenType(st.Key), Life: life, RefreshToken: refresh, Session: st.view(id)}, nil
}

func tokenType(key string) string {
	if key == "" {
		return "Bearer"
	}
	return dpop.Scheme
}

// read returns a session that goes on.
func (s *Sessions) read(ctx context.Context, id string) (*state, error) {
	doc, err := s.o.Store.Session(ctx, id)
	if err != nil {
		return nil, err
	}
	st := new(state)
	if err := json.Unmarshal(doc, st); err != nil {
		return nil, fmt.Errorf("decoding a session: %w", err)
	}
	if !s.o.Now().Before(st.Expires) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the session has ended")
	}
	return st, nil
}

// A refresh token is the session's id, its turn, and a MAC of the two: so that a
// guess about somebody's session is told from an old token of theirs, and ends
// nothing.
const refreshHead = idSize + 4

func (s *Sessions) refreshToken(id string, turn int) (string, error) {
	b, err := hex.DecodeString(id)
	if err != nil {
		return "", fmt.Errorf("reading a session's id: %w", err)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(turn)) //nolint:gosec // counts refreshes of some hours
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac("refresh", string(b))...)), nil
}

func (s *Sessions) openRefresh(token string) (id string, turn int, ok bool) {
	if len(token) > base64.RawURLEncoding.EncodedLen(refreshHead+hmacSize) {
		return "", 0, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != refreshHead+hmacSize || !hmac.Equal(b[refreshHead:], s.mac("refresh", string(b[:refreshHead]))) {
		return "", 0, false
	}
	return hex.EncodeToString(b[:idSize]), int(binary.BigEndian.Uint32(b[idSize:refreshHead])), true
}

const hmacSize = 32

// over is the one answer to a refresh token that does not serve.
func over() error {
	return ledger.Problemf(ledger.CodeDenied, "the refresh token does not serve: sign in again")
}

// Refresh gives a session its next turn. An old token of the session, brought by its
// key, ends the session: one of two who have it is a thief (RFC 9700, section 4.14.2).
// Whoever lacks the key ends nothing.
func (s *Sessions) Refresh(r *http.Request, token string) (*Grant, error) {
	ctx := r.Context()
	p, err := s.key(r)
	if err != nil {
		return nil, err
	}
	id, turn, ok := s.openRefresh(token)
	if !ok {
		return nil, over()
	}
	st, err := s.read(ctx, id)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return nil, over()
	}
	if err != nil {
		return nil, err
	}
	if thumbprint(p) != st.Key {
		return nil, over()
	}
	if err := s.spend(p); err != nil {
		return nil, err
	}
	if err := s.believed(ctx, st); err != nil {
		if refused, is := errors.AsType[*auth.RefusedError](err); is {
			return nil, errors.Join(over(), refused)
		}
		return nil, err
	}
	switch err := s.o.Store.RefreshSession(ctx, id, turn); ledger.CodeOf(err) {
	case ledger.CodeConflict:
		return nil, errors.Join(over(), s.o.Store.EndSession(ctx, id))
	case ledger.CodeNotFound:
		return nil, over()
	default:
		if err != nil {
			return nil, err
		}
	}
	return s.grant(id, st, turn+1)
}

// Session returns the session of a caller.
func (s *Sessions) Session(ctx context.Context, c *auth.Caller) (*View, error) {
	st, err := s.read(ctx, c.Session)
	if err != nil {
		return nil, err
	}
	v := st.view(c.Session)
	return &v, nil
}

// End ends a caller's session, or all of the caller's, and returns how many.
func (s *Sessions) End(ctx context.Context, c *auth.Caller, everywhere bool) (int, error) {
	if everywhere {
		return s.o.Store.EndSessions(ctx, c.Subject)
	}
	return 1, s.o.Store.EndSession(ctx, c.Session)
}

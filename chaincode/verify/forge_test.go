package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/verify"
	"github.com/secant-platform/secant/identity/keys"
)

var now = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// segment is base64url as tokens have it.
func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func edwards(tb testing.TB) keys.Signer {
	tb.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer(tb, key)
}

func p256(tb testing.TB) keys.Signer {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return signer(tb, key)
}

func signer(tb testing.TB, key crypto.Signer) keys.Signer {
	tb.Helper()
	s, err := keys.FromCrypto(key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func public(tb testing.TB, s keys.Signer) *verify.Key {
	tb.Helper()
	k, err := verify.NewKey(s.JWK())
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// m is a JSON object of a token.
type m map[string]any

// token is a JWS that a test may spoil before it is signed, and after.
type token struct {
	by      keys.Signer
	header  m
	payload m
	spoil   func(compact string) string // after signing
	raw     string                      // the payload's text, instead of payload
	rawHead string                      // the header's text, instead of header
}

func (t *token) compact(tb testing.TB) string {
	tb.Helper()
	header, payload := encode(tb, t.header), encode(tb, t.payload)
	if t.raw != "" {
		payload = []byte(t.raw)
	}
	if t.rawHead != "" {
		header = []byte(t.rawHead)
	}
	signed := segment(header) + "." + segment(payload)
	signature, err := t.by.Sign([]byte(signed))
	if err != nil {
		tb.Fatal(err)
	}
	compact := signed + "." + segment(signature)
	if t.spoil != nil {
		compact = t.spoil(compact)
	}
	return compact
}

func encode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// forgery is a holder statement in its parts: as forge makes it, it is good.
type forgery struct {
	tb          testing.TB
	statement   ledger.Statement
	occasion    verify.Occasion
	credential  token
	disclosures []string
	binding     token
	issuer      *verify.Key // under which it is verified
	hash        string      // sd_hash instead of the right one
	nonce       string      // instead of the statement's challenge
	tail        string      // behind the presentation
}

const issuerDID = "did:secant:dev:hospital-north:staff"

func forge(tb testing.TB, issuer, holder keys.Signer) *forgery {
	tb.Helper()
	record := ledger.UnitKey(ledger.BodyDigest([]byte("unit")))
	return &forgery{
		tb: tb,
		statement: ledger.Statement{
			V: 1, Network: "dev", Channel: "secant", Chaincode: ledger.ChaincodeName, Function: "device:Release",
			Request: ledger.BodyDigest([]byte("request")), Record: ledger.KeyDigest(record), Revision: 3,
			Nonce: segment(make([]byte, 32)), Expires: now.Add(5 * time.Minute).Format(ledger.StatementTime),
		},
		occasion: verify.Occasion{
			Network: "dev", Channel: "secant", Function: "device:Release",
			Request: ledger.BodyDigest([]byte("request")), Record: ledger.KeyDigest(record), Revision: 3, At: now,
		},
		credential: token{
			by: issuer, header: m{"alg": public(tb, issuer).Algorithm(), "typ": "dc+sd-jwt", "kid": issuerDID + "#key-1"},
			payload: m{
				"iss": issuerDID, "vct": "DeviceReleaser", "iat": now.Add(-time.Hour).Unix(), "exp": now.Add(time.Hour).Unix(),
				"cnf": m{"jwk": holder.JWK()},
			},
		},
		binding: token{
			by: holder, header: m{"alg": public(tb, holder).Algorithm(), "typ": "kb+jwt"},
			payload: m{"iat": now.Unix(), "aud": "secant:dev:secant"},
		},
		issuer: public(tb, issuer),
	}
}

// presentation signs everything, the binding last.
func (f *forgery) presentation() string {
	f.tb.Helper()
	bound := strings.Join(append([]string{f.credential.compact(f.tb)}, f.disclosures...), "~") + "~"
	if _, set := f.binding.payload["sd_hash"]; !set {
		if f.hash == "" {
			f.hash = verify.Hash(bound)
		}
		f.binding.payload["sd_hash"] = f.hash
	}
	if _, set := f.binding.payload["nonce"]; !set {
		if f.nonce == "" {
			challenge, err := f.statement.Challenge()
			if err != nil {
				challenge = "x" // the statement itself is refused
			}
			f.nonce = challenge
		}
		f.binding.payload["nonce"] = f.nonce
	}
	return bound + f.binding.compact(f.tb) + f.tail
}

// transient is what a proposal carries.
func (f *forgery) transient() []byte {
	f.tb.Helper()
	return encode(f.tb, []ledger.HolderStatement{{Statement: f.statement, Presentation: f.presentation()}})
}

// judge reads and verifies as an endorser does.
func (f *forgery) judge() (*verify.Agreement, error) {
	f.tb.Helper()
	list, err := verify.ParseStatements(f.transient())
	if err != nil {
		return nil, err
	}
	return list[0].Verify(f.issuer, f.occasion)
}

// hide adds a hidden claim, and shows it.
func (f *forgery) hide(disclosure ...any) {
	f.tb.Helper()
	d := segment(encode(f.tb, disclosure))
	digests, _ := f.credential.payload["_sd"].([]string)
	f.credential.payload["_sd"] = append(digests, verify.Hash(d))
	f.disclosures = append(f.disclosures, d)
}

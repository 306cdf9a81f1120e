package eat

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// ChallengeLife is for how long a challenge can be answered: a unit measures itself
// before it does.
const ChallengeLife = 5 * time.Minute

// Of a challenge.
const (
	challengeTime   = 8
	challengeRandom = 8
	challengeHead   = challengeTime + challengeRandom
	challengeMAC    = 16
	challengeSize   = challengeHead + challengeMAC
)

// Challenges makes challenges of which nothing is kept: each bears its time and a
// MAC under the secret over that and the unit that was asked. That one serves only
// once is for whoever takes the answers to see to.
type Challenges struct{ Secret []byte }

// New makes a challenge for a unit.
func (c Challenges) New(unit [32]byte, now time.Time) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, challengeSize), uint64(now.UnixMilli()))
	b = b[:challengeHead]
	_, _ = rand.Read(b[challengeTime:]) // never fails: crypto/rand
	return append(b, c.mac(unit, b)...)
}

func (c Challenges) mac(unit [32]byte, head []byte) []byte {
	m := hmac.New(sha256.New, c.Secret)
	m.Write([]byte("secant/attestation-challenge/v1\x00"))
	m.Write(unit[:])
	m.Write(head)
	return m.Sum(nil)[:challengeMAC]
}

// Asked returns when a challenge was made. It fails with a denied problem for one
// that was not made here, for another unit, or too long ago; also when the clock here
// was put back since, as nobody knows then how old it is.
func (c Challenges) Asked(nonce []byte, unit [32]byte, now time.Time) (time.Time, error) {
	if len(nonce) != challengeSize || !hmac.Equal(nonce[challengeHead:], c.mac(unit, nonce[:challengeHead])) {
		return time.Time{}, ledger.Problemf(ledger.CodeDenied, "the token answers no challenge that this node gave the device")
	}
	asked := time.UnixMilli(int64(binary.BigEndian.Uint64(nonce))).UTC() //nolint:gosec // our own, by its MAC
	if age := now.Sub(asked); age > ChallengeLife || age < -ChallengeLife {
		return time.Time{}, ledger.Problemf(ledger.CodeDenied, "the challenge was given too long ago: ask for another one")
	}
	return asked, nil
}

package app

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/analytics/proof"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/admit"
	"github.com/secant-platform/secant/gateway/ingest"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/gateway/store"
	"github.com/secant-platform/secant/identity/eat"
)

// attestedFor is for how long an attestation says something: the catalogue asks for
// one a day.
const attestedFor = 24 * time.Hour

// attestedOften is how many attestations of a device are taken in attestedIn. What each
// comes to may be an event and a transaction on the ledger, and whoever has a device's
// key could say one thing and the other in turn.
const (
	attestedOften = 12
	attestedIn    = 10 * time.Minute
)

// attester takes what devices attest of themselves.
type attester struct {
	*store.Store
	challenges eat.Challenges
	devices    *admit.Devices
	readings   *readings
	saw        func(unit string, signed bool, at time.Time)
	wake       func() // whoever reviews devices
}

// newAttester makes one whose challenges are good for as long as the secret is.
func newAttester(s *store.Store, secret []byte, devices *admit.Devices, r *readings, wake func()) (*attester, error) {
	own, err := hkdf.Key(sha256.New, secret, nil, "secant/attestation/v1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("deriving the secret of challenges: %w", err)
	}
	return &attester{Store: s, challenges: eat.Challenges{Secret: own}, devices: devices, readings: r, saw: r.saw, wake: wake}, nil
}

// Challenge makes what a device is to answer.
func (a *attester) Challenge(unit proof.Hash) []byte { return a.challenges.New(unit, time.Now()) }

// Attest judges a device's answer. The token is durable in the vault before anything
// is said of it, so that what was judged can be shown.
func (a *attester) Attest(ctx context.Context, unit proof.Hash, token []byte) (*fact.Attestation, error) {
	read, err := eat.Read(token)
	if err != nil {
		return nil, err
	}
	key, err := a.devices.AdmitAttester(ctx, unit)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	asked, err := a.challenges.Asked(read.Nonce(), unit, now)
	if err != nil {
		return nil, err
	}
	claims, err := read.Verify(&eat.Answer{Unit: unit, Key: key, Nonce: read.Nonce(), Asked: asked, Now: now})
	if err != nil {
		return nil, err
	}
	nonce := hex.EncodeToString(claims.Nonce)
	if err := a.Answered(ctx, unit.String(), nonce); err != nil {
		return nil, err
	}
	if often, err := a.Attested(ctx, unit.String(), now.Add(-attestedIn)); err != nil {
		return nil, err
	} else if often >= attestedOften {
		return nil, problem.Rate(attestedIn / attestedOften)
	}
	reference, err := a.reference(ctx, unit.String())
	if err != nil {
		return nil, err
	}
	result := eat.Judge(claims, reference)
	receipt, err := a.keep(ctx, unit, token)
	if err != nil {
		return nil, err
	}
	got := &fact.Attestation{
		Unit: unit.String(), Nonce: nonce, Release: reference.Release, Status: string(result.Status), Reasons: result.Reasons, Version: claims.Version,
		Digest: read.Digest(), Receipt: receipt, Time: now, Expires: now.Add(attestedFor),
	}
	if err := a.PutAttestation(ctx, got); err != nil {
		return nil, err
	}
	a.saw(got.Unit, true, now)
	a.wake()
	return got, nil
}

// reference is what the ledger says of the unit and of the release that it runs.
func (a *attester) reference(ctx context.Context, unit string) (*eat.Reference, error) {
	row, err := a.Unit(ctx, unit)
	if err != nil {
		return nil, err
	}
	u := &row.Record
	r := &eat.Reference{Manufacturer: u.Manufacturer, Release: u.Release}
	release, err := a.Release(ctx, u.DI, u.Release)
	if ledger.CodeOf(err) == ledger.CodeNotFound {
		return r, nil // nothing to compare with
	}
	if err != nil {
		return nil, err
	}
	r.Measurements = release.Record.Measurements
	return r, nil
}

// keep makes a token durable and provable, as a reading of the device; the same token
// is kept once. The device's signature is in it.
func (a *attester) keep(ctx context.Context, unit proof.Hash, token []byte) (receipt string, err error) {
	record, err := json.Marshal(struct {
		Type  string `json:"type"`
		Token string `json:"token"`
	}{eat.MediaType, base64.StdEncoding.EncodeToString(token)})
	if err != nil {
		return "", fmt.Errorf("encoding a token: %w", err)
	}
	p, err := a.readings.open()
	if err != nil {
		return "", err
	}
	once := sha256.Sum256(token)
	r, err := p.Submit(ctx, ingest.Request{
		Organisation: a.readings.organisation, Unit: unit, Once: once[:], MediaType: ingest.MediaJSON, Body: bytes.NewReader(record),
	})
	if err != nil {
		return "", err
	}
	return r.ID.String(), nil
}

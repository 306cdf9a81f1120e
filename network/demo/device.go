package demo

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/secant-platform/secant/network/disk"
)

// device is a medical device as it stands at a bedside: it has a key that never
// leaves it, and it signs what it measures.
type device struct {
	Serial string `json:"serial"`
	Owner  string `json:"owner"`
	Unit   string `json:"unit"` // id on the ledger; empty until it is registered
	Key    []byte `json:"key"`  // Ed25519 seed
	Sent   string `json:"sent"` // receipt of the readings that the seed had it send
}

// makeDevice takes a device out of its store, or makes it with a new key. The
// key is kept before anything is done with it.
func (w *world) makeDevice(serial, owner string) (*device, error) {
	b, err := os.ReadFile(w.deviceFile(serial))
	if err == nil {
		d := &device{}
		if err := json.Unmarshal(b, d); err != nil || len(d.Key) != ed25519.SeedSize || d.Serial != serial {
			return nil, fmt.Errorf("%s does not hold the device %s", w.deviceFile(serial), serial)
		}
		return d, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading a device: %w", err)
	}
	d := &device{Serial: serial, Owner: owner, Key: make([]byte, ed25519.SeedSize)}
	_, _ = rand.Read(d.Key) // never fails
	return d, w.keep(d)
}

func (w *world) deviceFile(serial string) string { return w.dir("devices", serial+".json") }

// keep stores a device, whose key is a secret.
func (w *world) keep(d *device) error {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding a device: %w", err)
	}
	path := w.deviceFile(d.Serial)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the devices' folder: %w", err)
	}
	if err := disk.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("storing a device: %w", err)
	}
	return nil
}

func (d *device) private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(d.Key) }

// publicKey is what the manufacturer registers, in hexadecimal.
func (d *device) publicKey() string {
	public, _ := d.private().Public().(ed25519.PublicKey) // an Ed25519 key has an Ed25519 public key
	return hex.EncodeToString(public)
}

// batch is what a device sends in one request: readings about one person, as
// records of one media type.
type batch struct {
	mediaType string // of one record
	records   [][]byte
	from      string // where they come from, for people
}

// receipt is a node's answer to readings.
type receipt struct {
	ID        string `json:"id"`
	Unit      string `json:"unit"`
	Count     int    `json:"count"`
	Root      string `json:"root"`
	VouchedBy string `json:"vouchedBy"`
}

// send signs a batch, hands it in without any token, and checks that the receipt
// is for exactly what was sent. The seed from which the salts derive comes from
// key and content, so that a batch that is sent again is the same request.
func (d *device) send(ctx context.Context, to *caller, b *batch) (*receipt, error) {
	unit, err := hex.DecodeString(d.Unit)
	if err != nil || len(unit) != 32 {
		return nil, fmt.Errorf("device %s is not registered", d.Serial)
	}
	seed := d.seed(b)
	root := treeRoot(seed, b.records)
	message := []byte("secant-readings-v1\x00")
	message = append(message, unit...)
	message = binary.BigEndian.AppendUint64(message, uint64(len(b.records)))
	message = append(message, root...)

	mediaType, body := b.mediaType, b.records[0]
	if len(b.records) > 1 {
		mediaType, body = "application/x-ndjson", append(bytes.Join(b.records, []byte("\n")), '\n')
	}
	anonymous := *to
	anonymous.tokenFile = ""
	a, err := anonymous.do(ctx, request{
		method: http.MethodPost, path: "/v1/readings", mediaType: mediaType, body: body,
		header: map[string]string{
			"Secant-Device":    d.Unit,
			"Secant-Seed":      base64.RawURLEncoding.EncodeToString(seed),
			"Secant-Signature": base64.RawURLEncoding.EncodeToString(ed25519.Sign(d.private(), message)),
		},
	})
	if err != nil {
		return nil, err
	}
	var r receipt
	if err := decode(a.body, "/v1/readings", &r); err != nil {
		return nil, err
	}
	want := receipt{ID: r.ID, Unit: d.Unit, Count: len(b.records), Root: hex.EncodeToString(root), VouchedBy: "device"}
	if r != want || r.ID == "" {
		return nil, fmt.Errorf("the receipt is not for what the device sent: %s", a.body)
	}
	return &r, nil
}

func (d *device) seed(b *batch) []byte {
	h := sha256.New()
	h.Write([]byte("secant-demo-seed-v1\x00"))
	h.Write(d.Key)
	for _, r := range b.records {
		_ = binary.Write(h, binary.BigEndian, uint64(len(r))) // a hash does not fail
		h.Write(r)
	}
	return h.Sum(nil)
}

// treeRoot is the RFC 6962 root over the salted records: leaf i is
// SHA-256(0x00 || salt || record), its salt SHA-256("secant-salt-v1" || seed || i),
// written here straight from RFC 6962, section 2.1.
func treeRoot(seed []byte, records [][]byte) []byte {
	leaves := make([][]byte, len(records))
	for i, r := range records {
		salt := digestOf([]byte("secant-salt-v1"), seed, binary.BigEndian.AppendUint64(nil, uint64(i)))
		leaves[i] = digestOf([]byte{0}, salt, r)
	}
	return merkle(leaves)
}

func merkle(leaves [][]byte) []byte {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return digestOf([]byte{1}, merkle(leaves[:k]), merkle(leaves[k:]))
}

func digestOf(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

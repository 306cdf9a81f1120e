// Package attest is `secant attest`: the device's side of an attestation, for devices
// that run Linux, and for whoever wants to try. It measures files, asks a node for a
// challenge, signs and hands in. It knows nothing of a node but its interface.
package attest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/eat"
)

const (
	patience  = 30 * time.Second // for one answer
	maxAnswer = 1 << 20          // bytes
)

// device is what the command is told of the device that it runs on.
type device struct {
	node, ca, unit, key, release string
	parts                        []string // NAME=FILE
	debug                        bool
}

// Command returns the command.
func Command() *cobra.Command {
	var d device
	var public bool
	c := &cobra.Command{
		Use:   "attest",
		Short: "On a device: measure what runs, and attest it to the owner's node",
		Long: "Measures files by SHA-256, asks the node for a challenge and signs both with the device's key (RFC 9711). Prints what\n" +
			"came of it. The node compares with what the maker published with the release.",
		Example: "  secant attest --key device.pem --public                    # to register the device with\n" +
			"  secant attest --node https://node.example.org --unit ID --key device.pem --release 4.2.1 --part firmware=/boot/firmware.bin",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if _, err := os.Stat(d.key); err != nil && !public { // a new key is nobody's yet
				return fmt.Errorf("there is no key: %w (--public makes it, and shows what to register)", err)
			}
			key, err := auth.OpenKey(d.key)
			if err != nil {
				return err
			}
			if public {
				own, _ := key.Public().(ed25519.PublicKey) // an Ed25519 key has an Ed25519 public key
				_, err := fmt.Fprintln(c.OutOrStdout(), hex.EncodeToString(own))
				return err
			}
			answer, err := d.attest(c.Context(), key)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", answer)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&d.key, "key", "device.pem", "the device's key (Ed25519, PKCS #8, PEM); --public makes it where there is none")
	f.BoolVar(&public, "public", false, "print the key's public half, as it is registered, and do nothing else but make the key")
	f.StringVar(&d.node, "node", "http://127.0.0.1:7001", "address of the owner's node")
	f.StringVar(&d.ca, "ca", "", "a PEM file of the CAs that the node's TLS certificate chains to (default: the system's)")
	f.StringVar(&d.unit, "unit", "", "the device's unit id, 64 hexadecimal digits")
	f.StringVar(&d.release, "release", "", "the version that runs")
	f.StringArrayVar(&d.parts, "part", nil, "NAME=FILE: a part of the software, by its name in the release's measurements; may be given more than once")
	f.BoolVar(&d.debug, "debug", false, "say that the device can be debugged now; without it, that it cannot")
	return c
}

// attest returns the node's answer.
func (d *device) attest(ctx context.Context, key ed25519.PrivateKey) ([]byte, error) {
	claims := &eat.Claims{Version: d.release, Debug: eat.DebugDisabled, Issued: time.Now()}
	if d.debug {
		claims.Debug = eat.DebugEnabled
	}
	id, err := hex.DecodeString(d.unit)
	if err != nil || len(id) != len(claims.Unit) {
		return nil, errors.New("--unit must be 64 hexadecimal digits")
	}
	copy(claims.Unit[:], id)
	if claims.Measured, err = measure(d.parts); err != nil {
		return nil, err
	}
	client, err := d.client()
	if err != nil {
		return nil, err
	}
	place := strings.TrimSuffix(d.node, "/") + "/v1/units/" + hex.EncodeToString(id) + "/attestation"
	asked, err := post(ctx, client, place+"/challenge", "", nil)
	if err != nil {
		return nil, err
	}
	var challenge struct{ Nonce string }
	if err := json.Unmarshal(asked, &challenge); err != nil {
		return nil, fmt.Errorf("reading a challenge: %w", err)
	}
	if claims.Nonce, err = base64.RawURLEncoding.DecodeString(challenge.Nonce); err != nil {
		return nil, fmt.Errorf("reading a challenge: %w", err)
	}
	token, err := eat.Sign(key, claims)
	if err != nil {
		return nil, err
	}
	return post(ctx, client, place, eat.MediaType, token)
}

// client reaches the node.
func (d *device) client() (*http.Client, error) {
	if d.ca == "" {
		return http.DefaultClient, nil
	}
	text, err := os.ReadFile(d.ca)
	if err != nil {
		return nil, fmt.Errorf("reading the node's CAs: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate is in %s", d.ca)
	}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}, nil
}

// measure hashes the parts of the software.
func measure(parts []string) ([]ledger.Measurement, error) {
	var measured []ledger.Measurement
	for _, p := range parts {
		name, path, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return nil, errors.New("--part must be a name and a file, with = between them")
		}
		f, err := os.Open(path) //nolint:gosec // the caller names it
		if err != nil {
			return nil, fmt.Errorf("measuring: %w", err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("measuring %s: %w", path, err)
		}
		measured = append(measured, ledger.Measurement{Name: name, Alg: ledger.HashSHA256, Digest: hex.EncodeToString(h.Sum(nil))})
	}
	return measured, nil
}

// post sends a body and returns the answer's.
func post(ctx context.Context, client *http.Client, place, mediaType string, text []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, place, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("asking the node: %w", err)
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the node: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the node's answer: %w", err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		var told struct{ Detail string }
		_ = json.Unmarshal(b, &told) // an answer that says nothing has its status
		return nil, fmt.Errorf("the node refused (%d): %s", resp.StatusCode, told.Detail)
	}
	return bytes.TrimSpace(b), nil
}

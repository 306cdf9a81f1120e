// Package channel brings orderers and peers onto the consortium's channel, and
// asks them where they stand. Each call is one attempt: whoever calls decides
// whether to try again.
package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/secant-platform/secant/network/material"
	"github.com/secant-platform/secant/network/topology"
)

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 1 << 20

// Orderer speaks the channel participation API of one orderer.
type Orderer struct {
	client  *http.Client
	base    string
	channel string
}

// Participation is where an orderer stands on the channel.
type Participation struct {
	Status   string `json:"status"`            // "active" when it is up to date
	Relation string `json:"consensusRelation"` // "consenter", or "follower" of the others' blocks
	Height   uint64 `json:"height"`
}

// Active reports whether the orderer takes part in ordering.
func (p Participation) Active() bool { return p.Status == "active" && p.Relation == "consenter" }

// NewOrderer prepares calls to an organisation's orderer, as its administrator.
func NewOrderer(n *topology.Network, o topology.Organisation) (*Orderer, error) {
	dir := n.AdminDir(o.ID)
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, material.TLSCertFile), filepath.Join(dir, material.TLSKeyFile))
	if err != nil {
		return nil, fmt.Errorf("loading the administrator of %s: %w", o.ID, err)
	}
	roots, err := pool(n.TLSRoot(o.ID))
	if err != nil {
		return nil, err
	}
	return &Orderer{
		client: &http.Client{
			Timeout: 20 * time.Second,
			Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
				DisableKeepAlives: true, // a handful of calls: leave nothing open
			},
		},
		base:    "https://" + topology.Address(o.Orderer.Admin) + "/participation/v1/channels",
		channel: n.Channel,
	}, nil
}

func pool(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path) //nolint:gosec // a path of our own layout
	if err != nil {
		return nil, fmt.Errorf("reading a TLS root: %w", err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return p, nil
}

// Status asks where the orderer stands; joined is false when it does not have
// the channel.
func (o *Orderer) Status(ctx context.Context) (p Participation, joined bool, err error) {
	code, body, err := o.call(ctx, http.MethodGet, o.base+"/"+url.PathEscape(o.channel), nil, "")
	switch {
	case err != nil:
		return p, false, err
	case code == http.StatusNotFound:
		return p, false, nil
	case code != http.StatusOK:
		return p, false, refused(code, body)
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return p, false, fmt.Errorf("reading an orderer's answer: %w", err)
	}
	return p, true, nil
}

// Join gives the orderer the channel's first block. Having the channel already
// is no error.
func (o *Orderer) Join(ctx context.Context, genesis []byte) error {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("config-block", "genesis.block")
	if err == nil {
		_, err = part.Write(genesis)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("encoding the first block: %w", err)
	}
	code, body, err := o.call(ctx, http.MethodPost, o.base, &form, w.FormDataContentType())
	if err != nil {
		return err
	}
	// Not allowed means that it has joined meanwhile.
	if code != http.StatusCreated && code != http.StatusMethodNotAllowed {
		return refused(code, body)
	}
	return nil
}

func (o *Orderer) call(ctx context.Context, method, to string, body io.Reader, kind string) (code int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return 0, nil, fmt.Errorf("asking an orderer: %w", err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := o.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("asking an orderer: %w", err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, answerLimit))
	if err != nil {
		return 0, nil, fmt.Errorf("reading an orderer's answer: %w", err)
	}
	return res.StatusCode, answer, nil
}

func refused(code int, body []byte) error {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && e.Error != "" {
		return errors.New("the orderer refused: " + e.Error)
	}
	return fmt.Errorf("the orderer answered %d", code)
}

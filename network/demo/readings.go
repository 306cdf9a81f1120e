package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// refusedBody tells whether a node refused what was sent because of what it is.
func refusedBody(err error) bool {
	return refused(err, ledger.CodeInvalid, ledger.CodeTooLarge, "malformed", "media_type")
}

// digestName is a name for content.
func digestName(b []byte) string { return ledger.BodyDigest(b)[:12] }

// fetchBill fetches the release's bill of materials from its manufacturer, as
// any member may, once the south has learnt of the release.
func (r *run) fetchBill(ctx context.Context) error {
	path := releasePath(r.release.model.DI, r.release.version)
	var stands published
	err := await(ctx, south+" to learn of the release", func(ctx context.Context) (bool, error) {
		return r.as(south, auditor).has(ctx, path, &stands)
	})
	if err != nil {
		return err
	}
	a, err := r.as(medtech, auditor).do(ctx, request{method: http.MethodGet, path: path + "/sbom"})
	if err != nil {
		return err
	}
	if ledger.BodyDigest(a.body) != stands.Digest {
		return errors.New("the bill of materials that is served is not the one on the ledger")
	}
	return nil
}

// send has the monitor send every batch, each under one signature.
func (r *run) send(ctx context.Context) error {
	node := r.as(north, auditor)
	records, origins := 0, map[string]bool{}
	for i := range r.input.batches {
		b := &r.input.batches[i]
		receipt, err := r.monitor.send(ctx, node, b)
		if refusedBody(err) {
			r.say.note("the node refuses %s: %v", b.from, err)
			continue
		}
		if err != nil {
			return err
		}
		r.sent = append(r.sent, sent{b, receipt})
		records += receipt.Count
		origins[filepath.Dir(b.from)] = true
	}
	if len(r.sent) == 0 {
		return errors.New("the node refused every reading")
	}
	// Another key than the ledger's must get nowhere.
	thief := &device{Serial: "none", Owner: north, Unit: r.monitor.Unit, Key: bytes.Repeat([]byte{7}, 32)}
	if _, err := thief.send(ctx, node, r.sent[0].batch); err == nil {
		return errors.New("the node took readings under a key that is not the device's")
	}
	r.say.did("the monitor sends %d readings in %d signed requests (%s): receipts for exactly these; the same under another key is refused",
		records, len(r.sent), r.kinds())
	return nil
}

// kinds names what was sent, in order and once.
func (r *run) kinds() string {
	var kinds []string
	seen := map[string]bool{}
	for _, s := range r.sent {
		if from := s.batch.mediaType + " from " + filepath.Dir(s.batch.from); !seen[from] {
			seen[from] = true
			kinds = append(kinds, strings.TrimSuffix(from, " from ."))
		}
	}
	return strings.Join(kinds, "; ")
}

// prove fetches the proof of the last record of each request and has it judged
// offline by a program that gets nothing but the bundle and the trust file.
func (r *run) prove(ctx context.Context) error {
	begin := time.Now()
	verdict := ""
	for _, s := range r.sent {
		at := s.receipt.Count - 1
		bundle, err := r.bundle(ctx, s.receipt.ID, at)
		if err != nil {
			return err
		}
		if got, err := recordOf(bundle); err != nil || !bytes.Equal(got, s.batch.records[at]) {
			return errors.Join(errors.New("the proof is of another reading than the device sent"), err)
		}
		if verdict, err = r.verify(ctx, bundle); err != nil {
			return err
		}
	}
	r.say.did("%d proofs are there after %s and hold offline: the last reading is", len(r.sent), since(begin))
	r.say.note("%s", verdict)
	if !strings.Contains(verdict, "unchanged since") || !strings.Contains(verdict, r.monitor.Unit) {
		return errors.New("the verdict does not name the device")
	}
	return nil
}

// bundle fetches a proof as soon as there is one.
func (r *run) bundle(ctx context.Context, id string, at int) ([]byte, error) {
	a, err := r.as(north, auditor).do(ctx, request{
		method: http.MethodGet, path: fmt.Sprintf("/v1/readings/%s/records/%d/proof", id, at),
	})
	if err != nil {
		return nil, err
	}
	return a.body, nil
}

// verify runs `secant verify`, which opens no connection. It returns what it
// printed; an error carries what it said against the bundle.
func (r *run) verify(ctx context.Context, bundle []byte) (string, error) {
	file, err := os.CreateTemp("", "secant-demo-*.json")
	if err != nil {
		return "", fmt.Errorf("keeping a proof: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(bundle)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("keeping a proof: %w", err)
	}
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, r.secant, "verify", "--trust", r.net.TrustFile(), file.Name()) //nolint:gosec // the platform's own program
	c.Stdout, c.Stderr = &stdout, &stderr
	err = c.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return "", &disbelief{strings.TrimSpace(stderr.String())}
	}
	if err != nil {
		return "", fmt.Errorf("running %s verify: %w", r.secant, err)
	}
	return strings.TrimSpace(stdout.String()), nil
}

// disbelief is what the verifier said against a bundle.
type disbelief struct{ said string }

func (d *disbelief) Error() string { return "the proof does not hold: " + d.said }

func recordOf(bundle []byte) ([]byte, error) {
	var b struct {
		Record struct {
			Text   string `json:"text"`
			Base64 []byte `json:"base64"`
		} `json:"record"`
	}
	if err := json.Unmarshal(bundle, &b); err != nil {
		return nil, fmt.Errorf("reading a proof: %w", err)
	}
	if b.Record.Base64 != nil {
		return b.Record.Base64, nil
	}
	return []byte(b.Record.Text), nil
}

// forge puts altered bytes into a bundle, together with their digest where it
// may be corrected without any secret.
func forge(bundle, altered []byte, correct bool) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(bundle))
	d.UseNumber() // what is not forged must stay as it is
	var b map[string]any
	if err := d.Decode(&b); err != nil {
		return nil, fmt.Errorf("reading a proof: %w", err)
	}
	r, ok := b["record"].(map[string]any)
	if !ok {
		return nil, errors.New("the proof holds no record")
	}
	if _, plain := r["text"]; plain {
		r["text"] = string(altered)
	} else {
		r["base64"] = base64.StdEncoding.EncodeToString(altered)
	}
	if correct {
		sum := sha256.Sum256(altered)
		r["digest"] = hex.EncodeToString(sum[:])
	}
	out, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encoding a proof: %w", err)
	}
	return out, nil
}

// alter changes one digit of a proven reading, as somebody would who wants it to
// say something else, and wants it caught; and caught again when the digest
// beside it is corrected.
func (r *run) alter(ctx context.Context) error {
	s := r.sent[len(r.sent)-1]
	bundle, err := r.bundle(ctx, s.receipt.ID, 0)
	if err != nil {
		return err
	}
	altered, was, is := change(s.batch.records[0])
	var said []string
	for _, correct := range []bool{false, true} {
		forged, err := forge(bundle, altered, correct)
		if err != nil {
			return err
		}
		verdict, err := r.verify(ctx, forged)
		d, caught := errors.AsType[*disbelief](err)
		switch {
		case err == nil:
			return fmt.Errorf("an altered reading passed: %s", verdict)
		case !caught:
			return err
		}
		said = append(said, d.said)
	}
	r.say.did("a reading is altered (%s to %s) and caught, even with its digest corrected:", was, is)
	for _, line := range said {
		r.say.note("%s", line)
	}
	return nil
}

// change alters the last digit of a record's last number, and returns what
// stood there and what stands there now. Without a digit it appends a byte.
func change(b []byte) (altered []byte, was, is string) {
	altered = bytes.Clone(b)
	at := bytes.LastIndexAny(altered, "0123456789")
	if at < 0 {
		return append(altered, '!'), "its end", "an exclamation mark"
	}
	begin := at
	for begin > 0 && altered[begin-1] >= '0' && altered[begin-1] <= '9' {
		begin--
	}
	was = string(altered[begin : at+1])
	altered[at] = '0' + (altered[at]-'0'+3)%10
	return altered, was, string(altered[begin : at+1])
}

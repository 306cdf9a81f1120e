package oid4

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/lasting"
)

// Where an issuer's lasting signatures are served, below the node's public address:
// its keys, each by its thumbprint; the signature of each certificate of conformity, by
// the digest of what it is over; and the anchored checkpoints of its log, by their
// sequence, for those who may see how the log grows.
const (
	PathLastingKeys         = "/lasting/keys/"
	PathLastingCertificates = "/lasting/certificates/"
	PathLastingCheckpoints  = "/lasting/checkpoints/"

	// LastingKeyEnding stands behind the thumbprint.
	LastingKeyEnding = ".jwk"
)

// lastingLife is how long others may keep what never changes.
const lastingLife = 24 * time.Hour

// typeNote is the media type of a signed note, for which none is registered.
const typeNote = "text/plain; charset=utf-8"

// Signatures are an issuer's lasting signatures. What there is not is not_found.
type Signatures interface {
	// Key returns a public key, which encodes as a JWK, by its thumbprint.
	Key(thumbprint string) (any, error)
	// Certificate returns the lasting signature of a certificate.
	Certificate(ctx context.Context, digest string) (string, error)
	// Checkpoint returns an anchored checkpoint, with its lasting signature as a
	// further line of the signed note.
	Checkpoint(ctx context.Context, sequence uint64) (string, error)
}

// Lasting serves an issuer's lasting signatures.
type Lasting struct{ signatures Signatures }

// NewLasting makes the handler.
func NewLasting(s Signatures) *Lasting { return &Lasting{s} }

// Register registers the routes.
func (l *Lasting) Register(r *auth.Router) {
	r.Handle(http.MethodGet, PathLastingKeys+":key", auth.Anonymous, l.key)
	r.Handle(http.MethodGet, PathLastingCertificates+":digest", auth.Anonymous, l.certificate)
	r.Handle(http.MethodGet, PathLastingCheckpoints+":sequence", auth.StatusRead, l.checkpoint)
}

func (l *Lasting) key(c *gin.Context) error {
	thumbprint, ok := strings.CutSuffix(c.Param("key"), LastingKeyEnding)
	if !ok {
		return ledger.Problemf(ledger.CodeNotFound, "there is no such key")
	}
	key, err := l.signatures.Key(thumbprint)
	if err != nil {
		return err
	}
	b, err := json.Marshal(key)
	if err != nil {
		return fmt.Errorf("encoding a lasting key: %w", err)
	}
	publish(c, lasting.TypeKey, lastingLife, b)
	return nil
}

func (l *Lasting) certificate(c *gin.Context) error {
	signature, err := l.signatures.Certificate(c.Request.Context(), c.Param("digest"))
	if err != nil {
		return err
	}
	publish(c, lasting.TypeSignature, lastingLife, []byte(signature))
	return nil
}

func (l *Lasting) checkpoint(c *gin.Context) error {
	sequence, err := strconv.ParseUint(c.Param("sequence"), 10, 63)
	if err != nil {
		return ledger.Problemf(ledger.CodeNotFound, "there is no such anchor")
	}
	note, err := l.signatures.Checkpoint(c.Request.Context(), sequence)
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, typeNote, []byte(note))
	return nil
}

package oid4vci

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/jwe"
	"github.com/secant-platform/secant/identity/keys"
)

// Order is what a credential is to be made from.
type Order struct {
	// ID names the order: the same whenever a deferred order is asked for again, even
	// twice at once, of which one is handed over.
	ID            string
	Configuration string       // id of the credential's configuration
	Subject       []byte       // what the offer was made with, or what approval returned
	Holders       []ledger.JWK // one credential for each; none: one that is bound to no key
	// Names are the DIDs by which the holders proved their keys, as many as there are
	// holders; empty: by the key itself. Of one key there are several did:jwk, and a
	// wallet finds its own alone.
	Names []string
}

// Issued is one credential, as its response carries it (section 8.3).
type Issued struct {
	Text   string         // all formats but ldp_vc; mso_mdoc is base64url of CBOR
	Object map[string]any // ldp_vc
}

// IssueFunc makes the credentials of an order, in the order of its holders. A
// *PendingError defers it (section 9); ledger.CodeDenied refuses it for good.
type IssueFunc func(ctx context.Context, o Order) ([]Issued, error)

// PendingError says that a credential is not ready yet.
type PendingError struct{ After time.Duration } // when to ask again

// Error says so.
func (*PendingError) Error() string { return "the credential is not ready yet" }

// Authorization is what an end user is asked to approve.
type Authorization struct {
	Client         string   // client_id
	User           string   // as AuthorizeUser was told; empty: nobody knows
	Configurations []string // ids of the credentials' configurations
	Offered        []byte   // the subject of the offer that started it; nil: the wallet did
}

// ApproveFunc asks the end user, whom the context knows, and returns the subject
// of the credentials. Whoever has the link of an offer gets here: that the user is
// the one whom Offered is about is for this function to find out. ledger.CodeDenied: the user does not agree. An
// *InteractionError sends the user elsewhere first, to sign in or to agree, from
// where the browser comes back to the same address. ErrNoUser: Authorization.User is
// needed.
type ApproveFunc func(ctx context.Context, a Authorization) (subject []byte, err error)

// ErrNoUser says that nothing is approved of a user whom nobody knows.
var ErrNoUser = errors.New("nobody knows yet who the user is")

// InteractionError names a page of the issuer's own that the user must visit.
type InteractionError struct{ URL string }

// Error says so.
func (*InteractionError) Error() string { return "the user must visit a page first" }

// Notice is what a wallet tells of what was issued to it (section 11).
type Notice struct {
	Order Order
	Event string // one of the Event constants
}

// The events of section 11.1.
const (
	EventAccepted = "credential_accepted"
	EventFailure  = "credential_failure"
	EventDeleted  = "credential_deleted"
)

// Attester names the key that signed a wallet or key attestation: the header's "kid" and
// certificates and the payload's "iss", of which nothing is verified yet.
type Attester struct {
	Issuer string
	KeyID  string
	Chain  [][]byte // DER, the signer's first
	// Status is the "status" of a key attestation, as it stands there: who can read it
	// refuses by it, who cannot decides whether to trust attestations that have one.
	Status []byte
}

// Options says what an issuer issues, and how.
type Options struct {
	// URL is the Credential Issuer Identifier, and the authorization server's:
	// https, no query, no fragment, no slash at its end. http is taken for
	// loopback alone.
	URL            string
	Display        []Display
	Configurations map[string]Configuration // by id
	Issue          IssueFunc
	Flows          Flows
	// Secret makes nonces and codes that the store alone cannot: 32 bytes or more,
	// the same for all gateways of one issuer.
	Secret []byte

	// Approve allows the authorization code; nil: pre-authorized codes only.
	Approve ApproveFunc
	// Clients are the wallets that may use the authorization code: redirect URIs
	// by client_id, compared exactly. One of http at a loopback address without a port
	// stands for every port there.
	Clients map[string][]string
	// Attested are those of the Clients that are refused without an attestation; needs
	// WalletKey.
	Attested []string
	// OffersOnly refuses the authorization code to whoever has no offer.
	OffersOnly bool
	// KeyOf resolves the "kid" of a key proof, a DID URL; nil: proofs carry "jwk".
	KeyOf func(ctx context.Context, kid string) (ledger.JWK, error)
	// WalletKey returns the key of a trusted attester; nil: attestations are not
	// looked at.
	WalletKey func(ctx context.Context, a Attester) (ledger.JWK, error)
	// KeyAttester returns the key of who is trusted to attest wallets' keys (appendix
	// D); nil: such attestations are not looked at.
	KeyAttester func(ctx context.Context, a Attester) (ledger.JWK, error)
	// RequireKeyAttestation refuses keys that KeyAttester's do not attest like this;
	// nil: keys without attestation are taken.
	RequireKeyAttestation *KeyAttestations
	// MetadataKey returns the key that signs the metadata and what its header says of
	// it, "kid" or "x5c"; nil: it is served unsigned alone.
	MetadataKey func() (keys.Signer, keys.Header, error)
	// Notified hears of notices; nil: none is asked for.
	Notified func(ctx context.Context, n Notice) error

	// Authorities is where the roots of the mdocs' certificates are served:
	// "mdoc_iacas_uri"; empty: nowhere.
	Authorities string

	// HAIP is the High Assurance Interoperability Profile 1.0, section 4. It requires
	// DPoP, and attestations with a chain of certificates; it needs Approve, WalletKey
	// and a scope for each configuration, which is of dc+sd-jwt or mso_mdoc.
	HAIP               bool
	RequireDPoP        bool // refuse tokens that are bound to no key
	RequireAttestation bool // refuse wallets that show no attestation; needs WalletKey
	// RequireEncryption refuses requests that are not encrypted, and gives no response
	// that is not; without it, both are on offer.
	RequireEncryption bool
	// BatchSize is how many credentials of one configuration, each for a key of
	// its own, one grant gives; 0 means 1. More than MaxBatch are refused.
	BatchSize int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// How long things last.
const (
	TokenLife   = 10 * time.Minute // access token
	GrantLife   = 24 * time.Hour   // refresh tokens, deferred credentials, notifications
	requestLife = 5 * time.Minute  // pushed authorization request: a user signs in meanwhile
	codeLife    = time.Minute      // authorization code
	nonceLife   = 5 * time.Minute
	maxOffer    = 30 * 24 * time.Hour
)

// The bounds of what comes in, in bytes.
const (
	MaxForm  = 16 << 10  // form of the token endpoint or of a pushed request
	MaxBody  = 256 << 10 // credential request
	MaxBatch = 16
	maxText  = 1 << 10 // one form field, one claim
)

// Issuer is a credential issuer with its authorization server. It is safe for use
// by several goroutines.
type Issuer struct {
	opts Options
	ids  []string // of configurations, in order

	key    *ecdsa.PrivateKey // to which requests are encrypted
	public *jwe.Key
	signed signed
}

// New makes an issuer.
func New(o Options) (*Issuer, error) {
	_, err := parseIdentifier(o.URL)
	if err != nil {
		return nil, fmt.Errorf("making an issuer: %w", err)
	}
	switch {
	case o.Issue == nil || o.Flows == nil:
		err = errors.New("it needs a function that issues, and a store")
	case len(o.Secret) < 32:
		err = errors.New("its secret must have 32 bytes or more")
	case len(o.Configurations) == 0:
		err = errors.New("it has nothing to issue")
	case o.HAIP && o.Approve == nil:
		err = errors.New("HAIP has the authorization code, which nobody approves")
	case (o.RequireAttestation || o.HAIP || len(o.Attested) > 0) && o.WalletKey == nil:
		err = errors.New("attestations are required of attesters that nobody trusts")
	case o.RequireKeyAttestation != nil && o.KeyAttester == nil:
		err = errors.New("key attestations are required of attesters that nobody trusts")
	case o.BatchSize < 0 || o.BatchSize > MaxBatch:
		err = fmt.Errorf("a batch has at most %d", MaxBatch)
	}
	if err == nil {
		err = oneEach(o.Display)
	}
	for id, c := range o.Configurations {
		if err == nil {
			err = c.validate(id)
		}
		if err == nil && o.HAIP && (c.Scope == "" || c.Format != FormatSDJWT && c.Format != FormatMdoc) {
			err = fmt.Errorf("the configuration %q has no scope, or is of a format that HAIP does not have", id)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("making an issuer: %w", err)
	}
	o.RequireDPoP = o.RequireDPoP || o.HAIP
	o.RequireAttestation = o.RequireAttestation || o.HAIP
	if o.BatchSize == 0 {
		o.BatchSize = 1
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	i := &Issuer{opts: o, ids: slices.Sorted(maps.Keys(o.Configurations))}
	if i.key, i.public, err = requestKey(o.Secret); err != nil {
		return nil, fmt.Errorf("making an issuer: %w", err)
	}
	return i, nil
}

// parseIdentifier reads a Credential Issuer Identifier (section 12.2.1).
func parseIdentifier(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil || strings.HasSuffix(s, "/") || u.String() != s {
		return nil, errors.New("an issuer's identifier is a URL without query, fragment, user, or slash at its end")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, errors.New("an issuer's identifier is of https, or of http on loopback")
	}
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (i *Issuer) now() time.Time { return i.opts.Now().UTC().Truncate(time.Second) }

// The paths of the endpoints, behind the issuer's identifier.
const (
	PathAuthorize    = "/authorize"
	PathRequest      = "/par"
	PathToken        = "/token"
	PathNonce        = "/nonce"
	PathCredential   = "/credential" //nolint:gosec // an address, no secret
	PathDeferred     = "/deferred"
	PathNotification = "/notification"
	PathOffer        = "/offer/" // and an offer's secret
)

// WellKnown inserts the name of a well-known document into the path of an
// identifier (section 12.2.2; RFC 8414, section 3.1).
func WellKnown(name, identifier string) (string, error) {
	u, err := parseIdentifier(identifier)
	if err != nil {
		return "", err
	}
	u.Path = "/.well-known/" + name + u.Path
	return u.String(), nil
}

// The names of the well-known documents.
const (
	WellKnownIssuer = "openid-credential-issuer"
	WellKnownServer = "oauth-authorization-server"
)

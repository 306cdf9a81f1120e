package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/analytics/strictjson"
	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/gateway/problem"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/oid4vci"
	"github.com/secant-platform/secant/identity/status"
)

// Credentials is where the organisation issues credentials. It is nil at a node
// that has no public address, which wallets could not reach.
type Credentials interface {
	// Offer checks an order without holders and offers it.
	Offer(ctx context.Context, order desk.Order, how Offering) (*oid4vci.Made, error)
	Credentials(ctx context.Context, credentialType, reference string, page ledger.PageRequest) ([]desk.Record, string, error)
	SetStatus(ctx context.Context, id string, to status.Status) (*desk.Record, error)
	// SetReference changes all that was issued under a reference, and returns what it
	// changed, and what it could not take back.
	SetReference(ctx context.Context, reference string, to status.Status) (changed, rest []desk.Record, err error)
	// Rotate makes new keys: "credentials", "control", "roots" or "lasting".
	Rotate(ctx context.Context, which string) error
	// Lasting verifies the lasting signature of anybody's certificate of conformity.
	Lasting(ctx context.Context, format catalogue.Format, certificate []byte) (*LastingSignature, error)
}

// Offering says how something is offered.
type Offering struct {
	Formats []catalogue.Format // in each of them; none: in all that the type has
	TxCode  bool
	// Person is who alone may take it, after signing in at the organisation's provider,
	// by the name that this has for the person. Empty: whoever gets the link.
	Person string
}

// NewCredentialOffer is what is to be issued to whoever the link is given to.
type NewCredentialOffer struct {
	Type      string         `json:"type" doc:"Credential type of the catalogue." example:"StaffRole"`
	Claims    map[string]any `json:"claims" doc:"What the credential says, as the type's schema has it. It is kept for as long as a wallet may take it: until the offer is over, and of one that was taken ten minutes, or a day by a wallet that binds its tokens to a key (DPoP). Nothing of it is logged or put on the ledger."`
	Formats   []string       `json:"formats,omitempty" doc:"In which formats the wallet may take it; absent: in all that the type has." example:"[\"dc+sd-jwt\"]"`
	Suite     string         `json:"suite,omitempty" enum:"eddsa-rdfc-2022,Ed25519Signature2020,BbsBlsSignature2020" doc:"How a credential in the format ldp_vc is signed, in which alone it is then offered; absent: eddsa-rdfc-2022. Ed25519Signature2020 is of the data model 1.1, for older wallets. Of one with BbsBlsSignature2020 the wallet shows parts that cannot be linked: it is bound to nobody, has no status, and lasts a day at most." example:"BbsBlsSignature2020"`
	Reference string         `json:"reference,omitempty" maxLength:"64" doc:"The issuer's own, to find the credential again; it must not name a person."`
	Lifetime  string         `json:"lifetime,omitempty" doc:"How long the credential is valid, as in 24h; absent: as the type has it." example:"12h"`
	Certified bool           `json:"certified,omitempty" doc:"An SD-JWT VC then carries the issuer's certificate (x5c), as HAIP 1.0 wants it; the wallet must know the root, which is at /iaca.pem. Types with which statements for the ledger are signed have none."`
	TxCode    bool           `json:"txCode,omitempty" doc:"Ask the wallet for a code that reaches the person on another way."`
	Grant     string         `json:"grant,omitempty" enum:"urn:ietf:params:oauth:grant-type:pre-authorized_code,authorization_code" doc:"How a wallet gets the credential: by the code in the link, so that whoever has the link may take it, which is what an absent grant means; or authorization_code, by which the person named in subject signs in at the organisation's own OpenID Connect provider first, and nobody else is given it. The node needs signIn.provider in its configuration for that." example:"authorization_code"`
	Subject   string         `json:"subject,omitempty" maxLength:"255" doc:"Who may take it, with the grant authorization_code: the person's sub at the organisation's provider, or the claim that signIn.provider.person names. It is kept for as long as the offer is." example:"248289761001"`
}

// CredentialOffer is an offer of a credential.
type CredentialOffer struct {
	Link    string    `json:"link" doc:"For the wallet: a link to follow, or to show as a QR code. Whoever has it may take the credential, unless the offer names a subject."`
	TxCode  string    `json:"txCode,omitempty" doc:"To tell the person, apart from the link."`
	Expires time.Time `json:"expires"`
}

// IssuedCredential is what is kept of a credential.
type IssuedCredential struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Format    string    `json:"format"`
	Reference string    `json:"reference"`
	Holder    string    `json:"holder" doc:"RFC 7638 thumbprint of the key to which it is bound; empty for one that is bound to none."`
	Status    string    `json:"status" enum:"valid,suspended,revoked"`
	Issued    time.Time `json:"issued"`
	Expires   time.Time `json:"expires"`
}

var statusNames = map[status.Status]string{status.Valid: "valid", status.Suspended: "suspended", status.Revoked: "revoked"}

func viewCredential(r desk.Record) IssuedCredential {
	return IssuedCredential{
		ID: r.ID, Type: r.Type, Format: string(r.Format), Reference: r.Reference, Holder: r.Holder,
		Status: statusNames[r.Status], Issued: r.Issued, Expires: r.Expires,
	}
}

type listCredentials struct {
	Page
	Type      string `query:"type" maxLength:"128" doc:"Only those of this type."`
	Reference string `query:"reference" maxLength:"64" doc:"Only those with this reference."`
}

type setStatus struct {
	ID   string `path:"id" pattern:"^[0-9a-f]{32}$"`
	Body struct {
		Status string `json:"status" enum:"valid,suspended,revoked" doc:"Revoked is for good; suspended until it is valid again."`
	}
}

type setReferenceStatus struct {
	Body struct {
		Reference string `json:"reference" minLength:"1" maxLength:"64" doc:"That with which it was offered."`
		Status    string `json:"status" enum:"valid,suspended,revoked" doc:"Revoked is for good; suspended until it is valid again."`
	}
}

// ChangedCredentials are those of which the status was changed.
type ChangedCredentials struct {
	Items []IssuedCredential `json:"items" doc:"Those that had another status before; what was revoked already stays so and is not among them."`
	Rest  []IssuedCredential `json:"rest" doc:"Those that could not be taken back, as they are bound to nobody and have no status (BBS+): each is good until it expires, a day at most after it was issued."`
}

// statusOf finds a status by its name.
func statusOf(name string) (status.Status, error) {
	for to, known := range statusNames {
		if known == name {
			return to, nil
		}
	}
	return 0, invalid(ledger.Fault{Field: "body.status", Detail: "must be valid, suspended or revoked"})
}

func (a *API) setReferenceStatus(ctx context.Context, in *setReferenceStatus) (*body[ChangedCredentials], error) {
	if a.Credentials == nil {
		return nil, noPublicAddress()
	}
	to, err := statusOf(in.Body.Status)
	if err != nil {
		return nil, err
	}
	changed, rest, err := a.Credentials.SetReference(ctx, in.Body.Reference, to)
	if err != nil {
		return nil, err
	}
	out := ChangedCredentials{Items: []IssuedCredential{}, Rest: []IssuedCredential{}}
	for _, r := range changed {
		out.Items = append(out.Items, viewCredential(r))
	}
	for _, r := range rest {
		out.Rest = append(out.Rest, viewCredential(r))
	}
	return &body[ChangedCredentials]{out}, nil
}

func (a *API) credentialRoutes() {
	a.api.stream(auth.CredentialsIssue, huma.Operation{
		OperationID: "offer-credential", Method: http.MethodPost, Path: "/v1/credentials/offers", Tags: []string{"credentials"},
		Summary: "Offer a credential to a wallet",
		Description: "The wallet takes it by OpenID4VCI 1.0, once. Claims may have any names that the type's schema has. " +
			"A StaffRole with a role that issues credentials or governs is an operator's to offer: people sign in by it.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[NewCredentialOffer](a.api)}}},
		Responses:   map[string]*huma.Response{"201": {Description: "The offer", Content: map[string]*huma.MediaType{typeJSON: {Schema: schemaOf[CredentialOffer](a.api)}}}},
	}, a.offerCredential)

	register(a.api, auth.CredentialsRead, huma.Operation{
		OperationID: "list-credentials", Method: http.MethodGet, Path: "/v1/credentials", Tags: []string{"credentials"},
		Summary: "The credentials that the organisation issued, newest first", Description: "No claim of theirs is kept.",
	}, func(ctx context.Context, in *listCredentials) (*body[List[IssuedCredential]], error) {
		if a.Credentials == nil {
			return nil, noPublicAddress()
		}
		got, next, err := a.Credentials.Credentials(ctx, in.Type, in.Reference, in.request())
		if err != nil {
			return nil, cursored(err)
		}
		return listed(got, next, viewCredential), nil
	})

	register(a.api, auth.ConsortiumGovern, huma.Operation{
		OperationID: "rotate-issuer-keys", Method: http.MethodPost, Path: "/v1/issuer/rotation", Tags: []string{"credentials"}, DefaultStatus: http.StatusNoContent,
		Summary: "Make new keys for the organisation's issuer",
		Description: "They sign from the moment at which they stand in the issuer's document on the ledger. The ones before stay there, so that what they signed stays valid, up to the newest seven. " +
			"What the eighth signed is then refused: a rotation each quarter keeps a credential of a year and a half.",
	}, a.rotateKeys)

	register(a.api, auth.CredentialsIssue, huma.Operation{
		OperationID: "set-credential-status", Method: http.MethodPost, Path: "/v1/credentials/{id}/status", Tags: []string{"credentials"},
		Summary: "Revoke, suspend or reinstate a credential",
		Description: "One with BBS+ has no status: it is not taken back, which is an error, but its offer ends. Of any other, when it answers, every node of the consortium refuses the credential, or takes it again; outside verifiers follow within the list's stated time." +
			" A wallet that is refused one gets no more by the same offer. Those that it has, in other formats or for other keys, " +
			"have ids of their own: /v1/credentials/status takes back all under one reference.",
	}, func(ctx context.Context, in *setStatus) (*body[IssuedCredential], error) {
		if a.Credentials == nil {
			return nil, noPublicAddress()
		}
		to, err := statusOf(in.Body.Status)
		if err != nil {
			return nil, err
		}
		r, err := a.Credentials.SetStatus(ctx, in.ID, to)
		if err != nil {
			return nil, err
		}
		return &body[IssuedCredential]{viewCredential(*r)}, nil
	})

	register(a.api, auth.CredentialsIssue, huma.Operation{
		OperationID: "set-reference-status", Method: http.MethodPost, Path: "/v1/credentials/status", Tags: []string{"credentials"}, DefaultStatus: http.StatusOK,
		Summary: "Revoke, suspend or reinstate all that was issued under a reference",
		Description: "In every format and for every key, at once; but those with BBS+ have no status, and rest says which stay good. What is revoked or suspended ends the offers that were made under the reference: " +
			"they give nothing more, also to a wallet that is fetching just now. Offers made afterwards do.",
	}, a.setReferenceStatus)
}

type rotateKeys struct {
	Body struct {
		Keys string `json:"keys" enum:"credentials,control,roots,lasting" doc:"Which: those that sign credentials and status lists, the one that may change the issuer's document, the one of the root under which its certificates are, or those of lasting signatures (ML-DSA-65)."`
	}
}

func (a *API) rotateKeys(ctx context.Context, in *rotateKeys) (*struct{}, error) {
	if a.Credentials == nil {
		return nil, noPublicAddress()
	}
	return nil, a.Credentials.Rotate(ctx, in.Body.Keys)
}

func noPublicAddress() error {
	return ledger.Problemf(ledger.CodeUnavailable, "this node has no public address, which wallets need; set public in its configuration")
}

// offerLimits bound the text of an offer: claims nest little.
var offerLimits = strictjson.Limits{Bytes: 32 << 10, Depth: 8, Values: 512}

func (a *API) offerCredential(c *gin.Context) error {
	if a.Credentials == nil {
		return noPublicAddress()
	}
	if _, err := contentType(c, typeJSON); err != nil {
		return err
	}
	text, err := readBody(c)
	if err != nil {
		return err
	}
	if err := strictjson.Check("the body", text, offerLimits); err != nil {
		return unread(err)
	}
	var in NewCredentialOffer
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return problem.Malformed("body", "must have the documented properties, of their types, and no others")
	}
	order := desk.Order{Type: in.Type, Claims: in.Claims, Reference: in.Reference, Certified: in.Certified, Suite: catalogue.Suite(in.Suite)}
	if in.Lifetime != "" {
		if order.Life, err = time.ParseDuration(in.Lifetime); err != nil || order.Life <= 0 {
			return invalid(ledger.Fault{Field: "body.lifetime", Detail: "must be a time as in 12h or 30m"})
		}
	}
	if !mayOffer(auth.CallerOf(c.Request.Context()), order) {
		return ledger.Problemf(ledger.CodeDenied, "a StaffRole by which somebody governs or issues credentials is offered by an operator alone")
	}
	formats := make([]catalogue.Format, len(in.Formats))
	for i, f := range in.Formats {
		formats[i] = catalogue.Format(f)
	}
	if err := in.checkGrant(); err != nil {
		return err
	}
	made, err := a.Credentials.Offer(c.Request.Context(), order, Offering{Formats: formats, TxCode: in.TxCode, Person: in.Subject})
	if err != nil {
		return inBody(err)
	}
	c.JSON(http.StatusCreated, CredentialOffer{Link: made.Link, TxCode: made.TxCode, Expires: made.Expires})
	return nil
}

// maxSubject bounds the name of a person at a provider (OpenID Connect Core 1.0, section 2).
const maxSubject = 255

// checkGrant wants a subject where, and only where, somebody signs in.
func (o *NewCredentialOffer) checkGrant() error {
	byCode := o.Grant == oid4vci.GrantCode
	switch {
	case !byCode && o.Grant != "" && o.Grant != oid4vci.GrantPreAuthorized:
		return invalid(ledger.Fault{Field: "body.grant", Detail: "must be " + oid4vci.GrantCode + " or " + oid4vci.GrantPreAuthorized})
	case byCode != (o.Subject != ""):
		return invalid(ledger.Fault{Field: "body.subject", Detail: "must name who may take the offer with the grant " + oid4vci.GrantCode + ", and is for no other"})
	case len(o.Subject) > maxSubject:
		return invalid(ledger.Fault{Field: "body.subject", Detail: fmt.Sprintf("must have at most %d bytes", maxSubject)})
	case byCode && o.TxCode:
		return invalid(ledger.Fault{Field: "body.txCode", Detail: "is not for the grant " + oid4vci.GrantCode + ", for which the person signs in"})
	}
	return nil
}

// mayOffer reports whether a caller may offer a credential: people sign in by
// StaffRoles, so that whoever gives one gives the role's rights.
func mayOffer(c *auth.Caller, o desk.Order) bool {
	role, isText := o.Claims["role"].(string)
	return o.Type != typeStaffRole || !isText || c != nil && c.Role.MayGive(auth.Role(role))
}

// typeStaffRole is the type by which staff sign in.
const typeStaffRole = "StaffRole"

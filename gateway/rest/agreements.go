package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/agreement"
	"github.com/secant-platform/secant/gateway/auth"
)

// Agreements gathers the signatures of the persons that a transaction needs. It is
// nil at a node that has no public address.
type Agreements interface {
	Prepare(ctx context.Context, o agreement.Order) (*agreement.Agreement, error)
	Agreement(ctx context.Context, id string) (*agreement.Agreement, error)
	Renew(ctx context.Context, id string, number int) (*agreement.Agreement, error)
	Sign(ctx context.Context, id string, signed ledger.HolderStatement) (*agreement.Agreement, error)
}

// Agreement is a transaction with the persons that it takes.
type Agreement struct {
	ID         string      `json:"id" doc:"32 hexadecimal digits."`
	Name       string      `json:"name" doc:"The transaction." example:"device:Release"`
	Says       []string    `json:"says" doc:"What each person agrees to, in plain words, a sentence each."`
	State      string      `json:"state" enum:"waiting,submitted,done,failed,expired" doc:"Waiting for persons; submitted once all have signed; done when it stands on the ledger. Failed: the ledger refused it, and the operation says why. Expired: not all signed, or it could not be submitted, in time."`
	Credential string      `json:"credential" doc:"Type of the credential that each person signs with." example:"DeviceReleaser"`
	Needed     int         `json:"needed" doc:"How many persons; from two on, of as many organisations."`
	Prepared   time.Time   `json:"prepared"`
	Expires    time.Time   `json:"expires" doc:"Until when persons can sign: ten minutes after it was prepared."`
	Persons    []Signatory `json:"persons"`
	Operation  *Operation  `json:"operation,omitempty" doc:"What becomes of the transaction, once all have signed."`
}

// Signatory is one of the persons who sign. Anybody with the credential takes the
// place: this node learns who it is, and tells nobody.
type Signatory struct {
	Number       int        `json:"number" doc:"From 1."`
	State        string     `json:"state" enum:"waiting,signed"`
	Link         string     `json:"link,omitempty" doc:"For the person's wallet, of whatever maker (OpenID4VP 1.0): to follow, or to show as a QR code. It may be passed on, to a person of another organisation too. Absent when it is signed, and at a node whose certificate wallets cannot know it by."`
	Statement    string     `json:"statement,omitempty" doc:"Path at which this node has the statement as a file for 'secant wallet sign'. Absent when it is signed."`
	Signed       *time.Time `json:"signed,omitempty"`
	Organisation string     `json:"organisation,omitempty" doc:"MSP id of the organisation that vouches for the person who signed."`
	Commitment   string     `json:"commitment,omitempty" doc:"What the ledger keeps of the person's statement, 64 hexadecimal digits."`
}

func viewAgreement(a *agreement.Agreement) Agreement {
	v := Agreement{
		ID: a.ID, Name: a.Function, Says: a.Says, State: string(a.State), Credential: a.Credential, Needed: len(a.Persons),
		Prepared: a.Prepared, Expires: a.Expires,
	}
	for _, p := range a.Persons {
		s := Signatory{Number: p.Number, State: "waiting", Link: p.Link, Statement: statementPath(a.ID, p.Number)}
		if !p.Signed.IsZero() {
			s.State, s.Statement, s.Signed, s.Organisation, s.Commitment = "signed", "", &p.Signed, p.Organisation, p.Commitment
		}
		v.Persons = append(v.Persons, s)
	}
	if a.Operation != nil {
		op := viewOperation(a.Operation)
		v.Operation = &op
	}
	return v
}

// ExplainedStatement is a statement with what it is about.
type ExplainedStatement struct {
	Statement ledger.Statement `json:"statement" doc:"What is signed."`
	Request   string           `json:"request" doc:"The transaction's request, byte for byte, of which the statement has the digest."`
}

// SignedStatement is what 'secant wallet sign' prints.
type SignedStatement struct {
	Statement    ledger.Statement `json:"statement"`
	Presentation string           `json:"presentation" minLength:"1" maxLength:"16384" doc:"SD-JWT VC with key binding (RFC 9901), whose nonce is the statement's challenge and whose audience is secant:<network>:<channel>."`
}

// ReleaseOrder returns a held or quarantined device to use.
type ReleaseOrder struct {
	Revision int    `json:"revision,omitempty" minimum:"1" doc:"Of the device, as read; absent: as this node knows it."`
	Evidence string `json:"evidence,omitempty" doc:"SHA-256 of what shows that all reasons are mended, 64 hexadecimal digits. The evidence stays off the ledger."`
}

// ClearanceOrder clears one device of a recall that goes on.
type ClearanceOrder struct {
	Recalled string `json:"recalled" enum:"lot,release" doc:"Which of the device's recalls: that of its lot, or of its release."`
	Revision int    `json:"revision,omitempty" minimum:"1" doc:"Of the device, as read; absent: as this node knows it."`
	Evidence string `json:"evidence,omitempty" doc:"SHA-256 of what shows that it was mended, 64 hexadecimal digits."`
}

// CertificationOrder is an assessment of a device, whichever way it went.
type CertificationOrder struct {
	Revision     int        `json:"revision,omitempty" minimum:"1" doc:"Of the device, as read; absent: as this node knows it."`
	Catalogue    string     `json:"catalogue" doc:"The controls by which it was assessed, with their version." example:"secant-controls/1"`
	Score        int        `json:"score" doc:"Basis points, 0 to 10000. Certified takes 8500, conditional 7000." example:"9100"`
	Verdict      string     `json:"verdict" doc:"One of certified, conditional, refused, not_certifiable." example:"certified"`
	ResultDigest string     `json:"resultDigest" doc:"SHA-256 of the results' document, 64 hexadecimal digits."`
	ValidTo      *time.Time `json:"validTo,omitempty" doc:"Until when it stands: with a verdict that certifies, and only then. At most 366 days ahead, 92 when conditional."`
}

// LiftOrder ends a recall for all its devices.
type LiftOrder struct {
	DI      string `json:"di" doc:"UDI-DI of the model." example:"04012345678901"`
	Lot     string `json:"lot,omitempty" doc:"The lot that is recalled; either this or release."`
	Release string `json:"release,omitempty" doc:"The release that is recalled; either this or lot."`
}

type releaseDevice struct {
	PathUnit
	Body ReleaseOrder
}

type clearDevice struct {
	PathUnit
	Body ClearanceOrder
}

type certifyDevice struct {
	PathUnit
	Body CertificationOrder
}

type liftRecall struct{ Body LiftOrder }

// PathAgreement finds an agreement.
type PathAgreement struct {
	ID string `path:"id" pattern:"^[0-9a-f]{32}$" patternDescription:"32 lower-case hexadecimal digits" doc:"The agreement's id."`
}

// PathPerson finds one of the persons of an agreement.
type PathPerson struct {
	PathAgreement
	Number int `path:"index" minimum:"1" maximum:"4" doc:"Which of the persons, from 1."`
}

type signAgreement struct {
	PathAgreement
	Body SignedStatement
}

// prepared is the answer to an order for persons to sign.
type prepared struct {
	Location string `header:"Location" doc:"Where the agreement stands."`
	Body     Agreement
}

func agreementPath(id string) string { return "/v1/agreements/" + id }

func statementPath(id string, number int) string {
	return agreementPath(id) + "/statements/" + strconv.Itoa(number)
}

const byPersons = "Nothing happens before the persons have signed whom it takes: by a link for their wallets, or from a file. "

func (a *API) agreementRoutes() {
	tags := []string{"agreements"}
	register(a.api, auth.DevicesWrite, huma.Operation{
		OperationID: "release-device", Method: http.MethodPost, Path: "/v1/units/{id}/release", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Ask two persons to release an own device that is held or in quarantine",
		Description: byPersons + "Two of two organisations, each with a DeviceReleaser.",
	}, a.releaseDevice)
	register(a.api, auth.DevicesWrite, huma.Operation{
		OperationID: "clear-device", Method: http.MethodPost, Path: "/v1/units/{id}/clearance", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Ask two persons to clear an own device of a recall that goes on",
		Description: byPersons + "Two of two organisations, each with a DeviceReleaser.",
	}, a.clearDevice)
	register(a.api, auth.DevicesCertify, huma.Operation{
		OperationID: "certify-device", Method: http.MethodPost, Path: "/v1/units/{id}/certification", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Ask an assessor to sign the assessment of a device",
		Description: byPersons + "One, with a DeviceAssessor. An authority's node submits it. " +
			"Once the members have accepted a catalogue of controls it is by one that they use, after POST /v1/units/{id}/assessments; until then what stands as the catalogue is the assessor's word alone.",
	}, a.certifyDevice)
	register(a.api, auth.RecallsWrite, huma.Operation{
		OperationID: "lift-recall", Method: http.MethodPost, Path: "/v1/recalls/lift", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary:     "Ask two persons to lift a recall, for all its devices",
		Description: byPersons + "Two of two organisations, each with a DeviceReleaser. A maker lifts a maker's recall, by a registrar's token, and an authority an authority's, by a certifier's.",
	}, a.liftRecall)

	register(a.api, auth.AgreementsGather, huma.Operation{
		OperationID: "get-agreement", Method: http.MethodGet, Path: "/v1/agreements/{id}", Tags: tags,
		Summary: "What persons are asked to sign, who has signed, and what came of it", Description: "It is kept for a day.",
	}, func(ctx context.Context, in *PathAgreement) (*body[Agreement], error) {
		return a.agreed(func(s Agreements) (*agreement.Agreement, error) { return s.Agreement(ctx, in.ID) })
	})
	register(a.api, auth.AgreementsGather, huma.Operation{
		OperationID: "get-statement", Method: http.MethodGet, Path: "/v1/agreements/{id}/statements/{index}", Tags: tags,
		Summary: "What one of the persons signs, as a file for 'secant wallet sign'",
	}, a.statement)
	register(a.api, auth.AgreementsGather, huma.Operation{
		OperationID: "renew-signature-request", Method: http.MethodPost, Path: "/v1/agreements/{id}/requests/{index}", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Make a fresh link for a person who has not signed", Description: "For when somebody declined the one before, or spoilt it by wrong answers. What was signed stays.",
	}, func(ctx context.Context, in *PathPerson) (*body[Agreement], error) {
		return a.agreed(func(s Agreements) (*agreement.Agreement, error) { return s.Renew(ctx, in.ID, in.Number) })
	})
	register(a.api, auth.AgreementsGather, huma.Operation{
		OperationID: "hand-in-signature", Method: http.MethodPost, Path: "/v1/agreements/{id}/signatures", Tags: tags, DefaultStatus: http.StatusOK,
		Summary:     "Hand in a statement that was signed from its file",
		Description: "As 'secant wallet sign' prints it. With the last one the transaction goes to the ledger. What is refused changes nothing.",
	}, func(ctx context.Context, in *signAgreement) (*body[Agreement], error) {
		return a.agreed(func(s Agreements) (*agreement.Agreement, error) {
			return s.Sign(ctx, in.ID, ledger.HolderStatement{Statement: in.Body.Statement, Presentation: in.Body.Presentation})
		})
	})
}

// agreed answers with an agreement.
func (a *API) agreed(ask func(Agreements) (*agreement.Agreement, error)) (*body[Agreement], error) {
	if a.Agreements == nil {
		return nil, noPublicAddress()
	}
	got, err := ask(a.Agreements)
	if err != nil {
		return nil, err
	}
	return &body[Agreement]{viewAgreement(got)}, nil
}

func (a *API) statement(ctx context.Context, in *PathPerson) (*body[ExplainedStatement], error) {
	if a.Agreements == nil {
		return nil, noPublicAddress()
	}
	got, err := a.Agreements.Agreement(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Number > len(got.Persons) {
		return nil, ledger.Problemf(ledger.CodeNotFound, "the agreement has no such person")
	}
	s := got.Persons[in.Number-1].Statement
	return &body[ExplainedStatement]{ExplainedStatement{s.Statement, s.Request}}, nil
}

// prepare asks persons for their signatures. The fields of the request that stand in
// the path are named.
func (a *API) prepare(ctx context.Context, role ledger.Role, name string, request interface{ Validate() error }, path ...string) (*prepared, error) {
	if err := request.Validate(); err != nil {
		return nil, placed(err, path...)
	}
	if a.Agreements == nil {
		return nil, noPublicAddress()
	}
	got, err := a.Agreements.Prepare(ctx, agreement.Order{Role: role, Function: name, Request: request})
	if err != nil {
		return nil, err
	}
	return &prepared{agreementPath(got.ID), viewAgreement(got)}, nil
}

// unitNow finds a device, and its revision unless the caller stated one.
func (a *API) unitNow(ctx context.Context, id string, revision int) (*ledger.Unit, int, error) {
	row, err := a.Units.Unit(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	if revision == 0 {
		revision = row.Record.Revision
	}
	return &row.Record, revision, nil
}

// ownUnitNow is unitNow for the organisation's own devices.
func (a *API) ownUnitNow(ctx context.Context, id string, revision int) (*ledger.Unit, int, error) {
	unit, revision, err := a.unitNow(ctx, id, revision)
	if err == nil && unit.Owner != a.Organisation {
		err = ledger.Problemf(ledger.CodeDenied, "only the unit's owner does this")
	}
	return unit, revision, err
}

func (a *API) releaseDevice(ctx context.Context, in *releaseDevice) (*prepared, error) {
	unit, revision, err := a.ownUnitNow(ctx, in.ID, in.Body.Revision)
	if err != nil {
		return nil, err
	}
	if s := unit.OwnState(); s != ledger.StateHeld && s != ledger.StateQuarantined {
		return nil, ledger.Problemf(ledger.CodeConflict, "the unit is neither held nor in quarantine")
	}
	return a.prepare(ctx, ledger.RoleCustodian, ledger.DeviceRelease,
		&ledger.ReleaseUnit{ID: in.ID, Revision: revision, Evidence: in.Body.Evidence}, "id")
}

func (a *API) clearDevice(ctx context.Context, in *clearDevice) (*prepared, error) {
	unit, revision, err := a.ownUnitNow(ctx, in.ID, in.Body.Revision)
	if err != nil {
		return nil, err
	}
	value := unit.Lot
	if in.Body.Recalled == ledger.RecallRelease {
		value = unit.Release
	}
	recall, err := a.Recalls.Recall(ctx, unit.DI, in.Body.Recalled, value)
	if err != nil {
		return nil, err
	}
	return a.prepare(ctx, ledger.RoleCustodian, ledger.DeviceClear, &ledger.ClearUnit{
		ID: in.ID, Revision: revision, Kind: in.Body.Recalled, Recall: recall.Record.Revision, Evidence: in.Body.Evidence,
	}, "id")
}

func (a *API) certifyDevice(ctx context.Context, in *certifyDevice) (*prepared, error) {
	_, revision, err := a.unitNow(ctx, in.ID, in.Body.Revision)
	if err != nil {
		return nil, err
	}
	b := &in.Body
	if err := a.certifiesBy(ctx, b.Catalogue); err != nil {
		return nil, err
	}
	req := &ledger.CertifyUnit{
		ID: in.ID, Revision: revision, Catalogue: b.Catalogue, Score: b.Score, Verdict: b.Verdict, ResultDigest: b.ResultDigest,
	}
	if b.ValidTo != nil {
		req.ValidTo = b.ValidTo.UTC().Truncate(time.Millisecond)
	}
	return a.prepare(ctx, ledger.RoleCertifier, ledger.DeviceCertify, req, "id")
}

// certifiesBy refuses to certify by what the members do not use, once they use
// something: the ledger takes a free name as the assessor's word alone, and whoever
// reads the certification might take it for the members'.
func (a *API) certifiesBy(ctx context.Context, catalogue string) error {
	of, used, err := a.Compliance.InUse(ctx)
	if err != nil {
		return err
	}
	if used == nil || of.ID() == catalogue {
		return nil
	}
	if name, version, ok := ledger.SplitCatalogue(catalogue); ok {
		row, found, err := a.Compliance.CatalogueInUse(ctx, name)
		if err != nil || found && row.Record.Version == version {
			return err
		}
	}
	return ledger.Problemf(ledger.CodeConflict, "the members do not use the catalogue that is named: assess the device (POST /v1/units/{id}/assessments) and certify by what comes of that")
}

func (a *API) liftRecall(ctx context.Context, in *liftRecall) (*prepared, error) {
	b := &in.Body
	if (b.Lot == "") == (b.Release == "") {
		return nil, invalid(ledger.Fault{Field: "body.lot", Detail: "must be given, or else release, and not both"})
	}
	req := &ledger.LiftRecall{DI: b.DI, Kind: ledger.RecallLot, Value: b.Lot}
	if b.Release != "" {
		req.Kind, req.Value = ledger.RecallRelease, b.Release
	}
	recall, err := a.Recalls.Recall(ctx, req.DI, req.Kind, req.Value)
	if err != nil {
		return nil, err
	}
	req.Revision = recall.Record.Revision
	return a.prepare(ctx, recallRole(ctx), ledger.DeviceLiftRecall, req)
}

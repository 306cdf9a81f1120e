package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/chaincode/statetest"
	"github.com/secant-platform/secant/gateway/auth"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/desk"
	"github.com/secant-platform/secant/identity/did"
	"github.com/secant-platform/secant/identity/holder"
	"github.com/secant-platform/secant/identity/keys"
	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/oid4vp"
	"github.com/secant-platform/secant/identity/sdjwt"
	"github.com/secant-platform/secant/identity/vc"
	"github.com/secant-platform/secant/identity/wallet"
)

// ward is two hospitals with people who release devices, and devices of the
// north's that are held.
type ward struct {
	*consortium

	north, south, authority *running
	maker                   *running
	root                    string
	units                   int
}

func openWard(t *testing.T) *ward {
	t.Helper()
	w := &ward{consortium: newConsortium(t)}
	root, cert, key := certify(t)
	w.root = root
	w.north = w.launch(t, "hospital-north", w.public("hospital-north", root, cert, key), func(string) {}).ready()
	w.south = w.launch(t, "hospital-south", w.public("hospital-south", root, cert, key), func(string) {}).ready()
	w.authority = w.launch(t, "authority", w.public("authority", root, cert, key), func(string) {}).ready()
	w.maker = w.start(t, "medtech")
	w.start(t, "hospital-east") // who votes, too
	model(w.maker)
	for _, r := range []*running{w.north, w.south, w.authority} {
		issuer := ledger.IssuerDID(statetest.Network, r.cfg.Organisation, issuerLabel)
		r.await("its issuer to be settled", func() bool {
			_, err := r.node.store.StatusList(t.Context(), issuer, "1")
			return err == nil
		})
		types := []string{ledger.CredentialReleaser}
		if r == w.authority {
			types = append(types, ledger.CredentialAssessor)
		}
		for _, kind := range types {
			if err := w.network.Ledger.Accept(issuer, kind); err != nil {
				t.Fatal(err)
			}
			for _, at := range []*running{w.north, w.authority} {
				at.await("the acceptance to be known", func() bool {
					_, err := at.node.store.Trust(t.Context(), issuer, kind)
					return err == nil
				})
			}
		}
	}
	return w
}

// held makes a device of the north's that is in quarantine.
func (w *ward) held(t *testing.T) string {
	t.Helper()
	w.units++
	id := commission(t, w.maker, w.north, fmt.Sprintf("SN-%d", w.units)).id
	w.quarantine(t, id)
	return id
}

func (w *ward) unit(t *testing.T, r *running, id string) ledger.Unit {
	t.Helper()
	row, err := r.node.store.Unit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row.Record
}

func (w *ward) quarantine(t *testing.T, id string) {
	t.Helper()
	revision := w.unit(t, w.north, id).Revision
	req := ledger.QuarantineUnit{ID: id, Revision: revision, Reason: ledger.HoldMalfunction}
	if err := w.network.Ledger.Submit(w.network.Ledger.Client("hospital-north", ledger.RoleCustodian), ledger.DeviceQuarantine, req, nil); err != nil {
		t.Fatal(err)
	}
	w.north.await("the quarantine to be known", func() bool { return w.unit(t, w.north, id).Revision > revision })
}

// releaser is somebody with a DeviceReleaser of an organisation's.
func (w *ward) releaser(t *testing.T, of *running) *person {
	t.Helper()
	return w.holder(t, of, ledger.CredentialReleaser, "")
}

func (w *ward) holder(t *testing.T, of *running, kind, reference string) *person {
	t.Helper()
	p := newPerson(t, of.cfg.PublicURL(), w.root)
	var made struct{ Link string }
	of.want(http.StatusCreated, "operator", http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": kind, "formats": []string{"dc+sd-jwt"}, "reference": reference,
		"claims": map[string]any{"given_name": "Nora", "family_name": "Night", "staff_number": "4711"},
	}, &made)
	p.receive(made.Link)
	return p
}

// credential is a DeviceReleaser with its key, outside any wallet.
func (w *ward) credential(t *testing.T, of *running) (token string, key keys.Signer) {
	t.Helper()
	key = newP256(t)
	return w.issued(t, of, key), key
}

// issued is a DeviceReleaser for a key.
func (w *ward) issued(t *testing.T, of *running, key keys.Signer) string {
	t.Helper()
	issued, err := of.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: ledger.CredentialReleaser, Format: catalogue.SDJWT, Holders: []ledger.JWK{key.JWK()},
		Claims: map[string]any{"given_name": "Olaf", "family_name": "Noon", "staff_number": "4712"},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, _ := issued[0].Credential.(string)
	return token
}

// held is the one credential of a wallet.
func (p *person) held() wallet.Credential { return p.wallet.List()[0] }

// agreed is what a node tells of an agreement.
type agreed struct {
	ID, State, Credential string
	Says                  []string
	Needed                int
	Expires               time.Time
	Persons               []struct {
		Number                                           int
		State, Link, Statement, Organisation, Commitment string
	}
	Operation *struct {
		State, Tx string
		Problem   *struct{ Code, Detail string }
	}
}

func (w *ward) release(id string) agreed {
	var a agreed
	w.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units/"+id+"/release", map[string]any{}, &a)
	return a
}

func (w *ward) look(id string) agreed { return lookAt(w.north, "registrar", id) }

func lookAt(r *running, role, id string) agreed {
	var a agreed
	r.want(http.StatusOK, role, http.MethodGet, "/v1/agreements/"+id, nil, &a)
	return a
}

// ends waits for the outcome.
func (w *ward) ends(id string) agreed { return endsAt(w.north, "registrar", id) }

func endsAt(r *running, role, id string) agreed {
	var a agreed
	r.await("the outcome", func() bool {
		a = lookAt(r, role, id)
		return slices.Contains([]string{"done", "failed", "expired"}, a.State)
	})
	return a
}

// file is the statement of a person, as the node has it.
func (w *ward) file(path string) holder.Explained {
	var b json.RawMessage
	w.north.want(http.StatusOK, "registrar", http.MethodGet, path, nil, &b)
	e, err := holder.ParseExplained(b)
	if err != nil {
		w.north.t.Fatal(err)
	}
	return *e
}

// answer has the wallet answer a request, which may be over.
func (p *person) answer(link string) error {
	p.t.Helper()
	r, err := oid4vp.NewResponder(oid4vp.ResponderOptions{HTTP: p.web, Now: time.Now, Roots: p.roots})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := r.Read(p.t.Context(), link); err != nil {
		return err
	}
	_, err = p.show(link)
	return err
}

// sign has a wallet sign a statement from its file.
func (p *person) sign(s *ledger.Statement) *ledger.HolderStatement {
	p.t.Helper()
	signed, err := p.wallet.Sign(s, p.held().ID)
	if err != nil {
		p.t.Fatal(err)
	}
	return signed
}

// TestPersonsSign for transactions at nodes, which takes a consortium of its own.
func TestPersonsSign(t *testing.T) {
	w := openWard(t)
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"two persons release a device", w.twoPersonsReleaseADevice},
		{"what is refused loses nothing", w.whatIsRefusedLosesNothing},
		{"the ledger decides in the end", w.theLedgerDecidesInTheEnd},
		{"a statement is no sign-in", w.aStatementIsNoSignIn},
		{"an authority certifies, recalls and lifts", w.anAuthorityActs},
		{"Credo signs", w.credoSigns},
	} {
		if !t.Run(c.name, c.test) {
			return
		}
	}
}

// twoPersonsReleaseADevice: one of them is another hospital's, and has nothing at
// the node but the link. What they did stands at every member.
func (w *ward) twoPersonsReleaseADevice(t *testing.T) {
	t.Helper()
	mine, theirs := w.releaser(t, w.north), w.releaser(t, w.south)
	id := w.held(t)
	a := w.release(id)
	if a.State != "waiting" || a.Needed != 2 || len(a.Persons) != 2 || a.Credential != ledger.CredentialReleaser ||
		!strings.Contains(a.Says[0], "Release the device "+id) || time.Until(a.Expires) > 10*time.Minute {
		t.Errorf("prepared is %+v", a)
	}
	// What a wallet is shown is what is signed, and the question comes from the desk.
	responder, err := oid4vp.NewResponder(oid4vp.ResponderOptions{HTTP: mine.web, Now: time.Now, Roots: mine.roots})
	if err != nil {
		t.Fatal(err)
	}
	request, err := responder.Read(t.Context(), a.Persons[1].Link)
	if err != nil {
		t.Fatal(err)
	}
	var shown holder.Explained
	if err := json.Unmarshal(request.Statement, &shown); err != nil {
		t.Fatal(err)
	}
	says, err := shown.Says()
	challenge, _ := shown.Statement.Challenge()
	if err != nil || challenge != request.Nonce || request.ClientID != "x509_san_dns:localhost" || says[0] != a.Says[0] {
		t.Errorf("the wallet is shown %q by %s (%v)", says, request.ClientID, err)
	}

	if err := theirs.answer(a.Persons[0].Link); err != nil {
		t.Fatal(err)
	}
	if got := w.look(a.ID); got.State != "waiting" || got.Persons[0].State != "signed" || got.Persons[0].Organisation != "hospital-south" || got.Persons[0].Link != "" {
		t.Errorf("after one has signed: %+v", got)
	}
	if err := mine.answer(a.Persons[1].Link); err != nil {
		t.Fatal(err)
	}
	end := w.ends(a.ID)
	if end.State != "done" || end.Operation == nil || end.Operation.Tx == "" {
		t.Fatalf("it ended as %+v %+v", end, end.Operation)
	}
	if got := w.unit(t, w.north, id); got.State != ledger.StateInService {
		t.Errorf("the unit is %s", got.State)
	}
	var history struct {
		Items []struct {
			Step    string
			Persons []ledger.PersonActed
		}
	}
	w.south.await("the south to see who signed", func() bool {
		w.south.want(http.StatusOK, "auditor", http.MethodGet, "/v1/units/"+id+"/history", nil, &history)
		return history.Items[0].Step == ledger.DeviceRelease
	})
	for i, p := range history.Items[0].Persons {
		if end.Persons[i].Organisation != p.Organisation || end.Persons[i].Commitment != p.Statement {
			t.Errorf("the ledger says %+v, the node %+v", p, end.Persons[i])
		}
	}
	if len(history.Items[0].Persons) != 2 {
		t.Errorf("%d persons stand there", len(history.Items[0].Persons))
	}
	// Nothing of it serves again.
	if err := mine.answer(a.Persons[1].Link); err == nil {
		t.Error("a signature is taken twice")
	}
	if log := w.north.log.String(); strings.Contains(log, challenge) {
		t.Error("the log has what was signed")
	}

	// From files: the next time, one signs so.
	w.quarantine(t, id)
	a = w.release(id)
	e := w.file(a.Persons[0].Statement)
	w.north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/agreements/"+a.ID+"/signatures", mine.sign(&e.Statement), nil)
	if err := theirs.answer(a.Persons[1].Link); err != nil {
		t.Fatal(err)
	}
	if end := w.ends(a.ID); end.State != "done" {
		t.Errorf("it ended as %+v %+v", end, end.Operation)
	}
}

// whatIsRefusedLosesNothing: none of these signs, and afterwards two people can.
func (w *ward) whatIsRefusedLosesNothing(t *testing.T) {
	t.Helper()
	mine, colleague, theirs := w.releaser(t, w.north), w.releaser(t, w.north), w.releaser(t, w.south)
	id := w.held(t)
	other := w.release(w.held(t))
	a := w.release(id)
	path := "/v1/agreements/" + a.ID + "/signatures"
	first, second, elsewhere := w.file(a.Persons[0].Statement), w.file(a.Persons[1].Statement), w.file(other.Persons[0].Statement)
	// presented is a presentation as a wallet makes it that was asked for something else.
	token, key := w.credential(t, w.north)
	presented := func(s ledger.Statement, audience, nonce string) *ledger.HolderStatement {
		t.Helper()
		presentation, err := sdjwt.Present(token, key, nil, sdjwt.Binding{Audience: audience, Nonce: nonce, At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return &ledger.HolderStatement{Statement: s, Presentation: presentation}
	}
	challenge, err := first.Statement.Challenge()
	if err != nil {
		t.Fatal(err)
	}
	changed := *mine.sign(&first.Statement)
	changed.Statement.Revision++
	swapped := *mine.sign(&first.Statement)
	swapped.Statement = second.Statement
	older := func(audience, nonce string) *ledger.HolderStatement {
		t.Helper()
		return &ledger.HolderStatement{Statement: first.Statement, Presentation: w.olderProof(t, audience, nonce)}
	}
	signIn := "x509_hash:" + strings.Repeat("A", 43)
	for name, c := range map[string]struct {
		signed *ledger.HolderStatement
		status int
	}{
		"a statement of another agreement":   {mine.sign(&elsewhere.Statement), http.StatusUnprocessableEntity},
		"a statement that was changed":       {&changed, http.StatusGone},
		"a signature on the other statement": {&swapped, http.StatusUnprocessableEntity},
		"what somebody signed in with":       {presented(first.Statement, signIn, challenge), http.StatusUnprocessableEntity},
		"what was for the desk, as a file":   {presented(first.Statement, "x509_san_dns:localhost", challenge), http.StatusUnprocessableEntity},
		"a signature on something else":      {presented(first.Statement, ledger.StatementAudience(statetest.Network, statetest.Channel), "n-1"), http.StatusUnprocessableEntity},
		"an older wallet's proof":            {older("x509_san_dns:localhost", challenge), http.StatusUnprocessableEntity},
		"such a proof for the ledger":        {older(ledger.StatementAudience(statetest.Network, statetest.Channel), challenge), http.StatusUnprocessableEntity},
		"no presentation":                    {&ledger.HolderStatement{Statement: first.Statement, Presentation: "x"}, http.StatusUnprocessableEntity},
	} {
		if status := w.handIn(path, c.signed); status != c.status {
			t.Errorf("%s: %d, want %d", name, status, c.status)
		}
	}
	if got := w.look(a.ID); got.Persons[0].State != "waiting" || got.Persons[1].State != "waiting" {
		t.Errorf("somebody has signed: %+v", got)
	}
	for role, want := range map[string]int{"nurse": http.StatusForbidden, "auditor": http.StatusForbidden, "certifier": http.StatusForbidden} {
		if status, _ := w.north.call(role, http.MethodPost, "/v1/units/"+id+"/release", []byte(`{}`), map[string]string{"Content-Type": "application/json"}); status != want {
			t.Errorf("a %s prepares a release: %d", role, status)
		}
	}

	// One signs, and neither that one nor a colleague signs beside; then another's does.
	if err := mine.answer(a.Persons[0].Link); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*person{"the same person": mine, "a colleague": colleague} {
		if err := p.answer(a.Persons[1].Link); ledger.CodeOf(err) != ledger.CodeDenied {
			t.Errorf("%s signs beside: %v", name, err)
		}
		if status := w.handIn(path, p.sign(&second.Statement)); status != http.StatusForbidden {
			t.Errorf("%s signs beside, from a file: %d", name, status)
		}
	}
	if status := w.handIn(path, theirs.sign(&first.Statement)); status != http.StatusGone {
		t.Errorf("what was signed is signed again: %d", status)
	}
	// Wrong answers end a request, and not the agreement: there is a fresh link.
	for range 3 {
		_ = mine.answer(a.Persons[1].Link)
	}
	if err := theirs.answer(a.Persons[1].Link); err == nil {
		t.Error("a spoilt request is answered")
	}
	var renewed agreed
	w.north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/agreements/"+a.ID+"/requests/2", nil, &renewed)
	w.north.want(http.StatusGone, "registrar", http.MethodPost, "/v1/agreements/"+a.ID+"/requests/1", nil, nil)
	w.north.want(http.StatusNotFound, "registrar", http.MethodPost, "/v1/agreements/"+a.ID+"/requests/3", nil, nil)
	if err := theirs.answer(renewed.Persons[1].Link); err != nil {
		t.Fatal(err)
	}
	if end := w.ends(a.ID); end.State != "done" {
		t.Errorf("it ended as %+v %+v", end, end.Operation)
	}
	if got := w.unit(t, w.north, id); got.State != ledger.StateInService {
		t.Errorf("the unit is %s", got.State)
	}
}

// theLedgerDecidesInTheEnd: what was true when people were asked may not be so
// when the last has signed.
func (w *ward) theLedgerDecidesInTheEnd(t *testing.T) {
	t.Helper()
	mine, theirs := w.holder(t, w.north, ledger.CredentialReleaser, "leaver"), w.releaser(t, w.south)
	id := w.held(t)
	a := w.release(id)
	if err := mine.answer(a.Persons[0].Link); err != nil {
		t.Fatal(err)
	}
	// Held for another reason meanwhile: what they signed is about the revision before.
	hold := ledger.RetireUnit{ID: id, Revision: w.unit(t, w.north, id).Revision, WipeDigest: ledger.BodyDigest(nil)}
	if err := w.network.Ledger.Submit(w.network.Ledger.Client("hospital-north", ledger.RoleCustodian), ledger.DeviceRetire, hold, nil); err != nil {
		t.Fatal(err)
	}
	if err := theirs.answer(a.Persons[1].Link); err != nil {
		t.Fatal(err)
	}
	end := w.ends(a.ID)
	if end.State != "failed" || end.Operation.Problem == nil || end.Operation.Problem.Code == "" {
		t.Errorf("it ended as %+v %+v", end, end.Operation)
	}

	// A person's credential is revoked between the signature and the transaction.
	b := w.release(w.held(t))
	if err := mine.answer(b.Persons[0].Link); err != nil {
		t.Fatal(err)
	}
	var issued struct{ Items []struct{ ID string } }
	w.north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?reference=leaver", nil, &issued)
	w.north.want(http.StatusOK, "registrar", http.MethodPost, "/v1/credentials/"+issued.Items[0].ID+"/status", map[string]string{"status": "revoked"}, nil)
	if err := theirs.answer(b.Persons[1].Link); err != nil {
		t.Fatal(err)
	}
	if end := w.ends(b.ID); end.State != "failed" || end.Operation.Problem.Code != string(ledger.CodeDenied) {
		t.Errorf("with a credential that was revoked meanwhile it ended as %+v %+v", end, end.Operation)
	}
	// And who is revoked signs no more.
	c := w.release(w.held(t))
	if err := mine.answer(c.Persons[0].Link); ledger.CodeOf(err) != ledger.CodeDenied {
		t.Errorf("with a revoked credential: %v", err)
	}
}

// aStatementIsNoSignIn, nor the other way round: the node asks for each as
// another client.
func (w *ward) aStatementIsNoSignIn(t *testing.T) {
	t.Helper()
	mine := w.releaser(t, w.north)
	a := w.release(w.held(t))
	var begun struct{ Link, Ticket string }
	if status := mine.ask(http.MethodPost, "/v1/sign-in", "", map[string]string{"who": "staff"}, &begun); status != http.StatusOK {
		t.Fatal(status)
	}
	for _, link := range []string{begun.Link, a.Persons[0].Link} {
		if desk := strings.Contains(link, "client_id=x509_san_dns%3Alocalhost"); desk != (link != begun.Link) || !desk && !strings.Contains(link, "client_id=x509_hash") {
			t.Errorf("asked by %s", link)
		}
	}
	// The desk's client stands on the ledger, and the one of sign-ins does not.
	row, err := w.north.node.store.DID(t.Context(), ledger.IssuerDID(statetest.Network, "hospital-north", ledger.LabelCredentials))
	if err != nil {
		t.Fatal(err)
	}
	if got := row.Record.StatementClients(); len(got) != 1 || got[0] != "x509_san_dns:localhost" {
		t.Errorf("the desks are %v", got)
	}
	if !auth.RoleCertifier.Has(auth.DevicesCertify) || auth.RoleRegistrar.Has(auth.DevicesCertify) {
		t.Error("not certifiers, and they alone, prepare what assessors sign")
	}
}

// anAuthorityActs: one assessor certifies; of a recall, one device is cleared at its
// owner, and then it is lifted for all.
func (w *ward) anAuthorityActs(t *testing.T) {
	t.Helper()
	assessor, theirs, mine := w.holder(t, w.authority, ledger.CredentialAssessor, ""), w.releaser(t, w.authority), w.releaser(t, w.north)
	w.units++
	d := commission(t, w.maker, w.north, fmt.Sprintf("SN-%d", w.units)).id
	w.authority.await("the authority to know the device", func() bool {
		row, err := w.authority.node.store.Unit(t.Context(), d)
		return err == nil && row.Record.State == ledger.StateInService
	})
	var a agreed
	w.authority.want(http.StatusUnprocessableEntity, "certifier", http.MethodPost, "/v1/units/"+d+"/certification", map[string]any{
		"catalogue": "secant-controls/1", "score": 100, "verdict": "certified", "resultDigest": ledger.BodyDigest(nil),
	}, nil)
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/units/"+d+"/certification", map[string]any{
		"catalogue": "secant-controls/1", "score": 9100, "verdict": "certified", "resultDigest": ledger.BodyDigest(nil), "validTo": time.Now().Add(24 * time.Hour),
	}, &a)
	if a.Needed != 1 || a.Credential != ledger.CredentialAssessor {
		t.Errorf("prepared is %+v", a)
	}
	var e holder.Explained
	w.authority.want(http.StatusOK, "certifier", http.MethodGet, a.Persons[0].Statement, nil, &e)
	w.authority.want(http.StatusForbidden, "certifier", http.MethodPost, "/v1/agreements/"+a.ID+"/signatures", theirs.sign(&e.Statement), nil) // a releaser is no assessor
	if err := assessor.answer(a.Persons[0].Link); err != nil {
		t.Fatal(err)
	}
	if end := endsAt(w.authority, "certifier", a.ID); end.State != "done" {
		t.Fatalf("it ended as %+v %+v", end, end.Operation)
	}

	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/recalls", map[string]any{
		"di": "DI-1", "lot": "L1", "class": "II", "noticeDigest": ledger.BodyDigest(nil),
	}, nil)
	w.north.await("the recall to be known", func() bool { return w.unit(t, w.north, d).State == ledger.StateRecalled })
	w.north.want(http.StatusCreated, "registrar", http.MethodPost, "/v1/units/"+d+"/clearance", map[string]any{"recalled": "lot"}, &a)
	for i, p := range []*person{theirs, mine} {
		if err := p.answer(a.Persons[i].Link); err != nil {
			t.Fatal(err)
		}
	}
	if end := w.ends(a.ID); end.State != "done" || w.unit(t, w.north, d).State == ledger.StateRecalled {
		t.Errorf("it ended as %+v %+v", end, end.Operation)
	}
	w.authority.want(http.StatusNotFound, "certifier", http.MethodPost, "/v1/recalls/lift", map[string]any{"di": "DI-1", "lot": "L2"}, nil)
	w.authority.want(http.StatusUnprocessableEntity, "certifier", http.MethodPost, "/v1/recalls/lift", map[string]any{"di": "DI-1"}, nil)
	w.authority.want(http.StatusCreated, "certifier", http.MethodPost, "/v1/recalls/lift", map[string]any{"di": "DI-1", "lot": "L1"}, &a)
	for i, p := range []*person{theirs, mine} {
		if err := p.answer(a.Persons[i].Link); err != nil {
			t.Fatal(err)
		}
	}
	if end := endsAt(w.authority, "certifier", a.ID); end.State != "done" {
		t.Errorf("it ended as %+v %+v", end, end.Operation)
	}
}

// credoSigns: a wallet of others signs beside one of ours, and its signature stands
// before the ledger; what it showed for a sign-in does not.
func (w *ward) credoSigns(t *testing.T) {
	t.Helper()
	credo := wallettest.Install(t, "../../../identity/oid4vp/testdata/peer")
	t.Setenv("NODE_EXTRA_CA_CERTS", w.root)
	b, err := os.ReadFile(w.root)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	mine := w.releaser(t, w.north)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.FromCrypto(private)
	if err != nil {
		t.Fatal(err)
	}
	d, err := private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	id := w.held(t)
	a := w.release(id)
	got := credo.Show(t, wallettest.Showing{
		Link: a.Persons[0].Link, Credential: w.issued(t, w.south, key), Trusted: []string{base64.StdEncoding.EncodeToString(block.Bytes)},
		Holder: map[string]any{"kty": "EC", "crv": "P-256", "x": key.JWK().X, "y": key.JWK().Y, "d": base64.RawURLEncoding.EncodeToString(d)},
	})[0]
	if !got.OK || got.Status != http.StatusOK || got.Prefix != oid4vp.PrefixDNS {
		t.Fatalf("Credo says %+v", got)
	}
	if err := mine.answer(a.Persons[1].Link); err != nil {
		t.Fatal(err)
	}
	if end := w.ends(a.ID); end.State != "done" || w.unit(t, w.north, id).State != ledger.StateInService {
		t.Errorf("it ended as %+v %+v", end, end.Operation)
	}
}

// olderProof is what an older wallet shows when it is asked by a presentation
// definition: a presentation in a JWT.
func (w *ward) olderProof(t *testing.T, audience, nonce string) string {
	t.Helper()
	key := newP256(t)
	issued, err := w.north.node.identity.desk.Issue(t.Context(), desk.Order{
		Type: "Practitioner", Format: catalogue.JWT, Claims: physician, Holders: []ledger.JWK{key.JWK()},
	})
	if err != nil {
		t.Fatal(err)
	}
	token, _ := issued[0].Credential.(string)
	holder, err := did.JWKDID(key.JWK())
	if err != nil {
		t.Fatal(err)
	}
	shown, err := vc.PresentJWT(key, vc.Showing{
		Holder: holder, KeyID: holder + "#0", Made: time.Now(), Question: vc.Question{Nonce: nonce, Audience: audience},
	}, token)
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// handIn uploads a signed statement.
func (w *ward) handIn(path string, signed *ledger.HolderStatement) int {
	b, err := json.Marshal(signed)
	if err != nil {
		w.north.t.Fatal(err)
	}
	status, body := w.north.call("registrar", http.MethodPost, path, b, map[string]string{"Content-Type": "application/json"})
	if status >= http.StatusInternalServerError {
		w.north.t.Logf("%s", body)
	}
	return status
}

package check_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/check"
	"github.com/secant-platform/secant/identity/keys"
)

// refused wants a refusal of that step, in words that repeat nothing.
func refused(tb testing.TB, name string, err error, step check.Step) {
	tb.Helper()
	r, ok := errors.AsType[*check.Refusal](err)
	if !ok || r.Step != step || r.Problem == nil || !slices.Contains(check.Steps, r.Step) {
		tb.Errorf("%s: %v, want a refusal of the step %s", name, err, step)
		return
	}
	for _, secret := range []string{"Seacole", "Eve", "S-12", "north.example", "hospital", "did:", "eyJ", nonce} {
		if strings.Contains(fmt.Sprintf("%v %+v %s", err, err, r.Problem.Error()), secret) {
			tb.Errorf("%s: repeats what was presented: %v", name, err)
		}
	}
}

// attack is one thing that is wrong, in every format.
type attack struct {
	spoil func(*scene)
	step  check.Step
	code  ledger.Code        // empty: any
	not   []catalogue.Format // in which it cannot be
}

// Formats in which an attack cannot be made: those that a good library makes, and
// those in which a holder cannot keep a claim, those whose issuers have certificates
// instead of documents.
var (
	open      = []catalogue.Format{catalogue.JWT, catalogue.LD}
	certified = []catalogue.Format{catalogue.MDoc}
	strict    = []catalogue.Format{catalogue.LD, catalogue.MDoc}
)

// attacks are those that every format can have.
var attacks = map[string]attack{
	// whose word it is
	"an issuer that nobody knows": {spoil: func(s *scene) { s.rename("did:web:attacker.example") }, step: check.StepIssuer, not: certified},
	"an issuer of no row":         {spoil: func(s *scene) { clear(s.world.rows) }, step: check.StepIssuer, code: ledger.CodeDenied},
	"an issuer accepted for another type": {spoil: func(s *scene) {
		clear(s.world.rows)
		s.world.accept(s.issuer, "Patient")
	}, step: check.StepIssuer},
	"an issuer accepted for another version of the type": {spoil: func(s *scene) {
		s.world.rows[s.issuer+" "+s.types[0]].Schema = "1.1.0"
	}, step: check.StepIssuer, code: ledger.CodeDenied},
	"an issuer accepted for no version of the type": {spoil: func(s *scene) {
		s.world.rows[s.issuer+" "+s.types[0]].Schema = ""
	}, step: check.StepIssuer, code: ledger.CodeDenied},
	"an issuer struck off": {spoil: func(s *scene) {
		s.world.rows[s.issuer+" "+s.types[0]].State = ledger.TrustStruck
	}, step: check.StepIssuer, code: ledger.CodeDenied},
	"an organisation that was removed": {spoil: func(s *scene) {
		s.world.roster.Organisations = slices.DeleteFunc(s.world.roster.Organisations, func(id string) bool { return id == "hospital-north" })
	}, step: check.StepIssuer, code: ledger.CodeDenied},
	"an organisation of another kind":                {spoil: func(s *scene) { s.world.members["hospital-north"].Kind = "bank" }, step: check.StepIssuer},
	"an issuer that speaks for another organisation": {spoil: func(s *scene) { s.claims["organisation"] = "hospital-south" }, step: check.StepIssuer, not: certified},
	"a row of another issuer": {spoil: func(s *scene) {
		s.world.rows[s.issuer+" "+s.types[0]].Issuer = south
	}, step: check.StepIssuer},
	"an alias of an issuer that is not trusted": {spoil: func(s *scene) {
		s.rename("did:web:south.example")
		s.world.aliases[s.issuer] = south
	}, step: check.StepIssuer, not: certified},
	"an issuer of the ledger that the node believes by itself": {spoil: func(s *scene) {
		clear(s.world.rows)
		s.world.outside[s.issuer] = true
	}, step: check.StepIssuer, not: certified},
	"another type than asked for": {spoil: func(s *scene) { s.want.Types = []string{"Patient"} }, step: check.StepType},
	"a type that nobody knows":    {spoil: func(s *scene) { s.types[0] = "Admin" }, step: check.StepType, not: certified},
	"a type in another case":      {spoil: func(s *scene) { s.types[0] = "staffrole" }, step: check.StepType, not: certified},

	// which key
	"the hospital's name, an attacker's key": {spoil: func(s *scene) { s.by = edwards(s.tb) }, step: check.StepProof, not: certified},
	"the hospital's name, an attacker's key and its id": {spoil: func(s *scene) {
		s.by = edwards(s.tb)
		s.keyID = "did:jwk:" + segment(encode(s.tb, s.by.JWK())) + "#0"
	}, step: check.StepKey, not: certified},
	"a key's id that begins as another does": {spoil: func(s *scene) { s.keyID = s.issuer + "#key-10" }, step: check.StepProof, not: certified},
	"a part of a key's id":                   {spoil: func(s *scene) { s.keyID = s.issuer + "#key" }, step: check.StepKey, not: certified},
	"no key's id":                            {spoil: func(s *scene) { s.keyID = "" }, step: check.StepKey, not: strict},
	"an empty key's id":                      {spoil: func(s *scene) { s.keyID = s.issuer + "#" }, step: check.StepKey, not: certified},
	"a path in the key's id":                 {spoil: func(s *scene) { s.keyID = s.issuer + "#../key-1" }, step: check.StepKey, not: certified},
	"a query in the key's id":                {spoil: func(s *scene) { s.keyID = s.issuer + "?versionId=1#key-1" }, step: check.StepKey, not: certified},
	"two fragments in the key's id":          {spoil: func(s *scene) { s.keyID = s.issuer + "#key-1#key-1" }, step: check.StepKey, not: certified},
	"a key of another issuer": {spoil: func(s *scene) {
		s.by, s.keyID = edwards(s.tb), south+"#key-1"
		s.world.publish(south, now.Add(-time.Hour), map[string]keys.Signer{"key-1": s.by})
		s.world.accept(south, s.types[0])
	}, step: check.StepKey, not: certified},
	"a key for another purpose": {spoil: func(s *scene) {
		d := &s.world.dids[s.issuer][0].document
		d.Authentication, d.AssertionMethod = d.AssertionMethod, nil
	}, step: check.StepKey, not: certified},
	"a key that was withdrawn since": {spoil: func(s *scene) {
		s.world.publish(s.issuer, now.Add(-time.Minute), map[string]keys.Signer{"key-2": edwards(s.tb)})
	}, step: check.StepKey, not: certified},
	"a key that is younger than the credential": {spoil: func(s *scene) {
		young := map[string]keys.Signer{"key-1": s.by}
		s.world.dids[s.issuer] = nil
		s.world.publish(s.issuer, now.Add(-time.Minute), young)
	}, step: check.StepKey, not: certified},
	"an id that belonged to another key when it signed": {spoil: func(s *scene) {
		old := map[string]keys.Signer{"key-1": edwards(s.tb)}
		s.world.dids[s.issuer] = nil
		s.world.publish(s.issuer, now.Add(-1000*time.Hour), old)
		s.world.publish(s.issuer, now.Add(-time.Minute), map[string]keys.Signer{"key-1": s.by})
	}, step: check.StepKey, not: certified},

	// when
	"expired":              {spoil: func(s *scene) { s.expires = now }, step: check.StepTime},
	"not yet valid":        {spoil: func(s *scene) { s.begins = now.Add(3 * time.Minute) }, step: check.StepTime},
	"of the future":        {spoil: func(s *scene) { s.issued = now.Add(3 * time.Minute) }, step: check.StepTime},
	"longer than it may":   {spoil: func(s *scene) { s.expires = s.issued.Add(s.maxLife() + time.Second) }, step: check.StepTime},
	"over before it began": {spoil: func(s *scene) { s.issued = now.Add(time.Minute); s.expires = now.Add(30 * time.Second) }, step: check.StepTime, not: strict},

	// who shows it, to whom
	"another holder":                       {spoil: func(s *scene) { s.bearer = p256(s.tb) }, step: check.StepBinding},
	"the issuer as holder":                 {spoil: func(s *scene) { s.bearer = s.by }, step: check.StepBinding},
	"a replayed nonce":                     {spoil: func(s *scene) { s.nonce = "n-of-yesterday" }, step: check.StepBinding},
	"a longer nonce":                       {spoil: func(s *scene) { s.nonce += "x" }, step: check.StepBinding},
	"no nonce":                             {spoil: func(s *scene) { s.nonce = "" }, step: check.StepBinding, not: strict},
	"a swapped audience":                   {spoil: func(s *scene) { s.audience = "x509_san_dns:south.example" }, step: check.StepBinding},
	"a presentation of old":                {spoil: func(s *scene) { s.shown = now.Add(-ledger.MaxKeyBindingAge - time.Second) }, step: check.StepBinding, not: certified},
	"a presentation to come":               {spoil: func(s *scene) { s.shown = now.Add(ledger.MaxStatementSkew + time.Second) }, step: check.StepBinding, not: certified},
	"another than the one who is expected": {spoil: func(s *scene) { s.want.Holder = p256(s.tb).JWK().Thumbprint() }, step: check.StepBinding, code: ledger.CodeDenied},

	// what became of it
	"revoked":                        {spoil: func(s *scene) { s.world.revoked[place(*s.status)] = true }, step: check.StepStatus, code: ledger.CodeDenied},
	"a stale list":                   {spoil: func(s *scene) { s.list(func(l *ledger.StatusList) { l.ValidUntil = now }) }, step: check.StepStatus, code: ledger.CodeDenied},
	"a list of another issuer":       {spoil: func(s *scene) { s.list(func(l *ledger.StatusList) { l.Issuer = south }) }, step: check.StepStatus},
	"a list of nobody's":             {spoil: func(s *scene) { clear(s.world.lists) }, step: check.StepStatus},
	"long-lived without a status":    {spoil: func(s *scene) { s.status, s.expires = nil, s.issued.Add(25*time.Hour) }, step: check.StepStatus},
	"a status that is not to be had": {spoil: func(s *scene) { s.world.down = nil; s.status.URI = "https://north.example/none" }, step: check.StepStatus},

	// what it says
	"a value that is none":        {spoil: func(s *scene) { s.claims[s.coded()] = "superuser" }, step: check.StepSchema, code: ledger.CodeInvalid},
	"a claim of another type":     {spoil: func(s *scene) { s.claims["given_name"] = m{"x": 1} }, step: check.StepSchema, not: strict},
	"a claim that must be there":  {spoil: func(s *scene) { delete(s.claims, s.coded()) }, step: check.StepSchema, not: certified},
	"a claim beyond bounds":       {spoil: func(s *scene) { s.claims[s.free()] = strings.Repeat("x", 201) }, step: check.StepSchema},
	"a person that is a device":   {spoil: func(s *scene) { s.subject = ledger.DeviceDID("dev", strings.Repeat("0f", 32)) }, step: check.StepSubject, not: certified},
	"a person that is a hospital": {spoil: func(s *scene) { s.subject = ledger.OrganisationDID("dev", "hospital-north") }, step: check.StepSubject, not: certified},
	"a claim that is kept":        {spoil: func(s *scene) { s.show, s.want.Claims = nil, []string{s.coded(), "given_name"} }, step: check.StepClaims, not: open},
	"a claim that is not there":   {spoil: func(s *scene) { s.want.Claims = []string{"shoe_size"} }, step: check.StepClaims},

	// sources
	"sources that are down": {spoil: func(s *scene) {
		s.world.down = fmt.Errorf("asking about %s: %w", s.issuer, ledger.Problemf(ledger.CodeUnavailable, "%s does not answer", s.issuer))
	}, step: check.StepIssuer, code: ledger.CodeUnavailable},
	"sources that break": {spoil: func(s *scene) { s.world.down = errors.New("broken: " + s.issuer) }, step: check.StepIssuer, code: ledger.CodeUnavailable},
}

// rename gives the issuer another name, with its keys.
func (s *scene) rename(issuer string) {
	s.world.dids[issuer] = s.world.dids[s.issuer]
	s.issuer, s.keyID = issuer, issuer+"#key-1"
}

func (s *scene) maxLife() time.Duration {
	t, _ := catalogue.Find(s.types[0])
	return t.MaxLife
}

func (s *scene) list(change func(*ledger.StatusList)) {
	l := s.world.lists[listURI]
	change(&l)
	s.world.lists[listURI] = l
}

// TestEveryAttackIsRefusedInEveryFormat is the table of attack x format.
func TestEveryAttackIsRefusedInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, f := range check.Formats() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			s := sceneFor(t, f)
			if _, err := s.judge(f); err != nil {
				t.Fatalf("a good one: %v", err)
			}
			for name, a := range attacks {
				if slices.Contains(a.not, f) {
					continue
				}
				s := sceneFor(t, f)
				a.spoil(s)
				_, err := s.judge(f)
				refused(t, name, err, a.step)
				if a.code != "" && ledger.CodeOf(err) != a.code {
					t.Errorf("%s: %v, want %s", name, err, a.code)
				}
			}
		})
	}
}

package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"html"
	"image"
	"image/color"
	_ "image/png" // decodes the picture
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/gateway/client"
)

// gtin makes a number for a model that no other has: 13 digits and the check digit
// (GS1 General Specifications, section 7.9).
func gtin() string {
	digits := []byte("0401234")
	for len(digits) < 13 {
		n, _ := rand.Int(rand.Reader, big.NewInt(10)) // never fails
		digits = append(digits, '0'+byte(n.Int64()))
	}
	sum := 0
	for i, d := range digits {
		sum += int(d-'0') * (3 - 2*(i%2))
	}
	return string(append(digits, '0'+byte((10-sum%10)%10)))
}

// announce registers the model and its releases, and has what speaks for all of its
// units stated before there are any: each statement has every unit judged anew.
func (p *pumps) announce(bill []byte) {
	t, ctx := p.t, p.t.Context()
	t.Helper()
	maker := p.n.client(t, "medtech", "registrar")
	_, err := maker.RegisterModel(ctx, client.NewModel{
		DI: p.di, Name: "Alaris GS", ModelNumber: "GS-" + p.di[6:], RiskClass: "IIb", BasicUDIDI: "401234567MON1", SRN: "DE-MF-000012345",
		SupportEnd: time.Now().AddDate(5, 0, 0).Format(time.DateOnly),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{affectedBy, mended} {
		r, err := maker.PublishRelease(ctx, p.di, version, client.MediaCycloneDX, bill)
		if err != nil {
			t.Fatal(err)
		}
		if r.Components < 100 {
			t.Errorf("the bill of materials has %d components", r.Components)
		}
	}
	model := fmt.Sprintf(`"di":%q`, p.di)
	p.met("medtech", "registrar", model, "SB-3", "SB-4", "UP-1", "UP-3", "AC-1", "AC-2", "CR-2", "NW-2", "PR-1", "DC-1")
	p.met("authority", "certifier", model, "CE-1")
}

// deliver registers five hundred units of three owners, and states what speaks for
// one of them.
func (p *pumps) deliver() {
	t, ctx := p.t, p.t.Context()
	t.Helper()
	maker := p.n.client(t, "medtech", "registrar")
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var units []client.NewUnit
	for i, share := range []struct{ affected, mended int }{{180, 20}, {150, 10}, {130, 10}} {
		for j := range share.affected + share.mended {
			u := client.NewUnit{Serial: fmt.Sprintf("%s-%d-%d", p.di, i, j), DI: p.di, Lot: "L2018-08", Release: affectedBy, Owner: scriptWards[i]}
			if j >= share.affected {
				u.Release = mended
			}
			units = append(units, u)
		}
	}
	units[0].PublicKey, units[0].IDevID = hex.EncodeToString(public), ledger.BodyDigest([]byte(p.di))
	begin := time.Now()
	got, err := maker.RegisterUnits(ctx, units)
	if err != nil || got.Registered != 500 {
		t.Fatalf("%+v %v", got, err)
	}
	t.Logf("500 units were registered in %v", time.Since(begin).Round(time.Millisecond))
	p.affected = map[string]map[string]bool{}
	for _, org := range scriptWards {
		auditor, count := p.n.client(t, org, "auditor"), 0
		await(t, org+" to know its units", func() bool {
			p.affected[org], count = map[string]bool{}, 0
			for u, err := range auditor.Units(ctx, client.UnitFilter{DI: p.di}) {
				if err != nil {
					t.Fatal(err)
				}
				if count++; u.Owner == org && u.Release == affectedBy {
					p.affected[org][u.ID] = true
				}
				if u.PublicKey != "" {
					p.sound = u.ID
				}
			}
			return count == 500
		})
	}
	unit := fmt.Sprintf(`"unit":%q`, p.sound)
	p.met("hospital-north", "registrar", unit, "AC-3", "AU-1", "CR-1", "NW-1", "DI-2")
	p.met("authority", "certifier", unit, "ID-2", "DI-1", "SB-2")
}

// met has an organisation record evidence of controls, of a model or of a unit.
func (p *pumps) met(org, role, subject string, controls ...string) {
	p.t.Helper()
	at := p.n.node(p.t, org, role)
	for _, c := range controls {
		await(p.t, org+" to record evidence of "+c, func() bool { // once its node knows of the subject
			status, b := at.do(http.MethodPost, "/v1/compliance/evidence", "application/json",
				fmt.Appendf(nil, `{"control":%q,"claim":"met","digest":%q,%s}`, c, ledger.BodyDigest([]byte(c)), subject))
			if status >= 400 && status != http.StatusNotFound && status != http.StatusConflict {
				p.t.Fatalf("evidence of %s: %d %s", c, status, b)
			}
			return status < 300
		})
	}
}

// adopt has the members accept the program's catalogue of controls.
func (p *pumps) adopt() {
	t := p.t
	t.Helper()
	const own = "secant-controls/1"
	known := "" // a device that every node knows
	for u, err := range p.authority.Units(t.Context(), client.UnitFilter{Owner: "hospital-north"}) {
		if err != nil {
			t.Fatal(err)
		}
		known = u.ID
		break
	}
	inUse := func(org string) bool {
		judged, err := p.n.client(t, org, "auditor").Judge(t.Context(), known)
		return err == nil && judged.InUse && judged.Catalogue == own
	}
	if inUse("authority") && inUse("hospital-north") && inUse("medtech") {
		return
	}
	operator := p.n.node(t, "authority", "operator")
	if status, b := operator.do(http.MethodPost, "/v1/compliance/catalogue", "", nil); status != http.StatusCreated && status != http.StatusConflict {
		t.Fatalf("publishing the catalogue: %d %s", status, b)
	}
	var proposal struct{ ID string }
	operator.call(http.MethodPost, "/v1/proposals", map[string]any{
		"kind": "accept_catalogue", "subject": map[string]any{"catalogue": own}, "reason": "The script's.",
	}, &proposal)
	of := "/v1/proposals/" + proposal.ID
	for _, org := range []string{"authority", "hospital-north", "hospital-south"} {
		at := p.n.node(t, org, "operator")
		await(t, "the proposal at "+org, func() bool { status, _ := at.do(http.MethodGet, of, "", nil); return status == http.StatusOK })
		at.call(http.MethodPost, of+"/votes", map[string]any{"approve": true}, nil)
	}
	await(t, "the catalogue to be accepted", func() bool {
		status, _ := operator.do(http.MethodPost, of+"/enactment", "", nil)
		return status == http.StatusCreated
	})
	for _, org := range []string{"authority", "hospital-north", "medtech"} {
		await(t, "the catalogue to be in use at "+org, func() bool { return inUse(org) })
	}
}

// certify has the authority judge the device, an assessor sign it, and the certificate
// of conformity issued, which says what the ledger says. It returns the certificate's
// reference.
func (p *pumps) certify(what string) string {
	t, ctx := p.t, p.t.Context()
	t.Helper()
	if p.assessor == nil {
		p.assessor = p.n.keeper(t)
		p.offer(p.assessor, ledger.CredentialAssessor, map[string]any{"given_name": "Oddny-" + rand.Text(), "family_name": "Halvorsen-" + rand.Text(), "staff_number": "A-" + rand.Text()})
	}
	a, err := p.authority.Assess(ctx, p.sound)
	for end := time.Now().Add(time.Minute); err == nil && a.ValidTo == nil; a, err = p.authority.Assess(ctx, p.sound) {
		if time.Now().After(end) {
			t.Fatalf("%s: judged %s with %d: %s", what, a.Verdict, a.Score, unmet(a))
		}
		time.Sleep(500 * time.Millisecond) // its node follows the ledger, and fetches what the maker's has
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s with %d of 10000; unmet: %s", what, a.Verdict, a.Score, unmet(a))
	agreed, err := p.authority.RequestCertification(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	mark("a request for a signature", agreed.Persons[0].Link)
	p.assessor.must("sign", "--yes", agreed.Persons[0].Link)
	if _, err := p.authority.WaitAgreement(ctx, agreed.ID); err != nil {
		t.Fatal(err)
	}
	await(t, what+" to stand on the ledger", func() bool {
		s, err := p.authority.Standing(ctx, p.sound)
		return err == nil && s.Certification != ledger.CertificationNone && s.ValidTo.Equal(a.ValidTo.Truncate(time.Millisecond))
	})
	holder := p.n.keeper(t)
	p.offer(holder, "DeviceCertification", map[string]any{"unit": p.sound})
	if got := p.status(holder.reference); got != "valid" {
		t.Errorf("%s is %q", what, got)
	}
	return holder.reference
}

// unmet are the controls that an assessment found not met.
func unmet(a *client.Assessment) string {
	var list []string
	for _, r := range a.Results {
		if r.Result != "pass" && r.Result != "not_applicable" {
			list = append(list, r.Control+" "+r.Result)
		}
	}
	return strings.Join(list, ", ")
}

// offer has the authority offer a credential, and a wallet take it.
func (p *pumps) offer(to *keeper, kind string, claims map[string]any) {
	p.t.Helper()
	for _, name := range []string{"given_name", "family_name", "staff_number"} {
		if v, ok := claims[name].(string); ok {
			mark("a person's name", v)
		}
	}
	var made struct{ Link string }
	p.n.node(p.t, "authority", "operator").call(http.MethodPost, "/v1/credentials/offers", map[string]any{
		"type": kind, "claims": claims, "formats": []string{"dc+sd-jwt"}, "reference": to.reference,
	}, &made)
	mark("an offer of a credential", made.Link)
	to.must("receive", "--yes", made.Link)
}

// status is that of the credential with a reference, as its issuer has it.
func (p *pumps) status(reference string) string {
	p.t.Helper()
	var issued struct{ Items []struct{ Status string } }
	p.n.node(p.t, "authority", "operator").call(http.MethodGet, "/v1/credentials?reference="+reference, nil, &issued)
	if len(issued.Items) != 1 {
		p.t.Fatalf("%d credentials have the reference", len(issued.Items))
	}
	return issued.Items[0].Status
}

// serve puts the device into service.
func (p *pumps) serve() {
	p.t.Helper()
	north := p.n.client(p.t, "hospital-north", "registrar")
	u, err := north.PutIntoService(p.t.Context(), p.sound, client.NewService{Ward: "ICU 2", Address: "10.20.0.17"})
	if err != nil || u.OwnState() != ledger.StateInService {
		p.t.Fatalf("%+v %v", u, err)
	}
}

// reissued has the certificate of before taken back: the new one stands alone.
func (p *pumps) reissued(first, second string) {
	p.t.Helper()
	p.n.node(p.t, "authority", "operator").call(http.MethodPost, "/v1/credentials/status", map[string]string{"reference": first, "status": "revoked"}, nil)
	if a, b := p.status(first), p.status(second); a != "revoked" || b != "valid" {
		p.t.Errorf("the first certificate is %s, the second %s", a, b)
	}
}

// tags are what a page's text does not have.
var tags = regexp.MustCompile(`(?s)<style.*?</style>|<svg.*?</svg>|<[^>]*>`)

// picture has a browser draw the report, which holds the verdict and every control.
func (p *pumps) picture() {
	t, ctx := p.t, p.t.Context()
	t.Helper()
	north := p.n.client(t, "hospital-north", "auditor")
	page, err := north.Report(ctx, p.sound)
	if err != nil {
		t.Fatal(err)
	}
	judged, err := north.Judge(ctx, p.sound)
	if err != nil {
		t.Fatal(err)
	}
	text := html.UnescapeString(tags.ReplaceAllString(string(page), " "))
	for _, want := range []string{p.sound[:16], "Alaris GS", judged.Catalogue} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if says := strings.ToLower(text); !strings.Contains(says, strings.ReplaceAll(judged.Verdict, "_", " ")) {
		t.Errorf("the page does not say the verdict %s", judged.Verdict)
	}
	for _, r := range judged.Results {
		if !strings.Contains(text, r.Control) || !strings.Contains(text, r.Title) {
			t.Errorf("the page does not have the control %s", r.Control)
		}
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("NOT CHECKED: how the page looks (chromium is not installed)")
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.png")
	if err := os.WriteFile(in, page, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
		"--no-first-run", "--hide-scrollbars", "--user-data-dir="+filepath.Join(dir, "profile"), "--window-size=1000,2400", "--screenshot="+out, "file://"+in).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	drawn, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	picture, _, err := image.Decode(bytes.NewReader(drawn))
	if err != nil {
		t.Fatal(err)
	}
	colours, ink := map[color.Color]int{}, 0
	box := picture.Bounds()
	ground := picture.At(box.Min.X, box.Min.Y)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := picture.At(x, y)
			if colours[c]++; c != ground {
				ink++
			}
		}
	}
	share := float64(ink) / float64(box.Dx()*box.Dy())
	t.Logf("the report is a picture of %v, %d colours, %.0f %% of it drawn", box.Size(), len(colours), 100*share)
	if len(colours) < 32 || share < 0.02 || box.Dy() < 2000 {
		t.Error("the picture is blank, or nearly")
	}
	if keep := os.Getenv("SECANT_KEEP_REPORT"); keep != "" {
		if err := os.WriteFile(keep, drawn, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

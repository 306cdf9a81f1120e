package label

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// page is what is told of a device, or of a model.
type page struct {
	Now     time.Time
	Source  string // whose node tells it
	Model   ledger.Model
	Maker   string
	Unit    *ledger.Unit // nil: the page is the model's
	Serial  string
	Release *ledger.Release

	Tone        string // good, watch or stop: which also is a sign and a word
	Sign        string
	State       string
	Advice      string
	Since       time.Time
	Certificate string
}

// judge says in plain words how it stands with the unit, and what to do.
func (p *page) judge() {
	u := p.Unit
	p.Since = u.Since
	state := u.State
	if u.Recall != nil {
		state, p.Since = ledger.StateRecalled, u.Recall.Since
	}
	switch state {
	case ledger.StateInService:
		p.tell("good", "✓", "In service", "It may be used: no recall, no quarantine and no other doubt is recorded for it.")
	case ledger.StateCertified:
		p.tell("good", "✓", "Certified, not in service yet", "It was assessed with a good result. Its owner has not put it into service.")
	case ledger.StateRegistered, ledger.StateManufactured:
		p.tell("watch", "–", "Registered, not in service", "Its maker has registered it. Do not use it for care before its owner has put it into service.")
	case ledger.StateHeld:
		p.tell("watch", "!", "Held", "Something speaks against it and is being looked at. If it is in use, do not stop it for that: look at the patient, check its readings by other means, and call medical engineering.")
	case ledger.StateQuarantined:
		p.tell("stop", "✕", "Quarantined: do not use", "It was taken out of use. If it is connected to a patient, do not switch it off before a replacement is at hand. Call medical engineering.")
	case ledger.StateRecalled:
		p.tell("stop", "✕", "Recalled: do not use", "Its maker or an authority has recalled it. If it is connected to a patient, do not switch it off before a replacement is at hand. Set it aside and call medical engineering.")
	case ledger.StateRetired:
		p.tell("stop", "✕", "Retired: do not use", "It was taken out of service for good. If you have found it, bring it to medical engineering.")
	default:
		p.tell("watch", "?", "Not known", "Ask medical engineering before you use it.")
	}
	p.Certificate = certificate(u, p.Now)
}

func (p *page) tell(tone, sign, state, advice string) {
	p.Tone, p.Sign, p.State, p.Advice = tone, sign, state, advice
}

func certificate(u *ledger.Unit, now time.Time) string {
	if u.Certification == ledger.CertificationNone || u.Certification == "" || u.Assessment == nil {
		return "None"
	}
	kind := "Full"
	if u.Certification == ledger.CertificationConditional {
		kind = "With conditions"
	}
	to := u.Assessment.ValidTo.UTC().Format("2 January 2006")
	if now.After(u.Assessment.ValidTo) {
		return kind + ", ended on " + to
	}
	return kind + ", valid until " + to
}

var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string

	pages = template.Must(template.New("page").Funcs(template.FuncMap{
		"day": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04") + " UTC" },
		"iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		//nolint:gosec // the style is part of this program
		"style": func() template.CSS { return template.CSS(pageStyle) },
	}).Parse(pageText))

	// policy lets a browser take the page's own style, and nothing else.
	policy = "default-src 'none'; style-src 'sha256-" + digest(pageStyle) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func writePage(c *gin.Context, p *page) error {
	var b bytes.Buffer
	if err := pages.Execute(&b, p); err != nil {
		return fmt.Errorf("writing the page of a label: %w", err)
	}
	c.Header("Content-Security-Policy", policy)
	c.Header("Referrer-Policy", "no-referrer")
	c.Data(http.StatusOK, "text/html; charset=utf-8", b.Bytes())
	return nil
}

package app

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/secant-platform/secant/identity/oid4vci/wallettest"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// credoTown is clinics with a provider, and Credo.
type credoTown struct {
	*town

	attester map[string]any
}

// started is what Credo asks for an offer.
func (c *credoTown) started(t *testing.T, wallet, link string) string {
	t.Helper()
	got := wallettest.Ask[struct {
		OK         bool
		Error, URL string
	}](t, c.wallets, map[string]any{
		"job": "credo.ask", "wallet": wallet, "trusted": c.trusted, "link": link, "configuration": "Practitioner_dc+sd-jwt_x5c",
		"client": walletID, "redirect": walletBack, "attester": c.attester,
	})
	if !got.OK {
		t.Fatal(got.Error)
	}
	return got.URL
}

func (c *credoTown) fetch(t *testing.T, wallet, callback string) came {
	t.Helper()
	return wallettest.Ask[came](t, c.wallets, map[string]any{"job": "credo.fetch", "wallet": wallet, "callback": callback})
}

// TestCredoReceivesForWhomSignsIn: a wallet that is not ours, vouched for by its maker,
// takes an offer to one person, by PAR, PKCE and DPoP, after this person signed in at the
// hospital's provider, which is not ours either; it shows one claim elsewhere until the
// credential is taken back.
func TestCredoReceivesForWhomSignsIn(t *testing.T) {
	wallettest.Install(t, "wallets")
	d := openDirectory(t)
	c := &credoTown{d.settleTown(t), d.attester}
	link := d.offer(t, "case-nora")
	h := &holding{name: "Nora's", program: "credo", format: oid4vp.FormatSDJWT, configuration: "Practitioner_dc+sd-jwt_x5c", certified: true}

	// Somebody else signs in: the wallet is told, and the offer stays.
	other := c.started(t, h.name, link)
	u, err := url.Parse(d.browser(t).until(other, "otto|icu", walletBack))
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); q.Get("error") != "access_denied" || q.Get("code") != "" || q.Get("iss") != d.north.cfg.PublicURL()+issuerPath {
		t.Fatalf("another person's wallet hears %v", q)
	}

	at := c.started(t, h.name, link)
	browser := d.browser(t)
	callback := browser.until(at, "nora|icu", walletBack)
	got := c.fetch(t, h.name, callback)
	if !got.OK || got.TokenType != "DPoP" {
		t.Fatalf("Credo receives %+v", got)
	}
	var issued struct{ Items []struct{ ID string } }
	d.north.want(http.StatusOK, "registrar", http.MethodGet, "/v1/credentials?reference=case-nora", nil, &issued)
	if len(issued.Items) != 1 {
		t.Fatalf("issued is %+v", issued)
	}
	h.id = issued.Items[0].ID
	c.taken(t, h)
	c.set(t, h, "revoked")
	c.refused(t, h)
	if again := c.fetch(t, h.name, callback); again.OK {
		t.Error("a code serves twice")
	}
	for _, secret := range []string{"nora", "otto", "L-4711"} {
		if strings.Contains(d.north.log.String(), secret) {
			t.Errorf("the log tells %s", secret)
		}
	}
}

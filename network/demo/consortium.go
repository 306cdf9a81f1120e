package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/network/topology"
)

// model is a type of device that medtech makes.
type model struct {
	DI          string `json:"di"`
	Name        string `json:"name"`
	ModelNumber string `json:"modelNumber"`
	RiskClass   string `json:"riskClass"`
}

// The models. Their device identifiers are GTIN-13 numbers of a range that GS1
// reserves for use inside one organisation (prefix 2), so that they name no
// product of anyone.
var (
	monitor = model{"2004100000012", "Bedside monitor BM-7", "BM-7", "IIb"}
	pump    = model{"2004100000029", "Infusion pump IP-3", "IP-3", "IIb"}
)

// release is a version of a model's software with its bill of materials.
type release struct {
	model     model
	version   string
	bill      []byte
	mediaType string
}

// published is what a node says about a release.
type published struct {
	Digest     string `json:"sbomDigest"`
	Components int    `json:"components"` // only in the answer to its publication
}

func releasePath(di, version string) string {
	return "/v1/models/" + url.PathEscape(di) + "/releases/" + url.PathEscape(version)
}

// service is a network service that a unit offers.
type service struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
}

// placement is where and how a unit serves.
type placement struct {
	Ward     string    `json:"ward"`
	Address  string    `json:"address"`
	Services []service `json:"services"`
}

// name is what a source of HL7 messages calls a unit: here its serial number.
type name struct {
	Source string `json:"source"`
	Name   string `json:"name"`
}

// delivery is a unit from its manufacture to its bedside.
type delivery struct {
	serial, owner string
	model         model
	lot, release  string
	placement     placement
}

// ensureModel registers a model unless it is, and tells whether it did.
func (w *world) ensureModel(ctx context.Context, m model) (bool, error) {
	maker := w.as(medtech, registrar)
	if there, err := maker.has(ctx, "/v1/models/"+url.PathEscape(m.DI), nil); there || err != nil {
		return false, err
	}
	err := maker.command(ctx, "/v1/models", m)
	if refused(err, ledger.CodeAlreadyExists) {
		return false, nil
	}
	return err == nil, err
}

// ensureRelease publishes a release unless it is, and checks that the ledger
// holds the digest of this very bill. It tells how many components the node
// found in it, 0 when it was published before.
func (w *world) ensureRelease(ctx context.Context, r *release) (made bool, components int, err error) {
	maker := w.as(medtech, registrar)
	path := releasePath(r.model.DI, r.version)
	var stands, answered published
	there, err := maker.has(ctx, path, &stands)
	if err != nil {
		return false, 0, err
	}
	if !there {
		a, err := maker.send(ctx, request{method: http.MethodPut, path: path, mediaType: r.mediaType, body: r.bill})
		if err != nil && !refused(err, ledger.CodeAlreadyExists) {
			return false, 0, err
		}
		if a != nil && a.status == http.StatusCreated {
			if err := decode(a.body, path, &answered); err != nil {
				return false, 0, err
			}
		}
		if err := maker.get(ctx, path, &stands); err != nil {
			return false, 0, err
		}
	}
	if stands.Digest != ledger.BodyDigest(r.bill) {
		return false, 0, fmt.Errorf("release %s of %s stands on the ledger with another bill of materials", r.version, r.model.ModelNumber)
	}
	return !there, answered.Components, nil
}

// unit is what a node says about a unit.
type unit struct {
	ID            string     `json:"id"`
	State         string     `json:"state"`
	Certification string     `json:"certification"`
	Owner         string     `json:"owner"`
	PublicKey     string     `json:"publicKey"`
	Service       *placement `json:"service"`
}

// ensureUnit makes a device and registers it unless it is. When an earlier
// attempt got no answer, the unit is found again by its key; errForeign when
// its serial number stands there with another key.
func (w *world) ensureUnit(ctx context.Context, d delivery) (*device, bool, error) {
	dev, err := w.makeDevice(d.serial, d.owner)
	if err != nil {
		return nil, false, err
	}
	maker := w.as(medtech, registrar)
	if dev.Unit != "" {
		var stands unit
		there, err := maker.has(ctx, "/v1/units/"+dev.Unit, &stands)
		switch {
		case err != nil:
			return nil, false, err
		case there && stands.PublicKey != dev.publicKey():
			return nil, false, fmt.Errorf("unit %s stands on the ledger with another key than the device's", short(dev.Unit))
		case there:
			return dev, false, nil
		}
		dev.Unit, dev.Sent = "", "" // of a consortium that was here before
	}
	err = maker.command(ctx, "/v1/units", map[string]string{
		"serial": d.serial, "di": d.model.DI, "lot": d.lot, "release": d.release,
		"owner": d.owner, "publicKey": dev.publicKey(),
	})
	if err != nil && !refused(err, ledger.CodeAlreadyExists) {
		return nil, false, err
	}
	if dev.Unit, err = w.findUnit(ctx, d, dev.publicKey()); err != nil {
		return nil, false, err
	}
	return dev, true, w.keep(dev)
}

// errForeign means that a serial number is registered with a key that is not
// kept here: the devices' folder was lost, and with it the devices.
var errForeign = errors.New("it is registered with another key than the one kept here")

// findUnit looks for a unit by its key among those delivered to its owner.
func (w *world) findUnit(ctx context.Context, d delivery, publicKey string) (string, error) {
	maker := w.as(medtech, registrar)
	for cursor := ""; ; {
		q := url.Values{"owner": {d.owner}, "di": {d.model.DI}, "size": {"200"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page struct {
			Items []unit `json:"items"`
			Next  string `json:"next"`
		}
		if err := maker.get(ctx, "/v1/units?"+q.Encode(), &page); err != nil {
			return "", err
		}
		for _, u := range page.Items {
			if u.PublicKey == publicKey {
				return u.ID, nil
			}
		}
		if cursor = page.Next; cursor == "" {
			return "", fmt.Errorf("serial number %s: %w", d.serial, errForeign)
		}
	}
}

// ensureService has the owner put a unit into service where it belongs.
func (w *world) ensureService(ctx context.Context, dev *device, at placement) (bool, error) {
	owner := w.as(dev.Owner, registrar)
	var stands unit
	err := await(ctx, dev.Owner+" to learn of the unit "+short(dev.Unit), func(ctx context.Context) (bool, error) {
		return owner.has(ctx, "/v1/units/"+dev.Unit, &stands)
	})
	if err != nil {
		return false, err
	}
	if stands.State == ledger.StateInService && stands.Service != nil {
		return false, nil
	}
	served := struct {
		placement
		Names []name `json:"names"`
	}{at, []name{{topology.Bedside, dev.Serial}}}
	if err := owner.command(ctx, "/v1/units/"+dev.Unit+"/service", served); err != nil {
		return false, err
	}
	if err := owner.get(ctx, "/v1/units/"+dev.Unit, &stands); err != nil {
		return false, err
	}
	if stands.State != ledger.StateInService || stands.Service == nil {
		return false, fmt.Errorf("unit %s should be in service and is %s", short(dev.Unit), stands.State)
	}
	return true, nil
}

// threat is what a node says about a report.
type threat struct {
	Digest  string `json:"digest"`
	Sharer  string `json:"sharer"`
	Marking string `json:"marking"`
	Title   string `json:"title"`
	Held    bool   `json:"held"`
	Late    bool   `json:"late"`
	Matches []struct {
		Unit       string   `json:"unit"`
		Reasons    []string `json:"reasons"`
		Confidence int      `json:"confidence"`
	} `json:"matches"`
}

const mediaTypeEVE = "application/vnd.suricata.eve+json"

// errShared means that the very same report was shared before.
var errShared = errors.New("this alert was shared before")

// share shares an alert under TLP green and returns the report's record.
func (w *world) share(ctx context.Context, org string, alert []byte) (*threat, error) {
	a, err := w.as(org, analyst).send(ctx, request{
		method: http.MethodPost, path: "/v1/threats?marking=green", mediaType: mediaTypeEVE, body: alert,
	})
	if refused(err, ledger.CodeAlreadyExists) {
		return nil, errShared
	}
	if err != nil {
		return nil, err
	}
	var t threat
	if err := decode(a.body, "/v1/threats", &t); err != nil {
		return nil, err
	}
	if t.Digest == "" {
		// Answered before it was done: its place names it.
		var op struct {
			Result threat `json:"result"`
		}
		if err := w.as(org, analyst).get(ctx, a.header.Get("Location"), &op); err != nil {
			return nil, err
		}
		t.Digest = op.Result.Digest
	}
	if t.Title == "" {
		if err := w.as(org, analyst).get(ctx, "/v1/threats/"+t.Digest, &t); err != nil {
			return nil, err
		}
	}
	return &t, nil
}

// receive waits until an organisation's node holds the body of a report, and
// checks that it is the body whose digest stands on the ledger.
func (w *world) receive(ctx context.Context, org, digest string) (*threat, []byte, error) {
	c := w.as(org, analyst)
	var t threat
	err := await(ctx, org+" to receive the report", func(ctx context.Context) (bool, error) {
		there, err := c.has(ctx, "/v1/threats/"+digest, &t)
		return there && t.Held && t.Title != "", err
	})
	if err != nil {
		return nil, nil, err
	}
	a, err := c.do(ctx, request{method: http.MethodGet, path: "/v1/threats/" + digest + "/body"})
	if err != nil {
		return nil, nil, err
	}
	if ledger.BodyDigest(a.body) != digest {
		return nil, nil, errors.New("the body that arrived has another digest than the ledger says")
	}
	return &t, a.body, nil
}

// score is a published risk score.
type score struct {
	Subject     string `json:"subject"`
	Model       string `json:"model"`
	InputDigest string `json:"inputDigest"`
	Value       int    `json:"value"`
	Reasons     []struct {
		Text   string `json:"text"`
		Points int    `json:"points"`
	} `json:"reasons"`
}

// publishScore has the owner score a unit and returns what stands on the ledger.
func (w *world) publishScore(ctx context.Context, dev *device) (*score, error) {
	body := []byte(`{"subject":"` + dev.Unit + `"}`)
	owner := w.as(dev.Owner, riskManager)
	a, err := owner.send(ctx, request{method: http.MethodPost, path: "/v1/risk/scores", mediaType: "application/json", body: body})
	if err != nil {
		return nil, err
	}
	var s score
	if err := decode(a.body, "/v1/risk/scores", &s); err != nil {
		return nil, err
	}
	if s.InputDigest == "" {
		list, err := w.scores(ctx, dev.Owner, dev.Unit)
		if err != nil || len(list) == 0 {
			return nil, errors.Join(errors.New("the score was published and is not listed"), err)
		}
		s = list[0]
	}
	return &s, nil
}

// scores lists a unit's scores as an organisation's node sees them, newest first.
func (w *world) scores(ctx context.Context, org, unit string) ([]score, error) {
	var page struct {
		Items []score `json:"items"`
	}
	err := w.as(org, auditor).get(ctx, "/v1/risk/scores?subject="+unit, &page)
	return page.Items, err
}

// inputs fetches the inputs of a score.
func (w *world) inputs(ctx context.Context, org, digest string) ([]byte, error) {
	a, err := w.as(org, auditor).do(ctx, request{method: http.MethodGet, path: "/v1/risk/inputs/" + digest})
	if err != nil {
		return nil, err
	}
	return bytes.TrimSpace(a.body), nil
}

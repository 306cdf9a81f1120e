package desk

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/catalogue"
	"github.com/secant-platform/secant/identity/vc"
)

// anonymous makes a BBS+ credential, of which its holder shows parts that cannot be
// linked: it has no id, no holder and no status, and its times are cut to the hour.
// A record of it is kept all the same, so that the issuer can say later what was
// issued; it cannot be taken back, and ends soon instead.
func (d *Desk) anonymous(ctx context.Context, o Order) ([]Issued, error) {
	if len(o.Holders) != 0 {
		return nil, ledger.Problemf(ledger.CodeInvalid, "a BBS+ credential is bound to nobody")
	}
	t, _ := catalogue.Find(o.Type)
	fragment, key, err := d.o.BBS()
	if err != nil {
		return nil, fmt.Errorf("finding the issuer's key: %w", err)
	}
	now := d.o.Now().UTC()
	begins := now.Truncate(vc.BBSResolution)
	r := Record{
		Type: t.Name, Format: o.Format, Reference: o.Reference, Offer: o.Offer,
		Issued: begins, Expires: begins.Add(o.life(t).Truncate(vc.BBSResolution)),
	}
	if r.ID, err = newID(); err != nil {
		return nil, err
	}
	if r.Index, err = noPlace(); err != nil {
		return nil, err
	}
	b, err := vc.IssueBBS(d.o.Contexts, key, vc.Credential{
		Contexts: slices.Clone(t.Contexts), Types: slices.Clone(t.W3C[1:]), Issuer: d.name(t), KeyID: d.name(t) + "#" + fragment,
		Issued: r.Issued, Begins: r.Issued, Expires: r.Expires, Subject: maps.Clone(o.Claims),
	})
	if err != nil {
		return nil, err
	}
	if err := d.o.Store.AddCredentials(ctx, []Record{r}, nil, o.Turn); err != nil {
		return nil, fmt.Errorf("keeping what is issued: %w", err)
	}
	return []Issued{{r, json.RawMessage(b)}}, nil
}

// noPlace draws the number of a credential that has no place in the status list: no
// two are the same where they are kept.
func noPlace() (int, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("drawing a number: %w", err)
	}
	const bits = 53 // that every reader of JSON holds
	return -1 - int(binary.BigEndian.Uint64(b[:])>>(64-bits)), nil
}

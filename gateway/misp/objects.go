package misp

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/secant-platform/secant/analytics/fact"
)

// objects are the STIX objects that an event says, without those that are none.
func (a *API) objects(ctx context.Context, event []byte) ([]fact.STIXObject, error) {
	all, err := a.Read(ctx, fmt.Appendf(nil, `{"Event":%s}`, event))
	if err != nil {
		return nil, err
	}
	var list []fact.STIXObject
	for _, o := range all {
		if o.Fault == nil {
			list = append(list, fact.STIXObject{Collection: a.Collection, ID: o.ID, Type: o.Type, Spec: o.Spec, Version: o.Version, Body: o.Body})
		}
	}
	return list, nil
}

// revoked are the last versions of the objects that an edition of an event said and that
// are not among those of the next, of the time of that one, in seconds: they are revoked
// (STIX 2.1, section 3.2), so that whoever has them learns of it, and no alert is compared
// with them any more. Who an event is by is no claim that could be taken back.
func (a *API) revoked(ctx context.Context, was *fact.MISPEvent, next []fact.STIXObject, at int64) ([]fact.STIXObject, error) {
	before, err := a.objects(ctx, was.Body)
	if err != nil {
		return nil, err
	}
	said := make(map[string]bool, len(next))
	for i := range next {
		said[next[i].ID] = true
	}
	var list []fact.STIXObject
	for _, o := range before {
		if said[o.ID] || o.Version.IsZero() || o.Type == "identity" || o.Type == "marking-definition" {
			continue
		}
		o.Version = o.Version.Truncate(time.Second).Add(time.Second)
		if by := time.Unix(at, 0).UTC(); by.After(o.Version) {
			o.Version = by
		}
		if o.Body, err = revoke(o.Body, o.Version); err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// revoke makes the version of an object that revokes it.
func revoke(body []byte, at time.Time) ([]byte, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("reading an object to revoke: %w", err)
	}
	m["revoked"] = json.RawMessage("true")
	m["modified"] = fmt.Appendf(nil, "%q", at.Format("2006-01-02T15:04:05.000Z"))
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding a revoked object: %w", err)
	}
	return b, nil
}

package app

import (
	"context"
	"fmt"
	"testing"

	"github.com/secant-platform/secant/analytics/cti"
	"github.com/secant-platform/secant/analytics/fact"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// bookcase is knowledge that holds bills of materials only.
type bookcase struct {
	knowledge
	bills map[string][]byte
	reads int
}

func (b *bookcase) Document(_ context.Context, _ fact.DocumentKind, digest string) (fact.Document, error) {
	b.reads++
	body, ok := b.bills[digest]
	if !ok {
		return fact.Document{}, ledger.Problemf(ledger.CodeNotFound, "no bill")
	}
	return fact.Document{Body: body}, nil
}

func (b *bookcase) AddSTIX(_ context.Context, objects []fact.STIXObject) ([]bool, error) {
	return make([]bool, len(objects)), nil
}

func TestMatchReadsEachBillOnceAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	bill := []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","name":"openssl","version":"1.0.1"}]}`)
	if parts, err := cti.Components(bill); err != nil || len(parts) != 1 {
		t.Fatal(parts, err)
	}
	report := []byte(`{"type":"bundle","id":"bundle--a1b2c3d4-0000-4000-8000-000000000001","objects":[{"type":"software","spec_version":"2.1",` +
		`"id":"software--a1b2c3d4-0000-4000-8000-000000000002","name":"openssl","version":"1.0.1"}]}`)
	b := &bookcase{bills: map[string][]byte{"a": bill, "b": bill}}
	a := newAssessor(b, "hospital-north")
	a.bills = newBillCache(1) // keeps none
	var devices []fact.Device
	for i := range 20 {
		d := fact.Device{}
		d.Unit.Record.ID = fmt.Sprintf("%02d", i)
		d.Release.SBOMDigest = []string{"a", "b", "missing", ""}[i%4]
		devices = append(devices, d)
	}
	found, err := a.match(t.Context(), ledger.Threat{}, report, a.shared, devices)
	if err != nil {
		t.Fatal(err)
	}
	if b.reads != 3 {
		t.Errorf("bills were read %d times, want each of 3 once", b.reads)
	}
	var got, want []string
	for _, m := range found.Matches {
		got = append(got, m.Unit)
	}
	for i := range 20 {
		if i%4 < 2 {
			want = append(want, fmt.Sprintf("%02d", i))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || found.Severity != cti.UnknownSeverity {
		t.Errorf("matches %v of severity %d, want %v", got, found.Severity, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.match(ctx, ledger.Threat{}, report, a.shared, devices); err == nil {
		t.Error("matching went on after its context had ended")
	}
}

func TestTheBillCacheIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	parts := func(n int) []cti.Component {
		all := make([]cti.Component, n)
		for i := range all {
			all[i].Name = "component"
		}
		return all
	}
	one := sizeOf("a", parts(10))
	c := newBillCache(2 * one)
	for _, digest := range []string{"a", "b"} {
		c.put(digest, parts(10))
	}
	c.get("a")
	c.put("c", parts(10)) // in place of b, which was not used since
	c.put("d", parts(1000))
	for digest, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false} {
		if _, got := c.get(digest); got != want {
			t.Errorf("bill %s is kept: %v, want %v", digest, got, want)
		}
	}
	if c.size != 2*one || c.order.Len() != len(c.bills) {
		t.Errorf("the cache counts %d bytes and %d bills, want %d and 2", c.size, len(c.bills), 2*one)
	}
}

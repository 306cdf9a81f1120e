package oid4vp_test

import (
	"context"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/secant-platform/secant/identity/oid4vci/flowtest"
	"github.com/secant-platform/secant/identity/oid4vp"
)

// BenchmarkExchange is a whole exchange on the verifier's side but for judging:
// asked, fetched, answered, read. What a wallet does is not in it, nor is HTTP.
func BenchmarkExchange(b *testing.B) {
	judge := func(_ context.Context, _ oid4vp.Presented, w oid4vp.Want) (*oid4vp.Judged, error) {
		return &oid4vp.Judged{Types: w.Types, Claims: map[string]any{"given_name": "Ada"}}, nil
	}
	v, err := oid4vp.NewVerifier(oid4vp.Options{
		Base: "https://localhost/vp", Clients: []*oid4vp.Client{oid4vp.Unsigned()}, Flows: flowtest.NewMemory(time.Now), Judge: judge, Now: time.Now,
	})
	if err != nil {
		b.Fatal(err)
	}
	query := nameQuery()
	for b.Loop() {
		asked, err := v.Ask(b.Context(), oid4vp.Question{Query: query, Plain: true})
		if err != nil {
			b.Fatal(err)
		}
		u, err := url.Parse(asked.Link)
		if err != nil {
			b.Fatal(err)
		}
		token, err := json.Marshal(map[string][]string{"staff": {"x"}})
		if err != nil {
			b.Fatal(err)
		}
		handle := asked.Ticket[:43]
		if _, err := v.Answer(b.Context(), handle, &oid4vp.Response{Token: string(token), State: u.Query().Get("state")}); err != nil {
			b.Fatal(err)
		}
		if r, err := v.Result(b.Context(), asked.Ticket, ""); err != nil || r.Outcome != oid4vp.Answered {
			b.Fatal(r, err)
		}
	}
}

// BenchmarkMatch is a query of three claims against a wallet of thirty credentials.
func BenchmarkMatch(b *testing.B) {
	query := nameQuery()
	query.Credentials[0].Claims = []oid4vp.Claim{{Path: oid4vp.Path{"name"}}, {Path: oid4vp.Path{"address", "city"}}, {Path: oid4vp.Path{"wards", nil}}}
	var held []oid4vp.Held
	for range 30 {
		held = append(held, oid4vp.Held{Format: oid4vp.FormatSDJWT, Types: []string{staffType}, Claims: claims, Bound: true})
	}
	for b.Loop() {
		if found, err := query.Match(held); err != nil || len(found["staff"]) != 30 {
			b.Fatal(found, err)
		}
	}
}

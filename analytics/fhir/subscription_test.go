package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// FuzzSubscription: whatever is taken says the same when it is written and read again.
func FuzzSubscription(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Subscription","id":"1","status":"requested","reason":"r","criteria":"Observation?code=1","end":"2099-01-01T00:00:00.5+01:00","contact":[{"value":"\u003c"}],"channel":{"type":"rest-hook","endpoint":"https://x.example/<>&","payload":"application/fhir+json","header":["A: b"]}}`))
	f.Add([]byte(`{"resourceType":"Subscription","status":"off","reason":"r","criteria":"Patient","channel":{"type":"rest-hook","endpoint":"x"}}`))
	f.Add([]byte(`{"resourceType":"Subscription","channel":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSubscription(text)
		if err != nil {
			if code := ledger.CodeOf(err); code != ledger.CodeInvalid && code != ledger.CodeTooLarge {
				t.Error(err)
			}
			return
		}
		s.ID = "1"
		written, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseSubscription(written)
		if err != nil {
			t.Fatalf("%v in %s", err, written)
		}
		s.Contact, again.Contact = nil, nil // written without its spaces
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("%s\n%s", written, diff)
		}
	})
}

// TestHiddenHeadersKeepTheirValues when a subscription comes back as it was served.
func TestHiddenHeadersKeepTheirValues(t *testing.T) {
	t.Parallel()
	before := []string{"Authorization: Bearer 1", "X-Ward: 3"}
	s := Subscription{Header: before}.Hide()
	if diff := cmp.Diff([]string{"Authorization: ***", "X-Ward: ***"}, s.Header); diff != "" {
		t.Error(diff)
	}
	s.Header = append(s.Header, "X-New: 4")
	s.Keep(before)
	if diff := cmp.Diff([]string{"Authorization: Bearer 1", "X-Ward: 3", "X-New: 4"}, s.Header); diff != "" {
		t.Error(diff)
	}
}

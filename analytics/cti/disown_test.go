package cti

import (
	"bytes"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

var (
	relaying = Sharer{ID: "authority", Name: "The authority"}
	ownNames = []string{"hospital-north", "The hospital-north", "did:secant:test:2kQ", "north.example", "KHN", "Universitätsklinik Zürich"}
)

const owned = `{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":[` +
	`{"type":"identity","spec_version":"2.1","id":"identity--00000000-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"The hospital-north","identity_class":"organization","contact_information":"soc@north.example"},` +
	`{"type":"ipv4-addr","spec_version":"2.1","id":"ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3350caad","value":"198.51.100.3"},` +
	`{"type":"attack-pattern","spec_version":"2.1","id":"attack-pattern--00000000-0000-4000-8000-000000000003","created_by_ref":"identity--c78cb6e5-0c4b-4611-8297-d1b8b55e40b5","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","name":"Phishing"},` +
	`{"type":"report","spec_version":"2.1","id":"report--00000000-0000-5000-8000-000000000004","created_by_ref":"identity--00000000-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00Z","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z","name":"Seen","x_more":"TEXT","object_refs":["identity--00000000-0000-4000-8000-000000000002","ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3350caad","attack-pattern--00000000-0000-4000-8000-000000000003"],"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}]}`

func disown(t *testing.T, text string) (*Report, error) {
	t.Helper()
	r, err := ParseBundle([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r.Disown(relaying, ownNames, [32]byte{1})
}

func TestADisownedReportTellsNothingOfItsAuthor(t *testing.T) {
	t.Parallel()
	r, err := disown(t, owned)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"hospital-north", "north.example", "000000000001", "000000000002", "000000000004"} {
		if bytes.Contains(r.Body, []byte(gone)) {
			t.Errorf("%s is still there: %s", gone, r.Body)
		}
	}
	author, err := ownID("identity", "authority")
	if err != nil {
		t.Fatal(err)
	}
	for _, stays := range []string{
		`"name":"The authority"`, `"created_by_ref":"` + author + `"`, "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3350caad", "attack-pattern--00000000-0000-4000-8000-000000000003",
		mitreIdentity, "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", `"name":"Seen"`,
	} {
		if !bytes.Contains(r.Body, []byte(stays)) {
			t.Errorf("%s is not there: %s", stays, r.Body)
		}
	}
	again, err := disown(t, owned)
	if err != nil || !bytes.Equal(again.Body, r.Body) {
		t.Errorf("once more it is another: %v", err)
	}
	// What a relay made stays as it is, but for the bundle's id.
	twice, err := r.Disown(relaying, ownNames, [32]byte{2})
	if err != nil || bytes.Count(twice.Body, []byte(`"type":"identity"`)) != 1 || !bytes.Contains(twice.Body, []byte(r.Title)) {
		t.Errorf("a relay's own: %s %v", twice.Body, err)
	}
}

func TestAReportThatNamesItsAuthorIsRefused(t *testing.T) {
	t.Parallel()
	for _, said := range []string{
		"at Hospital North", "HOSPITAL_NORTH", `hospital\u002dnorth`, "https://siem.north.example/case/1", "did:secant:test:2kQ#0", "KHN saw it", "(khn)",
		"Universita\u0308tsklinik Zu\u0308rich", "UNIVERSITÄTSKLINIK ZÜRICH", "Universitaetsklinik Zuerich", "Universitatsklinik Zurich", "\uff28ospital-north",
		"https://x.example/?q=The%20Hospital%20North", "https://x.example/Universit%C3%A4tsklinik-Z%C3%BCrich", "Hospital\u200bNorth", "Hospital&#32;North", "K\u200bHN",
		`the author is ident\u0069ty--00000000-0000-4000-8000-000000000002`,
	} {
		if _, err := disown(t, strings.Replace(owned, "TEXT", said, 1)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", said, err)
		}
		if _, err := disown(t, strings.Replace(owned, `"x_more"`, `"x_`+said+`"`, 1)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q in the name of a property: %v", said, err)
		}
	}
	for _, said := range []string{"north of the river", "khnum", "a hospital"} {
		if _, err := disown(t, strings.Replace(owned, "TEXT", said, 1)); err != nil {
			t.Errorf("%q: %v", said, err)
		}
	}
}

// TestAnAuthorsOwnMarkingTellsNothing: by its id what the author shared elsewhere would be
// known as the same one's.
func TestAnAuthorsOwnMarkingTellsNothing(t *testing.T) {
	t.Parallel()
	const own = "marking-definition--00000000-0000-4000-8000-000000000009"
	text := strings.Replace(owned, `"objects":[`, `"objects":[{"type":"marking-definition","spec_version":"2.1","id":"`+own+`","created_by_ref":"identity--00000000-0000-4000-8000-000000000002","created":"2026-01-01T00:00:00Z","definition_type":"statement","definition":{"statement":"Ask first"}},`, 1)
	r, err := disown(t, strings.Replace(text, `"object_marking_refs":[`, `"object_marking_refs":["`+own+`",`, 1))
	if err != nil || bytes.Contains(r.Body, []byte(own)) || !bytes.Contains(r.Body, []byte("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb")) {
		t.Errorf("%v: %s", err, r.Body)
	}
}

// FuzzDisown: what comes out is a bundle in which no name of the author's is left.
func FuzzDisown(f *testing.F) {
	f.Add([]byte(owned))
	f.Add([]byte(strings.Replace(owned, "TEXT", `\ud83d\udc80 \\u002d`, 1)))
	f.Add([]byte(`{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":[{"type":"note","id":"x"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseBundle(body)
		if err != nil {
			return
		}
		got, err := r.Disown(relaying, ownNames, [32]byte{1})
		if err == nil && bytes.Contains(bytes.ToLower(got.Body), []byte("hospital-north")) {
			t.Errorf("it names its author: %s", got.Body)
		}
	})
}

package store

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secant-platform/secant/analytics/fact"
)

// TestImagesAreFoundByWhatTheyAre: each level of a search is whole, whatever in it
// was found; the same twice is one, and other bytes by one UID are told of with each.
func TestImagesAreFoundByWhatTheyAre(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	image := func(study, series, instance string, n int, modality, date, serial string) fact.Image {
		return fact.Image{
			Study: study, Series: series, Instance: instance, Digest: hex32(n), Measured: "node", Class: "1.9", Modality: modality, Date: date,
			Serial: serial, Manufacturer: "Acme [x]", Size: 7, Unit: hex32(1), Receipt: strconv.Itoa(n), Received: start,
		}
	}
	all := []fact.Image{
		image("1", "1.1", "1.1.1", 11, "CT", "20260101", "A-1"), image("1", "1.1", "1.1.2", 12, "CT", "20260101", "A-1"),
		image("1", "1.2", "1.2.1", 13, "MR", "20260101", "B-1"), image("2", "2.1", "2.1.1", 14, "CT", "20260201", "A-2"),
		image("3", "3.1", "3.1.1", 15, "US", "", ""),
	}
	kept, err := s.PutImages(t.Context(), all)
	if d := cmp.Diff(all, kept); d != "" || err != nil {
		t.Fatalf("%v %s", err, d)
	}
	again := all[0]
	again.Receipt, again.Unit = "other", hex32(2)
	other := all[0]
	other.Digest, other.Receipt = hex32(99), "99"
	said := all[0]
	said.Measured, said.Receipt = "sender", "said"
	kept, err = s.PutImages(t.Context(), []fact.Image{again, other, said, other})
	if err != nil || kept[0].Receipt != "11" || cmp.Diff(kept[1].Others, []string{hex32(11)}) != "" || kept[2].Receipt != "said" || kept[3].Receipt != "99" {
		t.Fatalf("%+v %v", kept, err)
	}
	events, err := s.Events(t.Context(), "", 10)
	if err != nil || len(events) != 2 || events[0].Kind != fact.EventImageConflict || events[0].Key[1] != "99" || events[1].Key[1] != "said" {
		t.Errorf("%+v %v", events, err)
	}

	for name, c := range map[string]struct {
		level  fact.ImageLevel
		filter fact.ImageFilter
		want   []string
	}{
		"all studies":              {fact.ImageStudies, fact.ImageFilter{}, []string{"1 [CT MR] 2 3", "2 [CT] 1 1", "3 [US] 1 1"}},
		"studies with an MR":       {fact.ImageStudies, fact.ImageFilter{Modalities: []string{"MR"}}, []string{"1 [CT MR] 2 3"}},
		"studies of a scanner":     {fact.ImageStudies, fact.ImageFilter{Serial: "A-?"}, []string{"1 [CT MR] 2 3", "2 [CT] 1 1"}},
		"studies of January":       {fact.ImageStudies, fact.ImageFilter{DateFrom: "20260101", DateTo: "20260131"}, []string{"1 [CT MR] 2 3"}},
		"studies until February":   {fact.ImageStudies, fact.ImageFilter{DateTo: "20260201"}, []string{"1 [CT MR] 2 3", "2 [CT] 1 1"}},
		"series of a study":        {fact.ImageSeries, fact.ImageFilter{Studies: []string{"1"}}, []string{"1 [CT] 1 2", "1 [MR] 1 1"}},
		"series with an instance":  {fact.ImageSeries, fact.ImageFilter{Instances: []string{"1.1.2", "2.1.1"}}, []string{"1 [CT] 1 2", "2 [CT] 1 1"}},
		"instances by digest":      {fact.ImageInstances, fact.ImageFilter{Digest: hex32(12)}, []string{"1 [CT] 1 1"}},
		"a bracket is a bracket":   {fact.ImageStudies, fact.ImageFilter{Manufacturer: "Acme [x*"}, []string{"1 [CT MR] 2 3", "2 [CT] 1 1", "3 [US] 1 1"}},
		"nothing":                  {fact.ImageStudies, fact.ImageFilter{Serial: "A-1' OR 1=1 --"}, nil},
		"a maker that is not this": {fact.ImageStudies, fact.ImageFilter{Manufacturer: "acme [x]"}, nil},
	} {
		groups, more, err := s.Images(t.Context(), c.level, c.filter, 10, 0)
		var got []string
		for _, g := range groups {
			got = append(got, fmt.Sprint(g.Image.Study, " ", g.Modalities, " ", g.Series, " ", g.Instances))
		}
		if d := cmp.Diff(c.want, got); d != "" || err != nil || more {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	groups, more, err := s.Images(t.Context(), fact.ImageInstances, fact.ImageFilter{Instances: []string{"1.1.1"}}, 2, 0)
	if err != nil || !more || len(groups) != 2 || len(groups[0].Image.Others) != 1 || groups[1].Image.Others[0] != hex32(11) {
		t.Errorf("%+v %v %v", groups, more, err)
	}
	if groups, more, err = s.Images(t.Context(), fact.ImageInstances, fact.ImageFilter{}, 10, 5); err != nil || more || len(groups) != 2 {
		t.Errorf("%+v %v %v", groups, more, err)
	}
}

// TestAnErasedImageIsFoundByNothing, and is no other file of its UID's any more.
func TestAnErasedImageIsFoundByNothing(t *testing.T) {
	t.Parallel()
	s := openStore(t, Options{})
	one := fact.Image{Study: "1", Series: "1.1", Instance: "1.1.1", Digest: hex32(1), Measured: "node", Class: "1.9", Unit: hex32(1), Receipt: "one", Received: start}
	two := one
	two.Digest, two.Receipt = hex32(2), "two"
	if _, err := s.PutImages(t.Context(), []fact.Image{one, two}); err != nil {
		t.Fatal(err)
	}
	if err := s.ForgetReading(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	groups, _, err := s.Images(t.Context(), fact.ImageInstances, fact.ImageFilter{}, 10, 0)
	if err != nil || len(groups) != 1 || groups[0].Image.Receipt != "two" || len(groups[0].Image.Others) != 0 {
		t.Errorf("%+v %v", groups, err)
	}
}

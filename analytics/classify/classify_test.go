package classify

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/secant-platform/secant/chaincode/ledger"
)

// story makes examples of three techniques of our own, spread over documents.
func story() []Example {
	said := map[string][]string{
		"T9001": {"the intruder copied a badge with a radio reader", "badges of nurses were cloned at the door", "a cloned badge opened the pharmacy"},
		"T9002": {"the pump was told to infuse faster over the network", "rates of infusion pumps were changed from outside", "somebody altered the infusion rate remotely"},
		"T9003": {"letters with a forged sender asked for passwords", "a forged letter from the board asked for a transfer", "mail that seemed to come from the director"},
	}
	var all []Example
	for label, list := range said {
		for i, s := range list {
			for d := range 6 {
				all = append(all, Example{Text: fmt.Sprintf("In case %d %s.", d, s), Label: label, Document: fmt.Sprint("report ", d, i%2), Weight: 1})
			}
		}
	}
	return append(all, Background()...)
}

func TestTheSameExamplesGiveTheSameModel(t *testing.T) {
	examples := story()
	m, err := Train(t.Context(), examples, Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(examples)
	again, err := Train(t.Context(), examples, Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	file := m.Encode()
	if !bytes.Equal(file, again.Encode()) {
		t.Error("the same examples in another order give another model")
	}
	read, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	said := read.Classifier().Classify("Last night someone cloned a badge of a nurse.", 1)
	if len(said) == 0 || said[0].ID != "T9001" || !slices.Equal(said, m.Classifier().Classify("Last night someone cloned a badge of a nurse.", 1)) {
		t.Errorf("a model that was read again says %+v", said)
	}
}

// everyday are sentences that speak of no technique, none of them in the background.
var everyday = []string{
	"The cardiologist will see the patient again in three months.",
	"Flowers may not be brought into the intensive care unit.",
	"The second floor is being painted this week.",
	"Lunch is served in the garden when the sun shines.",
	"The new thermometer measures within two seconds.",
	"Our midwives offer a course for young parents.",
	"The X-ray showed a fracture of the left wrist.",
	"He was given paracetamol and sent home.",
	"The maintenance contract for the autoclave was renewed.",
	"Twenty volunteers help in the hospice.",
}

func TestEverydaySentencesHaveNoTechnique(t *testing.T) {
	m, err := Train(t.Context(), story(), Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	quiet(t, m, 5_000)
}

// quiet checks that no everyday sentence has a label of so many basis points.
func quiet(t *testing.T, m *Model, most int) {
	t.Helper()
	c := m.Classifier()
	for _, s := range everyday {
		if said := c.Classify(s, most); len(said) > 0 {
			t.Errorf("%q is said to speak of %+v", s, said)
		}
	}
}

func TestNearDuplicatesAreLeftOut(t *testing.T) {
	tried := []Example{{Text: "The actor used a scheduled task to run the loader every day."}, {Text: "domain fronting"}}
	for text, want := range map[string]int{
		"Domain Fronting!": 0,
		"[X] has used a scheduled task to run the loader every day at noon, among other things.": 0,
		"The actor used domain fronting.":           1,
		"A scheduled task may be removed by staff.": 1,
	} {
		if got := Apart([]Example{{Text: text}}, tried); len(got) != want {
			t.Errorf("of %q %d are kept", text, len(got))
		}
	}
}

func TestSentencesAreTakenApart(t *testing.T) {
	got := Sentences("First one, e.g. this. Second (v1.2 of it)! Does J. Doe\nknow?\n\nA heading\n\n- an item\n- another. Its end\n1 2 3\n")
	want := []string{"First one, e.g. this.", "Second (v1.2 of it)!", "Does J. Doe know?", "A heading", "an item", "another.", "Its end 1 2 3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestExamplesThatTeachNothingAreRefused(t *testing.T) {
	for name, list := range map[string][]Example{
		"none": nil, "one label": {{Text: "a", Label: "x", Weight: 1}}, "no weight": {{Text: "a", Label: "x"}},
	} {
		if _, err := Train(t.Context(), list, Options{}); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{}", `[{"text":"a"}]`, `[1]`} {
		if _, err := ReadLabelled([]byte(text)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
		if _, _, err := ReadATTACK([]byte(text)); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	m, err := Train(f.Context(), story(), Options{Seed: 1})
	if err != nil {
		f.Fatal(err)
	}
	file := m.Encode()
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Add([]byte(magic + "{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		m.Classifier().Classify("somebody cloned a badge", 1)
	})
}

func FuzzSentences(f *testing.F) {
	f.Add("One. Two!\n\n- three\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, one := range Sentences(s) {
			if len(one) > MaxSentence || strings.ContainsAny(one, "\n\r") {
				t.Fatalf("a sentence is %q", one)
			}
		}
	})
}

func BenchmarkClassify(b *testing.B) {
	labelled, explained := corpus(b)
	m, err := Train(b.Context(), slices.Concat(labelled, explained, Background()), Options{Seed: *seed})
	if err != nil {
		b.Fatal(err)
	}
	c := m.Classifier()
	b.ResetTimer()
	for i := range b.N {
		c.Classify(labelled[i%len(labelled)].Text, 1)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sentences/s")
}

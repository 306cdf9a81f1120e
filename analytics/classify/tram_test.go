package classify

import (
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

var (
	full = flag.Bool("tram.full", false, "train and try all five folds of TRAM's sentences, not one")
	seed = flag.Uint64("tram.seed", 1, "seed of the folds and of the training")
	wide = flag.Bool("tram.wide", false, "let the model know all techniques of ATT&CK, not only those that TRAM has")
)

// given reads a file of real input, unpacked where it ends in .gz.
func given(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := readGiven(filepath.Join("..", "..", "..", "shared", "data", "cti", name))
	if errors.Is(err, fs.ErrNotExist) {
		tb.Skipf("there is no real input (%s) on this machine", name)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func readGiven(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if filepath.Ext(name) != ".gz" {
		return io.ReadAll(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// corpus is the labelled sentences, in which revoked techniques have their successors'
// ids, and what ATT&CK says of techniques.
func corpus(tb testing.TB) (labelled, explained []Example) {
	tb.Helper()
	labelled, err := ReadLabelled(given(tb, "tram/sentences.json"))
	if err != nil {
		tb.Fatal(err)
	}
	explained, successor, err := ReadATTACK(given(tb, "attack/enterprise-attack-18.1.stix20.json.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	known := map[string]bool{"": true}
	for i := range labelled {
		labelled[i].Label = Follow(successor, labelled[i].Label)
		known[labelled[i].Label] = true
	}
	if !*wide {
		explained = slices.DeleteFunc(explained, func(e Example) bool { return !known[e.Label] })
	}
	return labelled, explained
}

// folds splits examples by document into so many parts of about one size.
func folds(examples []Example, n int, seed uint64) [][]Example {
	by := map[string][]Example{}
	for _, e := range examples {
		by[e.Document] = append(by[e.Document], e)
	}
	documents := make([]string, 0, len(by))
	for d := range by {
		documents = append(documents, d)
	}
	slices.Sort(documents)
	random := rand.New(rand.NewPCG(seed, 7))
	random.Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
	parts := make([][]Example, n)
	for _, d := range documents {
		least := 0
		for i := range parts {
			if len(parts[i]) < len(parts[least]) {
				least = i
			}
		}
		parts[least] = append(parts[least], by[d]...)
	}
	return parts
}

// score counts what a model said of sentences that it was not trained with.
type score struct {
	hit, wrong, missed map[string]int
	n, right, top      int
	reached            Reliability
	spent              time.Duration // of processors
}

// processors is the time that this process had processors for, whatever else runs.
func processors() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano())
}

func newScore() *score {
	return &score{hit: map[string]int{}, wrong: map[string]int{}, missed: map[string]int{}}
}

func (s *score) try(m *Model, test []Example) {
	c := m.Classifier()
	said := make([][]Label, len(test))
	begin := processors()
	for i := range test {
		said[i] = c.Classify(test[i].Text, 1)
	}
	s.spent += processors() - begin
	for i, e := range test {
		s.n++
		top := Label{}
		if len(said[i]) > 0 {
			top = said[i][0]
		}
		s.reached.Add(float64(top.Probability)/10_000, top.ID == e.Label)
		if top.ID == e.Label {
			s.right++
			s.hit[e.Label]++
		} else {
			s.wrong[top.ID]++
			s.missed[e.Label]++
		}
		for k := range min(3, len(said[i])) {
			if said[i][k].ID == e.Label {
				s.top++
			}
		}
	}
}

// micro and macro are F1 over all sentences, and its mean over the labels that they have.
// Each sentence has one label and gets one, so that the first is the part that is right.
func (s *score) micro() float64 { return float64(s.right) / float64(s.n) }

func (s *score) macro() float64 {
	labels := map[string]bool{}
	for l := range s.hit {
		labels[l] = true
	}
	for l := range s.missed {
		labels[l] = true
	}
	sum := 0.0
	for l := range labels {
		sum += 2 * float64(s.hit[l]) / float64(2*s.hit[l]+s.wrong[l]+s.missed[l])
	}
	return sum / float64(len(labels))
}

// TestTRAM trains without a part of the reports and tries the model with their sentences.
// With -tram.full each report is once in the part that is kept out. No near duplicate of
// a sentence that is tried is trained with, from TRAM or from ATT&CK (Apart).
func TestTRAM(t *testing.T) {
	labelled, explained := corpus(t)
	if testing.Short() {
		explained = nil // of what ATT&CK says training is slow
	}
	parts := folds(labelled, 5, *seed)
	all := newScore()
	for i, test := range parts {
		if i > 0 && !*full {
			break
		}
		var others []Example
		for k := range parts {
			if k != i {
				others = append(others, parts[k]...)
			}
		}
		before := len(others) + len(explained)
		train := Apart(slices.Concat(others, explained), test)
		begin := processors()
		m, err := Train(t.Context(), append(train, Background()...), Options{Seed: *seed})
		if err != nil {
			t.Fatal(err)
		}
		took := processors() - begin
		quiet(t, m, 5_000)
		one := newScore()
		one.try(m, test)
		all.try(m, test)
		t.Logf("fold %d: trained with %d sentences (%d near duplicates left out) in %.1f s of a processor, tried with %d: micro F1 %.3f, macro F1 %.3f; %d labels, %d bytes, T %.3f none %.2f (ECE where fitted %.3f)",
			i+1, len(train), before-len(train), took.Seconds(), len(test), one.micro(), one.macro(), len(m.Labels)-1, len(m.Encode()),
			m.Calibration.Temperature, m.Calibration.None, float64(m.Calibration.Error)/10_000)
	}
	t.Logf("seed %d, %d sentences: micro F1 %.4f, macro F1 %.4f, in the first three %.4f, ECE %.4f, %.0f sentences/s of a processor",
		*seed, all.n, all.micro(), all.macro(), float64(all.top)/float64(all.n), all.reached.Error(), float64(all.n)/all.spent.Seconds())
	if all.micro() < 0.78 || all.macro() < 0.70 || all.reached.Error() > 0.10 {
		t.Errorf("micro F1 must reach 0.78, macro F1 0.70, the calibration error stay under 0.10")
	}
}

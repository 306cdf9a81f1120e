package collect

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// logger writes a log as a tool does, and rotates it.
type logger struct {
	tb      testing.TB
	path    string
	next    int // line
	turned  int
	pending string // the rest of a line that was written in part
	clock   time.Time
}

// touch gives a file a time at which it counts as left alone, behind those before.
func (l *logger) touch(path string) {
	l.tb.Helper()
	l.clock = l.clock.Add(time.Second)
	if err := os.Chtimes(path, l.clock, l.clock); err != nil {
		l.tb.Fatal(err)
	}
}

func (l *logger) write(text string) {
	l.tb.Helper()
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.tb.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		l.tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		l.tb.Fatal(err)
	}
	l.touch(l.path)
}

// end ends a line that was written in part.
func (l *logger) end() {
	l.write(l.pending)
	l.pending = ""
}

func (l *logger) lines(n int) {
	l.end()
	for range n {
		l.write(line(l.next) + "\n")
		l.next++
	}
}

// half writes a line in part; the rest comes before the next one.
func (l *logger) half(at int) {
	l.end()
	text := line(l.next) + "\n"
	l.next++
	l.write(text[:at])
	l.pending = text[at:]
}

func (l *logger) rename() {
	l.tb.Helper()
	l.end()
	l.turned++
	if err := os.Rename(l.path, fmt.Sprintf("%s.%d", l.path, l.turned)); err != nil {
		l.tb.Fatal(err)
	}
	l.write("")
}

// copyAndCut copies the file and cuts the original off.
func (l *logger) copyAndCut() {
	l.tb.Helper()
	l.end()
	l.turned++
	text, err := os.ReadFile(l.path)
	if err != nil {
		l.tb.Fatal(err)
	}
	name := fmt.Sprintf("%s.%d", l.path, l.turned)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		l.tb.Fatal(err)
	}
	l.touch(name)
	if err := os.Truncate(l.path, 0); err != nil {
		l.tb.Fatal(err)
	}
	l.touch(l.path)
}

func newLogger(tb testing.TB) *logger {
	tb.Helper()
	l := &logger{tb: tb, path: filepath.Join(tb.TempDir(), "eve.json"), clock: time.Now().Add(-24 * time.Hour)}
	l.write("")
	return l
}

func wantLines(t *testing.T, w *world, n int) {
	t.Helper()
	got := w.titles()
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprintf("seen %d", i)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("kept %d things, want %d, each once and in order; got %s", len(got), n, strings.Join(got[:min(len(got), 30)], ", "))
	}
}

// Whatever is written, rotated, cut off in between and killed, each line is kept once
// and in order.
func TestEachLineOfAFollowedFileIsKeptOnce(t *testing.T) {
	t.Parallel()
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		seed := rand.Uint64()
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 22))
			w, l := newWorld(t), newLogger(t)
			l.lines(1)
			w.must(File(l.path), eve(t)) // what was rotated away before is none of it
			w.fails = func() (bool, bool) { n := r.IntN(8); return n == 0, n == 1 }
			way, format := File(l.path), eve(t)
			for range 60 {
				switch r.IntN(8) {
				case 0, 1, 2:
					l.lines(r.IntN(5))
				case 3:
					l.half(1 + r.IntN(100))
				case 4:
					l.rename()
				case 5:
					l.copyAndCut()
				case 6:
					w.restart()
					way = File(l.path)
				}
				if r.IntN(3) > 0 {
					if err := w.look(way, format); err != nil && !errors.Is(err, errCut) {
						t.Fatal(err)
					}
				}
			}
			l.end()
			w.fails = nil
			w.must(way, format)
			w.must(way, format)
			wantLines(t, w, l.next)
		})
	}
}

func TestALineThatDoesNotEndWaits(t *testing.T) {
	t.Parallel()
	w, l := newWorld(t), newLogger(t)
	l.lines(1)
	l.half(50)
	w.must(File(l.path), eve(t))
	wantLines(t, w, 1)
	l.end()
	w.must(File(l.path), eve(t))
	wantLines(t, w, 2)
}

func TestALineThatIsTooLongHoldsUpNothing(t *testing.T) {
	t.Parallel()
	w, l := newWorld(t), newLogger(t)
	l.lines(1)
	l.write(strings.Repeat("x", 2*maxLine+17) + "\n")
	l.lines(2)
	w.must(File(l.path), eve(t))
	wantLines(t, w, 3)
	if s := w.state(); s.Refused != 1 || !strings.Contains(s.Reason, "bytes") {
		t.Errorf("the line is not said to be refused: %+v", s)
	}
}

// TestAFollowedFileInUTF16: its parts do not end where its lines do.
func TestAFollowedFileInUTF16(t *testing.T) {
	t.Parallel()
	w, l := newWorld(t), newLogger(t)
	l.write("\xff\xfex\x00\n")
	w.must(File(l.path), eve(t))
	if s := w.state(); s.Refused != 1 || !strings.Contains(s.Reason, "have the tool write UTF-8") {
		t.Errorf("%+v", s)
	}
}

func TestAFileThatIsNotThereSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	err := w.look(File(filepath.Join(t.TempDir(), "no")), eve(t))
	if err == nil || !strings.Contains(err.Error(), "check the path") {
		t.Errorf("got %v", err)
	}
}

func TestTheTailOfAFileThatMayStillGrowWaits(t *testing.T) {
	t.Parallel()
	w, l := newWorld(t), newLogger(t)
	l.lines(2)
	w.must(File(l.path), eve(t))
	old := l.path + ".1"
	if err := os.Rename(l.path, old); err != nil {
		t.Fatal(err)
	}
	l.write(line(4) + "\n") // in the new file
	f, err := os.OpenFile(old, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line(2) + "\n"); err != nil { // the tool still has the old one open
		t.Fatal(err)
	}
	w.must(File(l.path), eve(t))
	wantLines(t, w, 3)
	if _, err := f.WriteString(line(3)); err != nil { // which ends without a line feed
		t.Fatal(err)
	}
	w.must(File(l.path), eve(t))
	wantLines(t, w, 3)
	l.touch(old)
	w.must(File(l.path), eve(t))
	wantLines(t, w, 5)
}

func TestEachFileOfAFolderIsTakenOnce(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(t), t.TempDir()
	past := time.Now().Add(-time.Minute)
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	put("a.json", line(0)+"\n"+line(1)+"\n")
	put("b.json.part", line(2)+"\n")
	if err := os.WriteFile(filepath.Join(dir, "young.json"), []byte(line(2)+"\n"), 0o600); err != nil { // still written, perhaps
		t.Fatal(err)
	}
	way := Directory(dir)
	w.must(way, eve(t))
	wantLines(t, w, 2)
	if err := os.Rename(filepath.Join(dir, "a.json"), filepath.Join(dir, "c.json")); err != nil {
		t.Fatal(err)
	}
	put("young.json", line(2)+"\n")
	w.must(way, eve(t))
	w.restart()
	w.must(Directory(dir), eve(t))
	wantLines(t, w, 3)
	if s := w.state(); s.New != 3 || s.Known != 0 {
		t.Errorf("a file was read twice: %+v", s)
	}
}

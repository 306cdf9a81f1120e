package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/compliance"
	"github.com/secant-platform/secant/chaincode/ledger"
)

// Measures of the pictures, in their own units.
const (
	dialRadius = 80
	barWidth   = 420
	barPitch   = 26
	lifeWidth  = 700
	curveWidth = 700
	curveTall  = 120
)

// dial is a half circle that is filled as far as the score goes.
type dial struct {
	Path    string // of the filled part
	Class   string
	Percent string
	Marks   []mark // thresholds
}

type mark struct {
	X1, Y1, X2, Y2 string
	Label          string
	LX, LY         string
}

// at is a point of the half circle.
func at(points int, radius float64) (x, y float64) {
	angle := math.Pi * (1 - float64(points)/ledger.MaxScore)
	return 100 + radius*math.Cos(angle), 100 - radius*math.Sin(angle)
}

func number(f float64) string { return fmt.Sprintf("%.1f", f) }

func newDial(score int, verdict string) dial {
	x, y := at(score, dialRadius)
	d := dial{
		Path:    fmt.Sprintf("M %d 100 A %d %d 0 0 1 %s %s", 100-dialRadius, dialRadius, dialRadius, number(x), number(y)),
		Class:   verdict,
		Percent: percent(score),
	}
	for _, points := range []int{ledger.ScoreConditional, ledger.ScoreCertified} {
		x1, y1 := at(points, dialRadius-12)
		x2, y2 := at(points, dialRadius+12)
		lx, ly := at(points, dialRadius+18)
		d.Marks = append(d.Marks, mark{number(x1), number(y1), number(x2), number(y2), strconv.Itoa(points / 100), number(lx), number(ly)})
	}
	return d
}

// newAreas draws each area's controls side by side, as wide as they weigh.
func newAreas(c *compliance.Catalogue, rows []row) []area {
	heaviest := 1
	weights := map[string]int{}
	for _, r := range rows {
		weights[r.Area] += r.Weight
		heaviest = max(heaviest, weights[r.Area])
	}
	var out []area
	for _, a := range c.Areas {
		if weights[a.ID] == 0 {
			continue
		}
		one := area{Title: a.Title, Y: len(out) * barPitch}
		x, applies, reached := 0, 0, 0
		for _, r := range rows {
			if r.Area != a.ID {
				continue
			}
			width := r.Weight * barWidth / heaviest
			one.Segments = append(one.Segments, segment{x, max(width-2, 1), r.Class, r.ID + " " + r.Title + ": " + r.Word})
			x += width
			switch r.Class {
			case "not_applicable":
				continue
			case "pass":
				reached += 2 * r.Weight
			case "partial", "tolerated":
				reached += r.Weight
			}
			applies += 2 * r.Weight
		}
		one.Reached = "–"
		if applies > 0 {
			one.Reached = fmt.Sprintf("%d %%", 100*reached/applies)
		}
		out = append(out, one)
	}
	return out
}

// timeline is the unit's state over time.
type timeline struct {
	Spans []span
	Marks []tick
}

type span struct {
	X, Width     string
	State, Class string
	From, To     time.Time
	Wide         bool // there is room for its name
}

type tick struct {
	X, Label string
}

// newTimeline draws from the first change that is told to when the page was written.
func newTimeline(in *Input) timeline {
	changes := slices.Clone(in.Changes)
	slices.SortFunc(changes, func(a, b ledger.UnitChange) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return a.Revision - b.Revision
	})
	var t timeline
	if len(changes) == 0 {
		return t
	}
	begin, end := changes[0].Time, in.Written
	whole := end.Sub(begin)
	if whole <= 0 {
		whole = time.Second
	}
	place := func(when time.Time) float64 {
		return lifeWidth * float64(when.Sub(begin)) / float64(whole)
	}
	for i, c := range changes {
		to := end
		if i+1 < len(changes) {
			to = changes[i+1].Time
		}
		if n := len(t.Spans); n > 0 && t.Spans[n-1].State == inWords(c.To) { // a change of something else
			t.Spans[n-1].To = to
			t.Spans[n-1].Width = number(place(to) - place(t.Spans[n-1].From))
			continue
		}
		t.Spans = append(t.Spans, span{X: number(place(c.Time)), Width: number(place(to) - place(c.Time)), State: inWords(c.To), Class: c.To, From: c.Time, To: to})
	}
	for i := range t.Spans {
		s := &t.Spans[i]
		const letter = 7.5
		s.Wide = place(s.To)-place(s.From) > letter*float64(len(s.State))
	}
	t.Marks = []tick{{"0", begin.UTC().Format("2 Jan 2006")}, {number(lifeWidth), end.UTC().Format("2 Jan 2006")}}
	return t
}

// inWords is a name of the ledger's as people write it.
func inWords(name string) string { return strings.ReplaceAll(name, "_", " ") }

// curve is the score of the assessments on the ledger over time.
type curve struct {
	Points string
	Dots   []dot
	Limits []limit
}

type dot struct {
	X, Y, Class, Title string
}

type limit struct {
	Y, Label string
}

func newCurve(all []ledger.ControlAssessment, now *compliance.Assessment) curve {
	type one struct {
		at      time.Time
		score   int
		verdict string
		by      string
	}
	var list []one
	for i := range all {
		list = append(list, one{all[i].Time, all[i].Score, all[i].Verdict, all[i].Assessor})
	}
	list = append(list, one{now.Facts.At, now.Score, now.Verdict, "this page"})
	slices.SortStableFunc(list, func(a, b one) int { return a.at.Compare(b.at) })
	tall := func(score int) float64 { return curveTall - curveTall*float64(score)/ledger.MaxScore }
	var c curve
	first, whole := list[0].at, list[len(list)-1].at.Sub(list[0].at)
	var points []string
	for _, o := range list {
		x := float64(curveWidth)
		if whole > 0 {
			x = curveWidth * float64(o.at.Sub(first)) / float64(whole)
		}
		points = append(points, number(x)+","+number(tall(o.score)))
		c.Dots = append(c.Dots, dot{number(x), number(tall(o.score)), o.verdict, fmt.Sprintf("%s on %s, by %s", percent(o.score), o.at.UTC().Format("2 January 2006"), o.by)})
	}
	c.Points = strings.Join(points, " ")
	for _, p := range []int{ledger.ScoreConditional, ledger.ScoreCertified} {
		c.Limits = append(c.Limits, limit{number(tall(p)), fmt.Sprintf("%d %%", p/100)})
	}
	return c
}

package proof

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/sequence"
)

// numbered is a request that has a number, as a verdict tells it.
type numbered struct {
	unit, signer, request string
	epoch, number         uint64
}

// Counted says, one line for each count, what the numbers in verdicts show: how far they
// go, and which between them are in none. A number of two requests is told as well; what
// each holds is for whoever has both. Verdicts without a number are left out.
func Counted(verdicts []*Verdict) []string {
	var all []numbered
	for _, v := range verdicts {
		if v.Numbered.Number == 0 {
			continue
		}
		signer := map[Voucher]string{VouchedByDevice: v.Unit, VouchedByEdge: v.Edge}[v.VouchedBy]
		all = append(all, numbered{v.Unit, signer, v.Request, v.Numbered.Epoch, v.Numbered.Number})
	}
	slices.SortFunc(all, func(a, b numbered) int {
		return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.signer, b.signer), cmp.Compare(a.epoch, b.epoch),
			cmp.Compare(a.number, b.number), cmp.Compare(a.request, b.request))
	})
	all = slices.Compact(all) // records of one request
	var lines []string
	for len(all) > 0 {
		end := 1
		for end < len(all) && all[end].unit == all[0].unit && all[end].signer == all[0].signer && all[end].epoch == all[0].epoch {
			end++
		}
		lines = append(lines, countLine(all[:end]))
		all = all[end:]
	}
	return lines
}

// countLine says what the numbers of one count show, which ascend.
func countLine(all []numbered) string {
	var c sequence.Count
	var twice []string
	for i, n := range all {
		if c.Take(n.epoch, n.number, time.Time{}) == sequence.Again && (i < 2 || all[i-2].number != n.number) {
			twice = append(twice, strconv.FormatUint(n.number, 10))
		}
	}
	e := &c.Epochs[0]
	var missing []string
	for _, r := range e.Missing {
		one := strconv.FormatUint(r.First, 10)
		if r.Last > r.First {
			one += " to " + strconv.FormatUint(r.Last, 10)
		}
		missing = append(missing, one)
	}
	if e.Unlisted > 0 {
		missing = append(missing, fmt.Sprintf("and %d before", e.Unlisted))
	}
	by := "claimed by nobody who signed"
	switch all[0].signer {
	case "":
	case all[0].unit:
		by = "signed by itself"
	default:
		by = "signed by EDGE " + all[0].signer
	}
	line := fmt.Sprintf("Count %d of device %s, %s: numbers %d to %d, ", e.Epoch, all[0].unit, by, e.First, e.Highest)
	if len(missing) == 0 {
		line += "none missing between"
	} else {
		line += "missing " + strings.Join(missing, ", ")
	}
	if len(twice) > 0 {
		line += "; two requests under number " + strings.Join(twice, ", ")
	}
	return line + "."
}

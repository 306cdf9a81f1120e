package gs1

import "strings"

// HIBC is the primary data of a label by the HIBC standard (ANSI/HIBC 2.6).
type HIBC struct {
	Labeller string // identification code of who labels: a letter and three letters or digits
	Item     string // product or catalogue number, 1 to 18 letters or digits
	Unit     int    // unit of measure: 0 for the unit of use, to 9
}

// hibcSet is the order of characters in which the check character counts.
const hibcSet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"

// ParseHIBC reads primary data, with the asterisks of the bar code or without.
// Secondary data are not read: behind a slash they are left aside after their
// check. Problems: invalid.
func ParseHIBC(text string) (*HIBC, error) {
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimRight(text, "\r\n"), "*"), "*")
	if len(text) > MaxScan || !strings.HasPrefix(text, "+") || len(text) < 8 {
		return nil, unreadable("it is no HIBC label")
	}
	body, check := text[:len(text)-1], text[len(text)-1]
	sum := 0
	for i := range len(body) {
		n := strings.IndexByte(hibcSet, body[i])
		if n < 0 {
			return nil, unreadable("a character is none of HIBC")
		}
		sum += n
	}
	if hibcSet[sum%len(hibcSet)] != check {
		return nil, unreadable("the check character is wrong")
	}
	primary, _, _ := strings.Cut(body[1:], "/")
	for i := range len(primary) {
		if !inSet('y', primary[i]) || strings.IndexByte(marks39, primary[i]) >= 0 {
			return nil, unreadable("a character of the primary data is neither letter nor digit")
		}
	}
	n := len(primary)
	if n < 6 || n > 23 || primary[0] < 'A' || primary[n-1] < '0' || primary[n-1] > '9' {
		return nil, unreadable("the primary data have a wrong form")
	}
	return &HIBC{Labeller: primary[:4], Item: primary[4 : n-1], Unit: int(primary[n-1] - '0')}, nil
}

package compliance

import "strings"

// hibccSet is the order of HIBCC's check characters (ANSI/HIBC 2.6, appendix B).
const hibccSet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"

// validDI reports whether a UDI-DI has the form of one of the issuing agencies:
// GS1 (a GTIN of 8, 12, 13 or 14 digits with its check digit), HIBCC (a plus sign, a label of
// letters and digits, and a check character over all before it), IFA (PPN of
// digits and letters with two check digits) or ICCBBA (a processor product
// identification code).
func validDI(di string) bool {
	switch {
	case allDigits(di):
		return validGTIN(di)
	case strings.HasPrefix(di, "+"):
		return validHIBCC(di)
	case strings.HasPrefix(di, "="):
		return validICCBBA(di)
	}
	return validPPN(di)
}

func allDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// validGTIN: modulo 10, weights 3 and 1 from the right (GS1 General
// Specifications, 7.9.1).
func validGTIN(s string) bool {
	const digits = 14
	switch len(s) {
	case 8, 12, 13, digits:
	default:
		return false
	}
	s = strings.Repeat("0", digits-len(s)) + s
	sum := 0
	for i, r := range s {
		weight := 3
		if i%2 == 1 {
			weight = 1
		}
		sum += weight * int(r-'0')
	}
	return sum%10 == 0
}

func validHIBCC(s string) bool {
	const shortest, longest = 8, 25
	if len(s) < shortest || len(s) > longest || s[1] < 'A' || s[1] > 'Z' {
		return false
	}
	sum := 0
	for _, r := range s[:len(s)-1] {
		at := strings.IndexRune(hibccSet, r)
		if at < 0 {
			return false
		}
		sum += at
	}
	return hibccSet[sum%len(hibccSet)] == s[len(s)-1]
}

// validICCBBA: "=/", a facility of five, six of the facility's own, five of the
// product (ISBT 128, ST-001, data structure 034).
func validICCBBA(s string) bool {
	const characters = 18
	body, ok := strings.CutPrefix(s, "=/")
	return ok && len(s) == characters && !strings.ContainsFunc(body, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z')
	})
}

// validPPN: two check digits, the weighted sum of all characters before them,
// modulo 97 (IFA, PPN specification).
func validPPN(s string) bool {
	const shortest, longest = 6, 22
	if len(s) < shortest || len(s) > longest {
		return false
	}
	body, check := s[:len(s)-2], s[len(s)-2:]
	if !allDigits(check) || strings.ContainsFunc(body, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && r != '-' }) {
		return false
	}
	sum := 0
	for i, r := range body {
		sum += (i + 2) * int(r)
	}
	return sum%97 == int(check[0]-'0')*10+int(check[1]-'0')
}

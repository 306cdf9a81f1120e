package vuln

import (
	"fmt"
	"strings"
	"testing"
)

func TestVersionsAreOrdered(t *testing.T) {
	t.Parallel()
	for scheme, lists := range map[Scheme][]string{
		SchemeGeneric: {
			"1.0.1 < 1.0.2 < 1.0.2a < 1.0.2k < 1.0.10", "2.0-alpha < 2.0-beta.2 < 2.0-rc1 < 2.0 = 2.0.0 < 2.0.1 < 2.1", "v1.2 = 1.2.0 < 1.2-sp1",
			"8.2.1 < 8.2.2", "3.0 < 3.0 D15 < 3.1", "A.01 < A.03.09 < B.00 < C.01", "2018-1 < 2021-1", "2023.3 Build 9341 < 2023.3 Build 9342",
			"1.0.0+build5 = 1.0.0", "1.0.0-dev < 1.0.0", "9 < 10 < 10.0.1", "2.43.01 < 2.43.02", "1.10 > 1.9",
		},
		SchemeDebian: {"1.0~rc1 < 1.0 < 1.0-1 < 1.0-1+deb12u1 < 1.0-2 < 1:0.1", "3.0.11-1~deb12u2 < 3.0.11-1~deb12u3 < 3.0.11-1", "2.36-9+deb12u4 < 2.36-9+deb12u10"},
		SchemeRPM:    {"1.0~rc1 < 1.0 < 1.0^git1 < 1.0.1", "1.1.1k-5.el8_5 < 1.1.1k-6.el8_5 < 1:1.0.0", "5.5p1 < 5.5p2 < 5.5p10"},
	} {
		for _, list := range lists {
			words := strings.Fields(strings.NewReplacer(" D15", "_D15", " Build ", "_Build_").Replace(list))
			for i := 0; i+2 < len(words); i += 2 {
				a, b := strings.ReplaceAll(words[i], "_", " "), strings.ReplaceAll(words[i+2], "_", " ")
				if scheme != SchemeGeneric {
					a, b = words[i], words[i+2]
				}
				want := map[string]int{"<": -1, "=": 0, ">": 1}[words[i+1]]
				if got, ok := compareVersions(scheme, a, b); !ok || sign(got) != want {
					t.Errorf("%q: %s against %s: %d %v", scheme, a, b, got, ok)
				}
			}
		}
	}
	if _, ok := compareVersions(SchemeGeneric, "A.01", "3.0"); ok {
		t.Error("a letter before a number is not of the kind of 3.0")
	}
}

// TestRangesInWordsAndSigns: how real documents write them.
func TestRangesInWordsAndSigns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // versions that are in it, then out, then unclear
		"< 8.2.2":                             "8.2.1 8.2.1.9 / 8.2.2 9",
		"<=12.1.3":                            "12.1.3 9.33 / 12.1.4",
		"versions prior to Version 3.0":       "2.9 / 3.0",
		"3.1 and prior":                       "3.1 3.0 / 3.2",
		"Version 2.0.14.0 and prior versions": "2.0.14.0 / 2.0.14.1",
		"All versions prior to 3.0":           "2.9.9 / 3.0",
		">= 2.0 | <= 3.0":                     "2.0 2.5 3.0 / 1.9 3.0.1",
		">=2018-1|<=2021-1":                   "2018-1 2020-2 / 2017-9 2021-2",
		"Versions 2018-1 through 2021-1":      "2018-1 2021-1 / 2022-1",
		"1.1 | 1.2 | 1.4":                     "1.1 1.4 1.2.0 / 1.3",
		"14.1.x":                              "14.1 14.1.7 / 14.2 141",
		"vers:all/*":                          "1 x / ",
		"*":                                   "anything / ",
		"All versions":                        "2 / ",
		"vers:generic/>=2.9|<=4.1":            "2.9 4.1 / 2.8 4.2",
		"vers:npm/1.2.3|>=2.0.0|<5.0.0":       "1.2.3 2.0.0 4.9 / 1.2.4 5.0.0",
		"vers:pypi/!=2.0|>=1.0|<3.0":          "1.0 2.9 / 2.0 3.0",
		"vers:semver/<1.2|>=1.4|<1.6|>2.0":    "1.1 1.5 2.1 / 1.2 1.6 2.0",
		">=1.0,<2.0":                          "1.0 1.9 / 2.0",
		"2.3.6 and below":                     "2.3.6 / 2.3.7",
		"up to and including 4.2":             "4.2 / 4.3",
		"from 1.0 up to 2.0":                  "1.0 2.0 / 2.1",
		"later than 5.0":                      "5.0.1 / 5.0",
		"4.0 or newer":                        "4.0 5 / 3.9",
		"between 1.0 and 1.5":                 "1.0 1.5 / 1.6",
		"<= 2.01 (end-of-life Nov 2017)":      "2.00 /  / 2.02",
		"A.01 <= C.0x | 4.0":                  "4.0 / ",
		"Rev J-M":                             " /  / J.1 K",
		"some models":                         " /  / 1.0",
		"<= K":                                "J K / L",
		"≤ 3.0":                               "3.0 / 3.1",
		"2.0.1":                               "2.0.1 2.0.1.0 / 2.0.2",
		"":                                    " /  / 1.0",
	} {
		r := versionsOf(text, true)
		for i, list := range strings.Split(want, "/") {
			answer := []Answer{Yes, No, Unclear}[i]
			for _, v := range strings.Fields(list) {
				if got := r.Contains(v); got != answer {
					t.Errorf("%q: %s is %d, want %d: %s", text, v, got, answer, fmt.Sprintf("%+v", r))
				}
			}
		}
	}
}

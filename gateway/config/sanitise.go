package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// faults says what is wrong with the rules.
func (s *Sanitise) faults() (faults []string) {
	for i, d := range slices.Concat(s.Domains, s.Hosts) {
		if strings.TrimSpace(d) == "" || len(d) > 253 {
			faults = append(faults, fmt.Sprintf("exchange.sanitise: name %d must have 1 to 253 characters", i))
		}
	}
	for i, r := range s.Rules {
		if _, err := regexp.Compile(r.Pattern); err != nil || r.Name == "" || r.Pattern == "" || len(r.Pattern) > 1000 {
			faults = append(faults, fmt.Sprintf("exchange.sanitise.rules[%d] must have a name and an RE2 pattern of 1 to 1000 characters", i))
		}
	}
	return faults
}

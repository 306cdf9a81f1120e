package config

import (
	"net/url"
	"time"
)

// Advisories says where advisories on vulnerabilities come from by themselves.
type Advisories struct {
	// Feeds are https addresses of ROLIE feeds of CSAF documents, as makers and
	// authorities publish them. They are fetched as anything else from outside is:
	// public addresses only, unless Exchange.Reachable has them. What a feed says is
	// believed as far as its server's certificate; signatures by OpenPGP beside the
	// documents are not checked. Default: none.
	Feeds []string `json:"feeds,omitempty"`

	// Every is how often they are looked at; at least a minute. Default: 6h.
	Every Duration `json:"every,omitzero"`
}

// DefaultAdvisoriesEvery is how often feeds are looked at when nothing is said.
const DefaultAdvisoriesEvery = 6 * time.Hour

const maxFeeds = 64

// faults says what is wrong with the feeds.
func (a *Advisories) faults() []string {
	var all []string
	if len(a.Feeds) > maxFeeds {
		all = append(all, "advisories.feeds: must be at most 64")
	}
	for _, f := range a.Feeds {
		if u, err := url.Parse(f); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			all = append(all, "advisories.feeds: each must be an https address without user and fragment")
			break
		}
	}
	if a.Every != 0 && a.Every.Std() < time.Minute {
		all = append(all, "advisories.every: must be at least a minute")
	}
	return all
}

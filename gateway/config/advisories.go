package config

import (
	"net/url"
	"slices"
	"time"
)

// Advisories says where advisories on vulnerabilities come from by themselves.
type Advisories struct {
	// Feeds are ROLIE feeds of CSAF documents, as makers and authorities publish them.
	// They are fetched as anything else from outside is: public addresses only, unless
	// Exchange.Reachable has them. What a feed says is believed as far as its server's
	// certificate; signatures by OpenPGP beside the documents are not checked.
	// Default: none.
	Feeds []Feed `json:"feeds,omitempty"`

	// Every is how often they are looked at; at least a minute. Default: 6h.
	Every Duration `json:"every,omitzero"`
}

// Feed is where advisories are fetched, and whose.
type Feed struct {
	// URL is an https address.
	URL string `json:"url"`

	// Publishers are the namespaces (document.publisher.namespace in CSAF) whose
	// advisories the feed may bring: one to 64. Those of others are not taken, so that
	// no feed replaces what another publisher says.
	Publishers []string `json:"publishers"`
}

// DefaultAdvisoriesEvery is how often feeds are looked at when nothing is said.
const DefaultAdvisoriesEvery = 6 * time.Hour

const (
	maxFeeds      = 64
	maxPublishers = 64
)

// faults says what is wrong with the feeds.
func (a *Advisories) faults() []string {
	var all []string
	if len(a.Feeds) > maxFeeds {
		all = append(all, "advisories.feeds: must be at most 64")
	}
	for _, f := range a.Feeds {
		if u, err := url.Parse(f.URL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			all = append(all, "advisories.feeds.url: each must be an https address without user and fragment")
			break
		}
		if len(f.Publishers) == 0 || len(f.Publishers) > maxPublishers || slices.Contains(f.Publishers, "") {
			all = append(all, "advisories.feeds.publishers: each feed must name the namespaces of one to 64 publishers whose advisories it may bring")
			break
		}
	}
	if a.Every != 0 && a.Every.Std() < time.Minute {
		all = append(all, "advisories.every: must be at least a minute")
	}
	return all
}

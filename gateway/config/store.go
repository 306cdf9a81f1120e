package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// StoreFolder is where the store is below Config.Data, unless Config.Store says otherwise.
const StoreFolder = "store"

// StorePlace is where the store is: a folder, or the URL of a database.
func (c *Config) StorePlace() string {
	if c.Store != "" {
		return c.Store
	}
	return filepath.Join(c.Data, StoreFolder)
}

// storeFault says what is wrong with the URL of a database, without repeating it: there
// may be a password in it.
func storeFault(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || strings.Trim(u.Path, "/") == "" {
		return "store must be the URL of a PostgreSQL database, postgres://user@host:port/database"
	}
	if u.Scheme != text[:strings.Index(text, ":")] {
		return "store must begin with postgres:// in small letters"
	}
	host, query := u.Hostname(), u.Query()
	_, password := u.User.Password()
	if password || query.Has("password") || query.Has("sslpassword") {
		return "store must not hold a password, which the configuration is shown with: put it in a file that PGPASSFILE names"
	}
	for key, values := range query {
		if len(values) > 1 || key == "ssl" {
			return "store must say each thing once, and sslmode in place of ssl"
		}
	}
	if query.Has("host") { // it counts: a folder with the server's socket, for one
		host = query.Get("host")
	}
	remote := slices.ContainsFunc(strings.Split(host, ","), func(h string) bool { return !strings.HasPrefix(h, "/") && !loopback(h) })
	if remote && query.Get("sslmode") != "verify-full" {
		return "store leads to another machine: that needs sslmode=verify-full in its URL"
	}
	return ""
}

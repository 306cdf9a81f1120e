package config

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/secant-platform/secant/analytics/strictjson"
)

// Prefix begins the names of the environment variables that are read.
const Prefix = "SECANT_"

// elsewhere are variables with our prefix that other parts of the program read.
var elsewhere = []string{"SECANT_CACHE", "SECANT_CRASH_AT", "SECANT_DIR", "SECANT_PORT"}

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// Load is Read with this process's environment. It keeps the warnings in the
// configuration, for the log.
func Load(path string) (Config, error) {
	cfg, warnings, err := Read(path, os.Environ())
	cfg.warnings = warnings
	return cfg, err
}

// Warnings name environment variables that look like ours and set nothing.
func (c *Config) Warnings() []string { return c.warnings }

// Read reads a node's configuration: defaults, then the file, then environ
// ("NAME=value", as from os.Environ). It makes paths absolute and checks the
// whole. The warnings name variables that look like ours and set nothing.
func Read(path string, environ []string) (cfg Config, warnings []string, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return Config{}, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if len(b) > maxFile {
		return Config{}, nil, fmt.Errorf("reading the configuration: %s is larger than %d bytes", path, maxFile)
	}
	cfg, warnings, err = Parse(b, environ)
	if err != nil {
		return Config{}, nil, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, nil, fmt.Errorf("resolving the configuration's folder: %w", err)
	}
	cfg.resolve(dir)
	return cfg, warnings, nil
}

// Parse is Read without a file: paths stay as they are written.
func Parse(text []byte, environ []string) (cfg Config, warnings []string, err error) {
	cfg = Default()
	if err := decode(text, &cfg); err != nil {
		return Config{}, nil, err
	}
	if warnings, err = cfg.environment(environ); err != nil {
		return Config{}, nil, err
	}
	cfg.complete()
	if err := cfg.Validate(); err != nil {
		return Config{}, nil, err
	}
	return cfg, warnings, nil
}

// decode wants one JSON object without repeated or unknown names. Unlike an
// answer to a caller, its error names what is unknown.
func decode(text []byte, cfg any) error {
	if err := strictjson.Check("the file", text, strictjson.Limits{Bytes: maxFile, Depth: 8, Values: 10_000}); err != nil {
		return err //nolint:wrapcheck // its text is the whole story
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(cfg); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}

// Encode writes the configuration as Read takes it.
func (c *Config) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the configuration: %w", err)
	}
	return append(b, '\n'), nil
}

// complete fills in what follows from the rest.
func (c *Config) complete() {
	if c.DisplayName == "" {
		c.DisplayName = c.Organisation
	}
	if c.Endpoint == "" && c.Listen != "" {
		scheme := "http"
		if c.TLS != nil {
			scheme = "https"
		}
		c.Endpoint = (&url.URL{Scheme: scheme, Host: c.Listen}).String()
	}
}

// Validate returns one error that lists every fault.
func (c *Config) Validate() error {
	var faults []string
	fail := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	need := func(name, value string) {
		if value == "" {
			fail("%s is required", name)
		}
	}
	need("organisation", c.Organisation)
	need("network", c.Network)
	need("data", c.Data)
	need("trust", c.Trust)
	need("ledger.channel", c.Ledger.Channel)
	need("ledger.chaincode", c.Ledger.Chaincode)
	if !slices.Contains([]string{"hospital", "manufacturer", "authority"}, c.Kind) {
		fail("kind must be hospital, manufacturer or authority")
	}
	if !isCountry(c.Country) {
		fail("country must be two capital letters")
	}
	if u, err := url.Parse(c.Endpoint); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		fail("endpoint must be an http or https address")
	}
	if c.Store != "" {
		if fault := storeFault(c.Store); fault != "" {
			fail("%s", fault)
		}
	}
	if host, _, err := net.SplitHostPort(c.Listen); err != nil {
		fail("listen must be host:port")
	} else if c.TLS == nil && !loopback(host) {
		fail("listen is reachable from outside: that needs tls.certificate and tls.key")
	}
	if c.TLS != nil && (c.TLS.Certificate == "" || c.TLS.Key == "") {
		fail("tls needs certificate and key")
	}
	faults = append(faults, c.publicFaults()...)
	faults = append(faults, c.signInFaults()...)
	faults = append(faults, c.walletFaults()...)
	faults = append(faults, listenerFaults("mllp", c.MLLP)...)
	faults = append(faults, listenerFaults("coap", c.CoAP)...)
	faults = append(faults, c.mqttFaults()...)
	faults = append(faults, c.Advisories.faults()...)
	faults = append(faults, c.collectFaults()...)
	faults = append(faults, c.Vault.faults()...)
	if r := c.Retention.Std(); r != 0 && r < 24*time.Hour {
		fail("retention must be at least 24h, or absent")
	}
	if c.Pace.Audit.Std() <= 0 {
		fail("pace.audit must be positive")
	}
	own := false
	for i, p := range c.Ledger.Peers {
		own = own || p.Organisation != "" && p.Organisation == c.Organisation
		if p.Name == "" || p.Organisation == "" || p.TLSRoot == "" {
			fail("ledger.peers[%d] needs name, organisation and tlsRoot", i)
		}
		if _, _, err := net.SplitHostPort(p.Address); err != nil {
			fail("ledger.peers[%d].address must be host:port", i)
		}
	}
	if !own {
		fail("ledger.peers must hold a peer of the own organisation")
	}
	if len(c.Ledger.Identities) == 0 {
		fail("ledger.identities must hold at least one role")
	}
	for _, role := range slices.Sorted(keys(c.Ledger.Identities)) {
		if id := c.Ledger.Identities[role]; id.Certificate == "" || id.Key == "" {
			fail("ledger.identities.%s needs certificate and key", role)
		}
	}
	for name, k := range map[string]KeyFile{"token": c.Keys.Token, "maker": c.Keys.Maker, "vault": c.Keys.Vault, "identity": c.Keys.Identity} {
		need("keys."+name, k.Path())
	}
	if t := c.Keys.PKCS11; t != nil {
		need("keys.pkcs11.module", t.Module)
		need("keys.pkcs11.token", t.Token)
		need("keys.pkcs11.pin", t.PIN.Path())
	}
	faults = append(faults, positive(reflect.ValueOf(c.Limits), "limits")...)
	faults = append(faults, positive(reflect.ValueOf(c.Pace), "pace")...)
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("%s", strings.Join(faults, "; "))
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

func keys(m map[string]Identity) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// positive wants every number of a struct above zero.
func positive(v reflect.Value, prefix string) []string {
	var faults []string
	for i := range v.NumField() {
		if v.Field(i).Int() <= 0 {
			faults = append(faults, prefix+"."+name(v.Type().Field(i))+" must be more than zero")
		}
	}
	return faults
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// abs makes a path that is given absolute, below base.
func abs(base string, p *string) {
	if *p != "" && !filepath.IsAbs(*p) {
		*p = filepath.Join(base, *p)
	}
}

// resolve makes paths absolute: keys below the data folder, all else below dir.
func (c *Config) resolve(dir string) {
	abs(dir, &c.Data)
	abs(dir, &c.Trust)
	abs(dir, &c.Exchange.Roots)
	if c.TLS != nil {
		abs(dir, &c.TLS.Certificate)
		abs(dir, (*string)(&c.TLS.Key))
	}
	abs(dir, &c.Public.Certificate)
	abs(dir, (*string)(&c.Public.Key))
	if p := c.SignIn.Provider; p != nil {
		abs(c.Data, (*string)(&p.Secret))
	}
	for i := range c.SignIn.Services {
		abs(dir, &c.SignIn.Services[i].KeyFile)
	}
	abs(dir, &c.Wallets.Makers)
	abs(dir, (*string)(&c.Vault.Credentials))
	for _, listeners := range [][]Listener{c.MLLP, c.MQTT, c.CoAP} {
		for i := range listeners {
			listeners[i].resolve(dir)
		}
	}
	for i := range c.Brokers {
		c.Brokers[i].resolve(dir)
	}
	for i := range c.Sources {
		c.Sources[i].resolve(dir)
	}
	for i := range c.Forward {
		c.Forward[i].resolve(dir)
	}
	for i := range c.Ledger.Peers {
		abs(dir, &c.Ledger.Peers[i].TLSRoot)
	}
	for role, id := range c.Ledger.Identities {
		abs(dir, &id.Certificate)
		abs(dir, (*string)(&id.Key))
		c.Ledger.Identities[role] = id
	}
	for _, k := range []*KeyFile{&c.Keys.Token, &c.Keys.Maker, &c.Keys.Vault, &c.Keys.Identity} {
		abs(c.Data, (*string)(k))
	}
	if t := c.Keys.PKCS11; t != nil {
		abs(dir, &t.Module)
		abs(dir, (*string)(&t.PIN))
	}
}

// environment applies variables to every single value of the configuration.
func (c *Config) environment(environ []string) (warnings []string, err error) {
	targets := map[string]reflect.Value{}
	scalars(reflect.ValueOf(c).Elem(), Prefix, targets)
	for _, e := range environ {
		variable, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(variable, Prefix) || slices.Contains(elsewhere, variable) {
			continue
		}
		target, known := targets[variable]
		if !known {
			warnings = append(warnings, "the environment variable "+variable+" sets nothing")
			continue
		}
		if err := set(target, value); err != nil {
			return nil, fmt.Errorf("the environment variable %s: %w", variable, err)
		}
	}
	slices.Sort(warnings)
	return warnings, nil
}

func scalars(v reflect.Value, prefix string, into map[string]reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !v.Type().Field(i).IsExported() {
			continue
		}
		variable := prefix + upperSnake(name(v.Type().Field(i)))
		switch f.Kind() {
		case reflect.Struct:
			scalars(f, variable+"_", into)
		case reflect.Slice, reflect.Map, reflect.Pointer:
			// lists and optional parts are set in the file only
		default:
			into[variable] = f
		}
	}
}

func name(f reflect.StructField) string {
	n, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return n
}

// upperSnake turns eventLag into EVENT_LAG.
func upperSnake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

func set(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("reading the value: %w", err)
		}
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("reading the value: %w", err)
		}
		v.SetBool(b)
	default: // the integers: there are no other scalars
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("reading the value: %w", err)
		}
		v.SetInt(n)
	}
	return nil
}

// LogValue is the effective configuration as it is shown at start.
func (c Config) LogValue() slog.Value { return shown(reflect.ValueOf(c)) }

func shown(v reflect.Value) slog.Value {
	var attrs []slog.Attr
	for i := range v.NumField() {
		f, n := v.Field(i), name(v.Type().Field(i))
		if !v.Type().Field(i).IsExported() {
			continue
		}
		if f.Kind() == reflect.Pointer {
			if f.IsNil() {
				continue
			}
			f = f.Elem()
		}
		switch value := f.Interface().(type) {
		case slog.LogValuer:
			attrs = append(attrs, slog.Attr{Key: n, Value: value.LogValue()})
		case Duration:
			attrs = append(attrs, slog.String(n, value.Std().String()))
		case []Peer:
			for _, p := range value {
				attrs = append(attrs, slog.String(n+"."+p.Name, p.Address))
			}
		case []Service:
			for _, s := range value {
				attrs = append(attrs, slog.Any(n+"."+s.ID, s.Roles))
			}
		case map[string]Identity:
			attrs = append(attrs, slog.Any(n, slices.Sorted(keys(value))))
		default:
			if f.Kind() == reflect.Struct {
				attrs = append(attrs, slog.Attr{Key: n, Value: shown(f)})
				continue
			}
			attrs = append(attrs, slog.Any(n, value))
		}
	}
	return slog.GroupValue(attrs...)
}

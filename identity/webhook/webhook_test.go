package webhook_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/secant-platform/secant/chaincode/ledger"
	"github.com/secant-platform/secant/identity/webhook"
)

var at = time.Unix(1614265330, 0)

func secret(tb testing.TB, text string) webhook.Secret {
	tb.Helper()
	s, err := webhook.ParseSecret(text)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestTheSpecificationsVector is the message that implementations of Standard
// Webhooks have in common.
func TestTheSpecificationsVector(t *testing.T) {
	t.Parallel()
	s := secret(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	body := []byte(`{"test": 2432232314}`)
	h := (&webhook.Signer{Secrets: []webhook.Secret{s}}).Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
	if got := h.Get("webhook-signature"); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("%s", got)
	}
	if id, err := webhook.Verify(s, h, body, at, webhook.Tolerance); err != nil || id != "msg_p5jXN8AQM9LWM0D4loKWxJek" {
		t.Errorf("%s %v", id, err)
	}
}

func TestWhatIsNotSignedIsRefused(t *testing.T) {
	t.Parallel()
	s, other := webhook.NewSecret(), webhook.NewSecret()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"type":"unit.held"}`)
	signed := func() http.Header {
		return (&webhook.Signer{Secrets: []webhook.Secret{other, s}, Key: private}).Sign("msg_1", at, body)
	}
	for name, c := range map[string]struct {
		change func(h http.Header)
		secret webhook.Secret
		key    ed25519.PublicKey
		body   string
		now    time.Time
		good   bool
	}{
		"as it was sent":            {good: true},
		"a second before the limit": {now: at.Add(webhook.Tolerance), good: true},
		"too old":                   {now: at.Add(webhook.Tolerance + time.Second)},
		"from the future":           {now: at.Add(-webhook.Tolerance - time.Second)},
		"under another secret":      {secret: webhook.NewSecret()},
		"without a secret":          {secret: webhook.Secret{}, key: stranger},
		"of another key":            {key: stranger},
		"another body":              {body: `{"type":"unit.released"}`},
		"another id":                {change: func(h http.Header) { h.Set("webhook-id", "msg_2") }},
		"another time":              {change: func(h http.Header) { h.Set("webhook-timestamp", strconv.FormatInt(at.Unix()+1, 10)) }},
		"a time written otherwise":  {change: func(h http.Header) { h.Set("webhook-timestamp", fmt.Sprintf("0%d", at.Unix())) }},
		"a time that is far off":    {change: func(h http.Header) { h.Set("webhook-timestamp", "9223372036854775807") }},
		"no time":                   {change: func(h http.Header) { h.Del("webhook-timestamp") }},
		"no signature":              {change: func(h http.Header) { h.Del("webhook-signature") }},
		"signatures twice":          {change: func(h http.Header) { h.Add("webhook-signature", "v1,AAAA") }},
		"another version's": {change: func(h http.Header) {
			h.Set("webhook-signature", strings.ReplaceAll(h.Get("webhook-signature"), "v1", "v2"))
		}},
		"one kind for the other": {change: func(h http.Header) {
			h.Set("webhook-signature", strings.NewReplacer("v1a,", "v1,", "v1,", "v1a,").Replace(h.Get("webhook-signature")))
		}},
		"an id with a dot": {change: func(h http.Header) {
			for k, v := range (&webhook.Signer{Secrets: []webhook.Secret{s}, Key: private}).Sign("msg.1", at, body) {
				h[k] = v
			}
		}},
		"more signatures than are looked at": {change: func(h http.Header) {
			h.Set("webhook-signature", strings.Repeat("v1,AAAA v1a,AAAA ", 20)+h.Get("webhook-signature"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := signed()
			if c.change != nil {
				c.change(h)
			}
			with, key, b, now := c.secret, c.key, c.body, c.now
			if with.IsZero() && c.key == nil {
				with = s
			}
			if key == nil {
				key = public
			}
			if !c.secret.IsZero() {
				key = stranger
			}
			if b == "" {
				b = string(body)
			}
			if now.IsZero() {
				now = at
			}
			if c.key == nil || c.secret.IsZero() && name == "without a secret" {
				if id, err := webhook.Verify(with, h, []byte(b), now, webhook.Tolerance); (err == nil) != c.good || c.good && id != "msg_1" {
					t.Errorf("by the secret: %q %v", id, err)
				}
			}
			if id, err := webhook.VerifyKey(key, h, []byte(b), now, webhook.Tolerance); (err == nil) != c.good || c.good && id != "msg_1" {
				t.Errorf("by the key: %q %v", id, err)
			}
		})
	}
}

func TestSecretsAreReadAndNotShown(t *testing.T) {
	t.Parallel()
	s := webhook.NewSecret()
	again := secret(t, s.Reveal())
	if again.Reveal() != s.Reveal() {
		t.Error("a secret does not come back")
	}
	encoded, err := json.Marshal(map[string]any{"s": s})
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), string(encoded), s.LogValue().String()} {
		if strings.Contains(shown, strings.TrimPrefix(s.Reveal(), "whsec_")) {
			t.Errorf("%s", shown)
		}
	}
	for _, text := range []string{"", "whsec_", "whsec_AAAA", "whsec_" + strings.Repeat("A", 200), "whsec_" + strings.Repeat("!", 32), "whpk_" + strings.Repeat("A", 32)} {
		if _, err := webhook.ParseSecret(text); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := webhook.ParsePublicKey(webhook.PublicKey(public)); err != nil || !key.Equal(public) {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"", "whpk_", "whpk_AAAA", s.Reveal()} {
		if _, err := webhook.ParsePublicKey(text); ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzVerify: nothing is taken that was not signed, and nothing panics.
func FuzzVerify(f *testing.F) {
	s := secret(f, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	signer := webhook.Signer{Secrets: []webhook.Secret{s}}
	f.Add("msg_1", "1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", []byte("{}"))
	f.Add("msg_1", "-1", "v1 v1, ,v1 v1a,", []byte(""))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		got, err := webhook.Verify(s, h, body, at, webhook.Tolerance)
		if err == nil && !strings.Contains(signature, strings.TrimPrefix(signer.Sign(got, stamped(t, stamp), body).Get("webhook-signature"), "v1,")) {
			t.Errorf("%q was taken", signature)
		}
		if _, err := webhook.ParseSecret(signature); err != nil && ledger.CodeOf(err) != ledger.CodeInvalid {
			t.Error(err)
		}
	})
}

func stamped(t *testing.T, stamp string) time.Time {
	t.Helper()
	var n int64
	if _, err := fmt.Sscan(stamp, &n); err != nil {
		t.Fatal(err)
	}
	return time.Unix(n, 0)
}

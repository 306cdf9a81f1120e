package mqtt

import (
	"bytes"
	"strings"
	"testing"

	"github.com/eclipse/paho.golang/packets"
)

func FuzzTopic(f *testing.F) {
	f.Add("secant/v1/icu/0022/readings")
	f.Add("secant/v1/icu//state")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseTopic(s)
		if ok && (got.String() != s || !maySubscribe(got.source, s) || strings.ContainsAny(got.device, "+#/\x00")) {
			t.Errorf("%q is %+v", s, got)
		}
		if !ok && got != (topic{}) {
			t.Errorf("%q is not one, and %+v", s, got)
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	f.Add("Secant-Seed", strings.Repeat("A", 43), "secant-signature", strings.Repeat("A", 86))
	f.Add("Secant-Id", "1", "SECANT-ID", "2")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string) {
		e, r := readEnvelope([]property{{n1, v1}, {n2, v2}})
		if r != nil {
			if e != (envelope{}) || r.code < 0x80 || len(v1) > 8 && strings.Contains(r.detail, v1) && !strings.Contains(r.detail, n1) {
				t.Errorf("%+v %+v", e, r)
			}
			return
		}
		if e.signed && !(strings.EqualFold(n1, "Secant-Seed") || strings.EqualFold(n2, "Secant-Seed")) {
			t.Errorf("%+v", e)
		}
		if strings.EqualFold(n1, n2) && strings.EqualFold(n1, propertyID) {
			t.Error("one of two was chosen")
		}
	})
}

// FuzzBounded compares what follows the packets of a connection with another decoder.
func FuzzBounded(f *testing.F) {
	f.Add([]byte("\xd0\x00\x30\x05\x00\x01a\x00x"), 3)
	f.Add([]byte("\x30\xff\xff\x7f"), 1)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		const limit = 100
		b := bounded{max: limit}
		cut = min(max(cut, 0), len(text))
		good := b.follow(text[:cut]) && b.follow(text[cut:])
		whole := bounded{max: limit}
		if whole.follow(text) != good {
			t.Error("it depends on how it comes")
		}
		if !good {
			return
		}
		for r := bytes.NewReader(text); r.Len() > 0; {
			before := r.Len()
			if _, err := packets.ReadPacket(r); err != nil {
				return
			}
			if before-r.Len() > limit+5 {
				t.Errorf("a packet of %d bytes passed", before-r.Len())
			}
		}
	})
}

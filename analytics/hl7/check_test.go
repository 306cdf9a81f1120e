package hl7

import (
	"bytes"
	"strings"
	"testing"
)

const message = "MSH|^~\\&|MONITOR^0011^EUI-64|ICU|EHR|NORTH|20261122140000||ORU^R01^ORU_R01|42|P|2.6|||AL|NE\rPID|||ref-7\r" +
	"OBX|1|NM|147842^MDC_ECG_HEART_RATE^MDC|1.1.1.1|72|{beat}/min|||||F|||||||SN7^MAKER^0022^EUI-64\r"

func TestWhatIsAMessage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want Flaw
	}{
		{message, Sound},
		{strings.ReplaceAll(message, "\r", "\n"), Sound},
		{strings.ReplaceAll(message, "\r", "\r\n"), Sound},
		{strings.TrimSuffix(message, "\r"), Sound},
		{"MSH|^~\\&|\r", Sound},
		{"MSH|^~\\&#|A\rZ01|caf\xe9\r", Sound}, // truncation character; Latin-1
		{"MSH$%~\\&$\rOBX$1\r", Sound},         // any separators will do
		{"MSH|^~\\&", Sound},
		{"", Header},
		{"MSH", Header},
		{"MSH|^~\\|A\r", Header},
		{"MSH|^~\\&#!|A\r", Header},
		{"MSH|^~^&|A\r", Header},
		{"MSH|^~\\||A\r", Header},
		{"MSHA^~\\&A\r", Header},
		{"msh|^~\\&|\r", Header},
		{"FHS|^~\\&|\r", Header},
		{"\x0bMSH|^~\\&|\r\x1c\r", Header},
		{"MSH|^~\\&|\r\x1c\r", Control},
		{"MSH|^~\\&|\tA\r", Control},
		{"MSH|^~\\&|A\x00\r", Control},
		{"MSH|^~\\&|A\rPI\r", Segment},
		{"MSH|^~\\&|A\rpid|1\r", Segment},
		{"MSH|^~\\&|A\rPID^1\r", Segment},
		{"MSH|^~\\&|A\r\rPID|1\r", Segment},
		{"MSH|^~\\&|A\rMSH|^~\\&|B\r", Segment},
	} {
		if f, at := Check([]byte(c.text)); f != c.want || at < 0 || at > len(c.text) {
			t.Errorf("%q: flaw %d at %d, want %d", c.text, f, at, c.want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(message))
	f.Add([]byte("MSH|^~\\&|\r\nPID\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		flaw, at := Check(text)
		if at < 0 || at > len(text) {
			t.Fatalf("a flaw at byte %d of %d", at, len(text))
		}
		if flaw != Sound {
			return
		}
		if !bytes.HasPrefix(text, []byte("MSH")) || bytes.ContainsAny(text, "\x00\x0b\x1c\x7f") {
			t.Fatalf("taken: %q", text)
		}
		// Whatever ends the segments, it is the same message.
		if f, _ := Check(bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\r")), []byte("\n"), []byte("\r"))); f != Sound {
			t.Fatalf("refused with other line ends: %q", text)
		}
	})
}

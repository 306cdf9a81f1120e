package hl7

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestNamesOfDevices(t *testing.T) {
	t.Parallel()
	head := "MSH|^~\\&|GATEWAY^0011^EUI-64|ICU|||20261122140000||ORU^R01|42|P|2.6\r"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"equipment before the sender": {message, []string{"0022", "SN7", "0011", "MONITOR"}},
		"the sender alone":            {head, []string{"0011", "GATEWAY"}},
		"the order of observations, each once": {
			head + "OBX|1|||||||||||||||||A^X\rOBX|2|||||||||||||||||B^X\rOBX|3|||||||||||||||||A^X\r", []string{"A", "B", "0011", "GATEWAY"},
		},
		"spaces around them":   {strings.ReplaceAll(head, "0011", " 0011 "), []string{"0011", "GATEWAY"}},
		"the first repetition": {head + "OBX|1|||||||||||||||||A~B\r", []string{"A", "0011", "GATEWAY"}},
		"other separators":     {"MSH$%@!*$GW%0033$$$$$$ORU%R01$1$P$2.4\r", []string{"0033", "GW"}},
		"none":                 {"MSH|^~\\&|\r", nil},
		"room for the sender": {
			head + strings.Repeat("OBX|1|||||||||||||||||%^X\r", 1) + manyEquipments(40), append(first(14), "0011", "GATEWAY"),
		},
	} {
		m, flaw := Parse([]byte(c.text))
		if flaw != Sound {
			t.Errorf("%s: flaw %d", name, flaw)
			continue
		}
		if diff := cmp.Diff(c.want, m.DeviceNames()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func manyEquipments(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("OBX|1|||||||||||||||||E" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "\r")
	}
	return b.String()
}

// first is what manyEquipments begins with, behind "%".
func first(n int) []string {
	names := []string{"%"}
	for i := range n - 1 {
		names = append(names, "E"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	return names
}

func TestHeadsAreJudged(t *testing.T) {
	t.Parallel()
	const good = "MSH|^~\\&|A|B|C|D|20261122140000||ORU^R01^ORU_R01|42|P|2.6|||AL|NE||UNICODE UTF-8\r"
	for name, c := range map[string]struct {
		from, to string
		want     Code
	}{
		"as it is":             {"", "", Accepted},
		"an alarm":             {"R01^ORU_R01", "R40^ORU_R40", Accepted},
		"an order":             {"ORU^R01^ORU_R01", "RGV^O15^RGV_O15", Accepted},
		"an old version":       {"2.6", "2.3", Accepted},
		"no control id":        {"|42|", "||", RequiredFieldMissing},
		"no version":           {"|2.6|", "||", RequiredFieldMissing},
		"a long control id":    {"|42|", "|" + strings.Repeat("4", 200) + "|", DataTypeError},
		"an admission":         {"ORU^R01^ORU_R01", "ADT^A01", UnsupportedMessage},
		"another observation":  {"R01^ORU_R01", "R03", UnsupportedEvent},
		"training":             {"|P|", "|T|", UnsupportedProcessing},
		"a later version":      {"2.6", "2.8", UnsupportedVersion},
		"no version of HL7's":  {"2.6", "2.2", UnsupportedVersion},
		"two bytes for ASCII":  {"UNICODE UTF-8", "UNICODE UTF-16", DataTypeError},
		"a character set else": {"UNICODE UTF-8", "8859/1", Accepted},
	} {
		h, err := ReadHead([]byte(strings.Replace(good, c.from, c.to, 1)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := h.Judge(); got != c.want {
			t.Errorf("%s: %d %s, want %d %s", name, got, got, c.want, c.want)
		}
	}
}

func TestCharacterSets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		charset, text string
		want          bool
	}{
		{"UNICODE UTF-8", "caf\u00e9", true},
		{"UNICODE UTF-8", "caf\xe9", false},
		{"ASCII", "cafe", true},
		{"ASCII", "caf\u00e9", false},
		{"8859/1", "caf\xe9", true},
		{"", "caf\xe9", true},
	} {
		if got := (&Head{Charset: c.charset}).Fits([]byte(c.text)); got != c.want {
			t.Errorf("%q in %q: %t", c.text, c.charset, got)
		}
	}
}

func TestAcknowledgements(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 10, 0, 0, 5e6, time.FixedZone("", 3600))
	original := "MSH|^~\\&|MON|ICU|EHR|NORTH|20261122140000||ORU^R01^ORU_R01|42|P|2.6\r"
	begin := "MSH|^~\\&|EHR|NORTH|MON|ICU|20261130090000.005+0000||"
	for name, c := range map[string]struct {
		text string
		code Code
		want string
	}{
		"taken":                       {original, Accepted, begin + "ACK^R01^ACK|ID|P|2.6\rMSA|AA|42|do this\r"},
		"refused for what it is":      {original, UnsupportedEvent, begin + "ACK^R01^ACK|ID|P|2.6\rMSA|AR|42\rERR|||201^Unsupported event code^HL70357|E||||do this\r"},
		"refused for what is in it":   {original, UnknownKey, begin + "ACK^R01^ACK|ID|P|2.6\rMSA|AE|42\rERR|||204^Unknown key identifier^HL70357|E||||do this\r"},
		"before v2.5":                 {strings.Replace(original, "2.6", "2.4", 1), UnknownKey, begin + "ACK^R01|ID|P|2.4\rMSA|AE|42|do this|||204^Unknown key identifier^HL70357\r"},
		"enhanced":                    {strings.Replace(original, "|2.6", "|2.6|||AL|NE", 1), Accepted, begin + "ACK^R01^ACK|ID|P|2.6\rMSA|CA|42|do this\r"},
		"enhanced, only errors":       {strings.Replace(original, "|2.6", "|2.6|||ER|NE", 1), Accepted, ""},
		"enhanced, an error":          {strings.Replace(original, "|2.6", "|2.6|||ER|NE", 1), SegmentError, begin + "ACK^R01^ACK|ID|P|2.6\rMSA|CE|42\rERR|||100^Segment sequence error^HL70357|E||||do this\r"},
		"enhanced, the application's": {strings.Replace(original, "|2.6", "|2.6|||NE|AL", 1), Accepted, begin + "ACK^R01^ACK|ID|P|2.6\rMSA|AA|42|do this\r"},
		"enhanced, never":             {strings.Replace(original, "|2.6", "|2.6|||NE|NE", 1), SegmentError, ""},
		"a character set":             {strings.Replace(original, "|2.6", "|2.6||||||8859/1", 1), Accepted, begin + "ACK^R01^ACK|ID|P|2.6||||||8859/1\rMSA|AA|42|do this\r"},
	} {
		h, err := ReadHead([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := h.Acknowledge(c.code, "do this", "ID", at)
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var none *Head
	want := "MSH|^~\\&|||||20261130090000.005+0000||ACK|ID|P|2.6\rMSA|AE\rERR|||100^Segment sequence error^HL70357|E||||do this\r"
	if diff := cmp.Diff(want, string(none.Acknowledge(SegmentError, "do this", "ID", at))); diff != "" {
		t.Errorf("without a header (-want +got):\n%s", diff)
	}
}

// FuzzAcknowledge holds that whatever a header is, the answer to it is a message,
// and names the message that it answers by what stands there.
func FuzzAcknowledge(f *testing.F) {
	f.Add([]byte(message))
	f.Add([]byte("MSH$%@!*$GW%0033$$$$$$ORU%R01$1$P$2.4\r"))
	f.Add([]byte("MSH|^~\\&|A|B|C|D|||ORU^R01|\\E\\|P|2.6|||AL"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h, err := ReadHead(text)
		if err != nil {
			h = nil
		}
		code := SegmentError
		if h != nil {
			code = h.Judge()
		}
		answer := h.Acknowledge(code, "detail", "ID", time.Unix(0, 0))
		if answer == nil {
			return
		}
		if flaw, at := Check(answer); flaw != Sound {
			t.Fatalf("flaw %d at %d of %q, which answers %q", flaw, at, answer, text)
		}
		back, err := ReadHead(answer)
		if err != nil || back.Type != "ACK" || back.ControlID != "ID" {
			t.Fatalf("%q is no acknowledgement: %v", answer, err)
		}
		m, flaw := Parse(text)
		if flaw != Sound {
			return
		}
		if len(m.DeviceNames()) > maxNames {
			t.Fatal("too many names")
		}
	})
}

func TestRealMessages(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "health", "pcd-hl7v2", "*.hl7"))
	if err != nil || len(files) == 0 {
		t.Skip("no real messages beside the repository")
	}
	codes := map[string]Code{}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h, err := ReadHead(b)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		m, flaw := Parse(b)
		if flaw != Sound {
			t.Errorf("%s: flaw %d", path, flaw)
			continue
		}
		if names := m.DeviceNames(); len(names) == 0 {
			t.Errorf("%s names no device", path)
		}
		codes[filepath.Base(path)[15:17]] = h.Judge()
	}
	want := map[string]Code{ // 4, 6 and 7 are answers; 8 is cut off in its header
		"01": Accepted, "02": Accepted, "03": Accepted, "04": UnsupportedMessage, "05": Accepted, "06": UnsupportedMessage,
		"07": UnsupportedMessage, "08": RequiredFieldMissing, "09": Accepted, "10": Accepted, "11": Accepted,
	}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

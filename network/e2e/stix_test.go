package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// bundleOfSTIX makes a report that nobody has shared yet.
func bundleOfSTIX() []byte {
	return fmt.Appendf(nil, `{"type":"bundle","id":"bundle--%s","objects":[{"type":"indicator","spec_version":"2.1",`+
		`"id":"indicator--%s","created":"2026-01-01T00:00:00.000Z","modified":"2026-01-01T00:00:00.000Z",`+
		`"name":"Scan of the HL7 port","pattern":"[network-traffic:dst_port = 2575]","pattern_type":"stix",`+
		`"valid_from":"2026-01-01T00:00:00Z"}]}`, uuid(), uuid())
}

// uuid makes a random UUID (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

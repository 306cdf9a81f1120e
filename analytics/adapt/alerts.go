package adapt

// alertFormats are what intrusion detection and logging write, in the order in
// which they are detected: the one that says most about itself first.
var alertFormats = []Format{
	{
		Name: "eve", Tool: "Suricata EVE JSON", Kind: KindAlert, Lines: true,
		Detect: func(head []byte) bool { return mentions(head, "event_type", "timestamp") },
		Read:   byLineOrList(readEVE),
	},
	{
		Name: "wazuh", Tool: "Wazuh alerts.json", Kind: KindAlert, Lines: true,
		Detect: func(head []byte) bool {
			return mentions(head, "rule", "level") && (mentions(head, "agent") || mentions(head, "decoder"))
		},
		Read: byLineOrList(readWazuh),
	},
	{
		Name: "snort", Tool: "Snort 2 and 3: alert_fast, alert_json", Kind: KindAlert, Lines: true,
		Detect: detectSnort, Read: byLineOrList(readSnort),
	},
	{
		Name: "zeek", Tool: "Zeek logs, as text", Kind: KindAlert,
		Detect: detectZeekText, Read: readZeekText,
	},
	{
		Name: "zeek-json", Tool: "Zeek logs, as JSON", Kind: KindAlert, Lines: true,
		Detect: func(head []byte) bool {
			return mentions(head, "ts") && (mentions(head, "uid") || mentions(head, "note") || mentions(head, "fuid"))
		},
		Read: byLineOrList(readZeekJSON),
	},
	{
		Name: "cef", Tool: "ArcSight CEF", Kind: KindAlert, Lines: true,
		Detect: func(head []byte) bool { return detectBare(head, "CEF:") }, Read: byLine(readCEFLine),
	},
	{
		Name: "leef", Tool: "QRadar LEEF 1.0 and 2.0", Kind: KindAlert, Lines: true,
		Detect: func(head []byte) bool { return detectBare(head, "LEEF:") }, Read: byLine(readLEEFLine),
	},
	{
		Name: "syslog", Tool: "syslog (RFC 3164, RFC 5424), with CEF or LEEF inside", Kind: KindAlert, Lines: true,
		Detect: detectSyslog, Read: readSyslog,
	},
}

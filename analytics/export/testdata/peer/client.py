"""Reads a MISP event with PyMISP and rules with suricataparser, and says what they hold."""
import json
import sys

from pymisp import MISPEvent
from suricataparser import parse_rules

event = MISPEvent()
event.load_file(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as f:
    rules = parse_rules(f.read())
print(json.dumps({
    "info": event.info,
    "tags": [t.name for t in event.tags],
    "attributes": sorted([a.type, a.value] for a in event.attributes),
    "rules": [[r.sid, r.enabled, [o.name for o in r.options]] for r in rules],
}))

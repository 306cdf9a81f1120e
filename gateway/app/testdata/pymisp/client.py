# Pushes, pulls and searches events with MISP's own library, and prints what it saw.
import json
import logging
import sys

from pymisp import MISPEvent, MISPObject, PyMISP

logging.getLogger("pymisp").setLevel(logging.CRITICAL)
misp = PyMISP(sys.argv[1], sys.argv[2])
other = PyMISP(sys.argv[3], sys.argv[4])

event = MISPEvent()
event.info = "Beacons of a loader at infusion pumps"
event.add_tag("tlp:amber")
event.add_attribute("ip-dst", "198.51.100.77", to_ids=True)
event.add_attribute("filename|md5", "loader.bin|d41d8cd98f00b204e9800998ecf8427e", to_ids=True)
host = MISPObject("domain-ip", standalone=False)
host.add_attribute("domain", "beacon.example.org", type="domain", to_ids=True)
host.add_attribute("ip", "198.51.100.78", type="ip-dst", to_ids=True)
event.add_object(host)

added = misp.add_event(event, pythonify=True)
again = misp.add_event(event)
added.add_attribute("url", "http://beacon.example.org/x", to_ids=False)
edited = misp.update_event(added, pythonify=True)
seen = misp.get_event(event.uuid, pythonify=True)


def found(**query):
    found = misp.search(pythonify=True, **query)
    if "errors" in found:
        sys.exit(str(found))
    return [e.uuid == event.uuid for e in found]


def values(**query):
    return sorted(a.value for a in misp.search(controller="attributes", pythonify=True, **query))


# Another node takes it as a MISP server's synchronisation does: the index, then each event.
for one in misp.events():
    whole = misp.get_event(one["uuid"], pythonify=True)
    if not other.event_exists(whole):
        other.add_event(whole)

print(json.dumps({
    "added": added.uuid == event.uuid, "again": "errors" in again, "attributes": len(edited.attributes),
    "object": [a.value for a in seen.objects[0].attributes], "exists": misp.event_exists(event.uuid),
    "unknown": misp.event_exists("00000000-0000-4000-8000-000000000000"),
    "by_value": found(value="198.51.100.77"), "by_hash": found(value="d41d8cd98f00b204e9800998ecf8427e"),
    "by_tag": found(tags=["tlp:amber"]), "not_tag": found(tags={"NOT": ["tlp:amber"]}), "by_type": found(type_attribute="url"),
    "by_title": found(eventinfo="%loader%"), "recent": found(timestamp="1h"), "nothing": found(value="203.0.113.1"),
    "detect": values(to_ids=1), "wild": values(value="%.example.org%"),
    "refused": "errors" in misp.search(object_name="x"), "pulled": other.event_exists(event.uuid),
    "pulled_attributes": len(other.get_event(event.uuid, pythonify=True).attributes),
}))

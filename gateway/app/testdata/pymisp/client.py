# Pushes, pulls and searches events with MISP's own library, and prints what it saw.
import json
import logging
import sys

from pymisp import MISPEvent, MISPObject, MISPSighting, PyMISP

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



def ok(answer):
    return "errors" not in answer


# What is said of attributes: by attribute, by value, and as another kind.
url = next(a for a in misp.get_event(event.uuid, pythonify=True).attributes if a.type == "url")
ip = next(a for a in misp.get_event(event.uuid, pythonify=True).attributes if a.type == "ip-dst")
sightings = {
    "sighted": ok(misp.add_sighting({"type": "0", "source": "nids"}, url)),
    "by_value": misp.add_sighting({"value": "198.51.100.77", "type": "1"}, pythonify=True).type,
    "ended": ok(misp.add_sighting({"uuid": ip.uuid, "type": "2"})),
    "none": ok(misp.add_sighting({"value": "203.0.113.1"})),
    "kind": ok(misp.add_sighting({"uuid": ip.uuid, "type": "3"})),
    "of_attribute": sorted(s.type for s in misp.sightings(ip, pythonify=True)),
    "of_event": len(misp.sightings(seen, pythonify=True)),
    "all": len(misp.sightings(pythonify=True)),
    "found": [s["sighting"].source for s in misp.search_sightings("attribute", url.uuid, type_sighting="0", pythonify=True)],
}
last = misp.sightings(url, pythonify=True)[0]
sightings["deleted"] = ok(misp.delete_sighting(last)) and len(misp.sightings(url)) == 0

# Tags of events and attributes.
tags = {"event": ok(misp.tag(event.uuid, "workflow:state=\"draft\"")), "attribute": ok(misp.tag(ip, "estimative:likely"))}
tagged = misp.get_event(event.uuid, pythonify=True)
tags["are"] = sorted(t.name for t in tagged.tags)
tags["of_ip"] = [t.name for a in tagged.attributes if a.uuid == ip.uuid for t in a.tags]
tags["found"] = found(tags=["workflow:state=\"draft\""])
tags["all"] = [t.name for t in misp.tags(pythonify=True)]
tags["removed"] = ok(misp.untag(event.uuid, "workflow:state=\"draft\"")) and ok(misp.untag(ip, "estimative:likely"))
tags["left"] = found(tags=["workflow:state=\"draft\""])
tags["unknown"] = ok(misp.tag("00000000-0000-4000-8000-000000000000", "x"))

# Attributes that come, change and go.
more = misp.add_attribute(event.uuid, {"type": "domain", "value": "other.example.org", "to_ids": True}, pythonify=True)
more.comment = "seen twice"
attributes = {"added": more.value, "changed": misp.update_attribute(more, pythonify=True).comment, "exists": misp.attribute_exists(more.uuid)}
attributes["deleted"] = ok(misp.delete_attribute(more))
attributes["gone"] = not misp.attribute_exists(more.uuid) and values(value="other.example.org") == []
attributes["marked"] = [a.value for a in misp.get_event(event.uuid, deleted=True, pythonify=True).attributes if a.deleted]
attributes["published"] = ok(misp.publish(event.uuid)) and misp.get_event(event.uuid, pythonify=True).published

# An event that is deleted does not come back.
waste = misp.add_event({"info": "Entered by mistake", "Attribute": [{"type": "ip-dst", "value": "198.51.100.200", "to_ids": True}]}, pythonify=True)
deleted = {"done": ok(misp.delete_event(waste)), "exists": misp.event_exists(waste), "found": values(value="198.51.100.200"),
           "again": ok(misp.add_event(waste)), "twice": ok(misp.delete_event(waste.uuid))}

print(json.dumps({
    "sightings": sightings, "tags": tags, "attributes_changed": attributes, "deleted": deleted,
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

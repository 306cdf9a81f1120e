"""Does with a node's TAXII server what OASIS's own client can do, and prints what came of it."""

import json
import sys

import stix2
from taxii2client.v21 import Server, as_pages

address, token = sys.argv[1:3]
server = Server(address, user="analyst", password=token)
root = server.default
collections = {c.custom_properties.get("alias") or c._raw["alias"]: c for c in root.collections}
own = collections["own"]

made = [
    stix2.Indicator(name="beacon %d" % i, pattern_type="stix", pattern="[ipv4-addr:value = '198.51.100.%d']" % (i + 1), valid_from="2026-11-30T10:00:00Z")
    for i in range(25)
]
address_seen = stix2.IPv4Address(value="198.51.100.1")
status = own.add_objects(json.loads(stix2.Bundle(made, address_seen).serialize()), wait_for_completion=True)
asked_again = root.get_status(status.id)

pages = list(as_pages(own.get_objects, per_request=10))
seen = [o["id"] for page in pages for o in page.get("objects", [])]
newer = made[0].new_version(name="beacon 0, again")
own.add_objects({"objects": [json.loads(newer.serialize())]})
versions = own.object_versions(made[0].id)["versions"]
first = own.get_object(made[0].id, version="first")["objects"]
last = own.get_object(made[0].id)["objects"]
manifest = own.get_manifest(type="ipv4-addr")["objects"]
addresses = own.get_objects(type="ipv4-addr")["objects"]
own.delete_object(made[1].id)
left = own.get_objects(limit=1000)["objects"]
for o in left:
    stix2.parse(o)

print(json.dumps({
    "collections": sorted(collections), "writable": [a for a, c in collections.items() if c.can_write],
    "status": [status.status, status.success_count, status.failure_count, asked_again.success_count],
    "pages": len(pages), "each_once": len(seen) == len(set(seen)) == 26, "versions": len(versions),
    "first": first[0]["name"], "last": last[0]["name"], "manifest": len(manifest), "addresses": len(addresses), "left": len(left),
}))

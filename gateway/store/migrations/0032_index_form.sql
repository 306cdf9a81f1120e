-- Stores that were made before have these indexes with a condition that is a number,
-- which not every database takes for one, and which queries do not say any more.

DROP INDEX stix_object_last;
CREATE INDEX stix_object_last ON stix_object (collection, added) WHERE last = 1;
DROP INDEX stix_object_first;
CREATE INDEX stix_object_first ON stix_object (collection, added) WHERE first = 1;
DROP INDEX sighting_told_fresh;
CREATE INDEX sighting_told_fresh ON sighting_told (told) WHERE fresh = 1;

-- What attributes are found by is kept in one case.
UPDATE misp_value SET value = lower(value);

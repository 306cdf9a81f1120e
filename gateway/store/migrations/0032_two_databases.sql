-- Conditions as PostgreSQL reads them too.
DROP INDEX stix_object_last;
CREATE INDEX stix_object_last ON stix_object (collection, added) WHERE last = 1;
DROP INDEX stix_object_first;
CREATE INDEX stix_object_first ON stix_object (collection, added) WHERE first = 1;
DROP INDEX sighting_told_fresh;
CREATE INDEX sighting_told_fresh ON sighting_told (told) WHERE fresh = 1;

-- What attributes are found by is kept in small letters.
UPDATE misp_value SET value = lower(value);

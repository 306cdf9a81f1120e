-- A setting is a number; what authenticates bookmarks is none.
CREATE TABLE secret (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL);
INSERT INTO secret (one, value) SELECT 1, CAST(value AS TEXT) FROM setting WHERE name = 'secret';
DELETE FROM setting WHERE name = 'secret';

-- Conditions as PostgreSQL reads them too.
DROP INDEX stix_object_last;
CREATE INDEX stix_object_last ON stix_object (collection, added) WHERE last = 1;
DROP INDEX stix_object_first;
CREATE INDEX stix_object_first ON stix_object (collection, added) WHERE first = 1;
DROP INDEX sighting_told_fresh;
CREATE INDEX sighting_told_fresh ON sighting_told (told) WHERE fresh = 1;

-- What attributes are found by is kept in small letters.
UPDATE misp_value SET value = lower(value);

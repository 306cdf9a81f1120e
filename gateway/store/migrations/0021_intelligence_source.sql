-- Which reports brought an object that members share: what all who shared them withdrew
-- goes. Reports are judged again, so that it is known of those that are here.
CREATE TABLE stix_source (
  report TEXT NOT NULL,     -- digest
  object INTEGER NOT NULL,  -- added
  PRIMARY KEY (report, object)
) WITHOUT ROWID;
CREATE INDEX stix_source_object ON stix_source (object, report);
INSERT INTO setting (name, value) VALUES ('devices', CAST('1' AS BLOB))
  ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(CAST(CAST(setting.value AS TEXT) AS BIGINT) + 1 AS TEXT) AS BLOB);

-- So that a page costs the same whatever is asked for and however much is stored.
CREATE INDEX stix_object_first ON stix_object (collection, added) WHERE first = 1;
CREATE INDEX stix_object_version ON stix_object (collection, version, added);

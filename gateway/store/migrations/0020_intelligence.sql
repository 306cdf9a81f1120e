-- STIX objects by collection, as TAXII serves them. added is when an object came, in
-- microseconds, and no two have the same: it is their order, and where a page goes on.
CREATE TABLE stix_object (
  added INTEGER PRIMARY KEY,
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  spec TEXT NOT NULL,           -- spec_version
  version INTEGER NOT NULL,     -- microseconds: modified, else created, else added
  first INTEGER NOT NULL,       -- 1: no earlier version of it is here
  last INTEGER NOT NULL,        -- 1: no later version of it is here
  body BLOB NOT NULL,           -- as it came
  UNIQUE (collection, id, version)
);
CREATE INDEX stix_object_last ON stix_object (collection, added) WHERE last = 1;
CREATE INDEX stix_object_all ON stix_object (collection, added);
CREATE INDEX stix_object_type ON stix_object (collection, type, added);

-- What became of what was handed in (TAXII 2.1, section 4.3.1).
CREATE TABLE taxii_status (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  caller TEXT NOT NULL,         -- who alone may read it
  doc BLOB NOT NULL
);

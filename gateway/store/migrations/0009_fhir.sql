-- FHIR resources: which there are, in which versions, and where the bytes of each lie
-- (a request in the vault). What they can be found by is blinded with a key of the
-- vault, so that nothing here says of whom they are; times stand as they are.
CREATE TABLE fhir_resource (
  num INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order in which they came
  type TEXT NOT NULL, id TEXT NOT NULL,
  version INTEGER NOT NULL,              -- the current one
  unit TEXT NOT NULL,                    -- the device that it is of or from; empty: none
  updated INTEGER NOT NULL,              -- ms
  terms BLOB NOT NULL,                   -- its rows in fhir_term, JSON
  UNIQUE (type, id)
);
CREATE INDEX fhir_resource_order ON fhir_resource (type, num);
CREATE TABLE fhir_version (
  num INTEGER NOT NULL, version INTEGER NOT NULL,
  request TEXT NOT NULL,     -- id
  created INTEGER NOT NULL,  -- 1: its id is the server's
  updated INTEGER NOT NULL,  -- ms
  links BLOB,                -- what the references of its transaction became, JSON
  PRIMARY KEY (num, version)
) WITHOUT ROWID;
CREATE TABLE fhir_term (
  type TEXT NOT NULL, param TEXT NOT NULL, value BLOB NOT NULL,
  num INTEGER NOT NULL,
  PRIMARY KEY (type, param, value, num)
) WITHOUT ROWID;
CREATE TABLE fhir_time (
  num INTEGER NOT NULL, param TEXT NOT NULL,
  low INTEGER NOT NULL, high INTEGER NOT NULL, -- ms: from, and to before
  PRIMARY KEY (num, param, low, high)
) WITHOUT ROWID;
-- FHIR's JSON schema as it was imported.
CREATE TABLE fhir_schema (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  digest TEXT NOT NULL, stored INTEGER NOT NULL, body BLOB NOT NULL
);

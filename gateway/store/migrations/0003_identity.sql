-- What only this node knows of identities.

-- What a protocol remembers between two requests of one conversation.
CREATE TABLE flow (
  kind TEXT NOT NULL, id TEXT NOT NULL,  -- a digest of the secret that the other side holds
  expires INTEGER NOT NULL,              -- ms
  doc BLOB NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX flow_expires ON flow (expires);

-- The credentials that the organisation issued: no claim of theirs, and no name.
CREATE TABLE credential (
  id TEXT PRIMARY KEY,
  type TEXT NOT NULL, format TEXT NOT NULL, reference TEXT NOT NULL, holder TEXT NOT NULL,
  place INTEGER NOT NULL UNIQUE,  -- in the status list, for good
  status INTEGER NOT NULL,
  issued INTEGER NOT NULL, expires INTEGER NOT NULL  -- ms
) WITHOUT ROWID;
CREATE INDEX credential_order ON credential (issued, id);
CREATE INDEX credential_reference ON credential (reference, issued, id);

CREATE TABLE status_edition (
  rowid INTEGER PRIMARY KEY,  -- in the order in which they came; SQLite has it unasked
  list TEXT NOT NULL, version INTEGER NOT NULL, digest TEXT NOT NULL,
  body BLOB NOT NULL,
  change INTEGER NOT NULL,  -- how many changes of status it tells
  expires INTEGER NOT NULL,
  UNIQUE (list, version, digest)
);
CREATE TABLE status_change (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
INSERT INTO status_change VALUES (1, 0);

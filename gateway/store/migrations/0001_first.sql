-- The projection: a replay of the ledger gives the same rows, byte for byte.
-- Every table carries the place of the record's latest write (see fact.Origin)
-- and the stored record itself; further columns serve searching only.

CREATE TABLE checkpoint (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  next       INTEGER NOT NULL,  -- number of the next block
  newest     INTEGER NOT NULL,  -- newest vouched time of the blocks applied, ms
  hash       BLOB,              -- of the last block applied
  events     INTEGER NOT NULL,  -- number of events of the ledger that are kept
  lost_block INTEGER NOT NULL,  -- place of the newest event that was let go, or -1
  lost_idx   INTEGER NOT NULL
);

CREATE TABLE organisation (
  id TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE TABLE model (
  di TEXT NOT NULL, manufacturer TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (di)
) WITHOUT ROWID;

CREATE TABLE release (
  di TEXT NOT NULL, version TEXT NOT NULL, sbom TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (di, version)
) WITHOUT ROWID;
CREATE INDEX release_sbom ON release (sbom);

CREATE TABLE unit (
  id TEXT NOT NULL, owner TEXT NOT NULL, manufacturer TEXT NOT NULL, di TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX unit_owner ON unit (owner, id);
CREATE INDEX unit_manufacturer ON unit (manufacturer, id);
CREATE INDEX unit_di ON unit (di, id);

CREATE TABLE unit_change (
  unit TEXT NOT NULL, change TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (unit, change)
) WITHOUT ROWID;
CREATE INDEX unit_change_order ON unit_change (unit, block, idx, change);

CREATE TABLE stream (
  id TEXT NOT NULL, owner TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;

CREATE TABLE stream_owner (
  owner TEXT NOT NULL, stream TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (owner)
) WITHOUT ROWID;

CREATE TABLE anchor (
  stream TEXT NOT NULL, sequence TEXT NOT NULL, size INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;
CREATE INDEX anchor_size ON anchor (stream, size, sequence);

CREATE TABLE equivocation (
  stream TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (stream)
) WITHOUT ROWID;

CREATE TABLE threat (
  digest TEXT NOT NULL, sharer TEXT NOT NULL, marking TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (digest, sharer)
) WITHOUT ROWID;
CREATE INDEX threat_order ON threat (block, idx, digest, sharer);
CREATE INDEX threat_sharer ON threat (sharer, block, idx, digest);
CREATE INDEX threat_first ON threat (digest, block, idx, sharer, marking);

CREATE TABLE score (
  subject TEXT NOT NULL, model TEXT NOT NULL, inputs TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (subject, model, inputs)
) WITHOUT ROWID;
CREATE INDEX score_order ON score (subject, block, idx, model, inputs);

-- Records that this version cannot read: a newer chaincode wrote them.
CREATE TABLE other (
  type TEXT NOT NULL, parts TEXT NOT NULL,  -- JSON array
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (type, parts)
) WITHOUT ROWID;

-- The newest events of the ledger, for those who resume a stream of them.
CREATE TABLE event (
  block INTEGER NOT NULL, idx INTEGER NOT NULL,
  kind TEXT NOT NULL, key TEXT NOT NULL, subjects TEXT NOT NULL,  -- JSON arrays
  tx TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL,
  PRIMARY KEY (block, idx)
) WITHOUT ROWID;

-- What only this node knows. Losing these rows loses something.

CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE local_event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  block INTEGER NOT NULL,  -- newest block when it happened
  kind TEXT NOT NULL, key TEXT NOT NULL, subjects TEXT NOT NULL, time INTEGER NOT NULL
);

CREATE TABLE operation (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  key TEXT UNIQUE,                -- the caller's own key, or null
  digest BLOB NOT NULL,           -- of role, name and request
  role TEXT NOT NULL, name TEXT NOT NULL, request BLOB NOT NULL,
  state TEXT NOT NULL,
  tx TEXT NOT NULL, block INTEGER NOT NULL, attempts INTEGER NOT NULL,
  stored INTEGER NOT NULL, updated INTEGER NOT NULL,
  result BLOB, problem TEXT       -- the problem as JSON
);
CREATE INDEX operation_open ON operation (digest, seq) WHERE state IN ('stored', 'endorsed');

CREATE TABLE operation_tx (
  tx TEXT PRIMARY KEY,
  seq INTEGER NOT NULL REFERENCES operation (seq) ON DELETE CASCADE,
  result BLOB,
  envelope BLOB  -- null once it need not be sent again
) WITHOUT ROWID;
CREATE INDEX operation_tx_seq ON operation_tx (seq);

CREATE TABLE document (
  kind TEXT NOT NULL, digest TEXT NOT NULL,
  media_type TEXT NOT NULL, stored INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (kind, digest)
);

-- Each holder that the ledger names for a document has a row of its own, so
-- that none can stand in the way of another.
CREATE TABLE "fetch" (
  seq INTEGER PRIMARY KEY,  -- order in which the ledger named them
  kind TEXT NOT NULL, digest TEXT NOT NULL, holder TEXT NOT NULL,
  media_type TEXT NOT NULL, size INTEGER NOT NULL, path TEXT NOT NULL,
  attempts INTEGER NOT NULL, next INTEGER NOT NULL,
  UNIQUE (kind, digest, holder)
);
CREATE INDEX fetch_holder ON "fetch" (holder, seq);
CREATE INDEX fetch_next ON "fetch" (holder, next);

CREATE TABLE assessment (
  report TEXT PRIMARY KEY,
  title TEXT NOT NULL, severity INTEGER NOT NULL,
  version INTEGER NOT NULL,  -- of the own devices that it was made with; -1: the body is here, and not assessed yet
  attempts INTEGER NOT NULL, next INTEGER NOT NULL  -- failures since, and when to try again
) WITHOUT ROWID;
CREATE INDEX assessment_version ON assessment (version, next, report);

CREATE TABLE report_match (
  report TEXT NOT NULL, unit TEXT NOT NULL,
  reasons TEXT NOT NULL, confidence INTEGER NOT NULL,
  PRIMARY KEY (report, unit)
) WITHOUT ROWID;
CREATE INDEX report_match_unit ON report_match (unit, report, confidence);

CREATE TABLE inventory (
  unit TEXT PRIMARY KEY,
  ward TEXT NOT NULL, address TEXT NOT NULL, services TEXT NOT NULL, updated INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE serial (unit TEXT PRIMARY KEY, serial TEXT NOT NULL) WITHOUT ROWID;

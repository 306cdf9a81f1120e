-- The projection is made anew from block 0: it has more tables, and units have
-- more columns. What only this node knows stays.

DELETE FROM checkpoint;
DELETE FROM organisation;
DELETE FROM model;
DELETE FROM release;
DELETE FROM unit_change;
DELETE FROM stream;
DELETE FROM stream_owner;
DELETE FROM anchor;
DELETE FROM equivocation;
DELETE FROM threat;
DELETE FROM score;
DELETE FROM other;
DELETE FROM event;

-- Fetches are named anew as well, and a node that wanted to fetch a body wants it
-- again.
DELETE FROM "fetch";

DROP TABLE unit;
CREATE TABLE unit (
  id TEXT NOT NULL, owner TEXT NOT NULL, manufacturer TEXT NOT NULL, di TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL,
  lot TEXT NOT NULL,
  chunk TEXT NOT NULL,  -- the transaction that registered it together with others, or empty
  cleared_lot INTEGER NOT NULL, cleared_release INTEGER NOT NULL,  -- revisions of the recalls that it was cleared of
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX unit_owner ON unit (owner, id);
CREATE INDEX unit_manufacturer ON unit (manufacturer, id);
CREATE INDEX unit_di ON unit (di, id);

-- The history of units that were registered together begins with one row for all
-- of them.
CREATE TABLE unit_chunk (
  id TEXT NOT NULL,  -- the transaction
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE VIEW unit_history (unit, change, block, idx, tx, org, time, late, doc) AS
  SELECT unit, change, block, idx, tx, org, time, late, doc FROM unit_change
  UNION ALL
  SELECT u.id, c.id, c.block, c.idx, c.tx, c.org, c.time, c.late, c.doc FROM unit u JOIN unit_chunk c ON c.id = u.chunk;

-- A recall of ten thousand units is one row: which units it concerns follows.
CREATE TABLE recall (
  di TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL, ended INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (di, kind, value)
) WITHOUT ROWID;

CREATE TABLE withdrawal (
  digest TEXT NOT NULL, sharer TEXT NOT NULL, reason TEXT NOT NULL, superseded_by TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (digest, sharer)
) WITHOUT ROWID;
CREATE INDEX withdrawal_sharer ON withdrawal (sharer, digest, reason);

CREATE TABLE sighting (
  digest TEXT NOT NULL, sharer TEXT NOT NULL, witness TEXT NOT NULL, sighted TEXT NOT NULL, count INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (digest, sharer, witness, sighted)
) WITHOUT ROWID;
CREATE INDEX sighting_sharer ON sighting (sharer, digest, witness, count);

CREATE TABLE opinion (
  digest TEXT NOT NULL, sharer TEXT NOT NULL, judge TEXT NOT NULL, opinion TEXT NOT NULL, weight INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (digest, sharer, judge)
) WITHOUT ROWID;
CREATE INDEX opinion_sharer ON opinion (sharer, digest, judge, opinion, weight);

CREATE TABLE recomputation (
  subject TEXT NOT NULL, model TEXT NOT NULL, inputs TEXT NOT NULL, witness TEXT NOT NULL, agrees INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (subject, model, inputs, witness)
) WITHOUT ROWID;

-- Who decides, what is decided, and whom the members believe.
CREATE TABLE roster (
  members TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (members)
) WITHOUT ROWID;

CREATE TABLE proposal (
  id TEXT NOT NULL, kind TEXT NOT NULL, base TEXT NOT NULL, expires INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX proposal_order ON proposal (block, idx, id);
CREATE INDEX proposal_kind ON proposal (kind, block, idx, id);

CREATE TABLE vote (
  proposal TEXT NOT NULL, voter TEXT NOT NULL, approve INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (proposal, voter)
) WITHOUT ROWID;

CREATE TABLE enactment (
  proposal TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (proposal)
) WITHOUT ROWID;

CREATE TABLE trust_row (
  issuer TEXT NOT NULL, type TEXT NOT NULL, state TEXT NOT NULL, revision INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (issuer, type)
) WITHOUT ROWID;
CREATE INDEX trust_row_type ON trust_row (type, issuer);

CREATE TABLE credential_schema (
  type TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (type, version)
) WITHOUT ROWID;

CREATE TABLE did (
  id TEXT NOT NULL, kind TEXT NOT NULL, organisation TEXT NOT NULL, revision INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX did_kind ON did (kind, id);
CREATE INDEX did_organisation ON did (organisation, id);

CREATE TABLE did_version (
  did TEXT NOT NULL, revision TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (did, revision)
) WITHOUT ROWID;

CREATE TABLE status_list (
  issuer TEXT NOT NULL, list TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (issuer, list)
) WITHOUT ROWID;

-- What failed least is asked for first.
DROP INDEX fetch_holder;
CREATE INDEX fetch_holder ON "fetch" (holder, attempts, seq);

-- Events that were deleted here: no synchronisation brings them back.
CREATE TABLE misp_deleted (uuid TEXT PRIMARY KEY) WITHOUT ROWID;

-- What own programs said of attributes, as MISP says it. Of an event that a member shared
-- it goes to the sharer besides.
CREATE TABLE misp_sighting (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  event TEXT NOT NULL,          -- UUID
  attribute TEXT NOT NULL,      -- UUID
  type INTEGER NOT NULL,        -- 0 sighting, 1 false positive, 2 expiration
  date INTEGER NOT NULL,        -- seconds
  source TEXT NOT NULL,
  org TEXT NOT NULL             -- name of who says so
);
CREATE INDEX misp_sighting_event ON misp_sighting (event, date);
CREATE INDEX misp_sighting_attribute ON misp_sighting (attribute);

-- Up to which match of an own alert a report's sharer was told. What is being told is
-- noted first, so that it is told once whatever ends in between.
CREATE TABLE sighting_told (
  report TEXT PRIMARY KEY,      -- digest
  fresh INTEGER NOT NULL,       -- 1: there may be matches behind upto
  upto INTEGER NOT NULL,        -- indicator_match.seq
  told INTEGER NOT NULL,        -- when, ms; 0: never
  times INTEGER NOT NULL,
  sending INTEGER NOT NULL,     -- seq up to which is being told; 0: nothing is
  count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL -- of that
) WITHOUT ROWID;
CREATE INDEX sighting_told_fresh ON sighting_told (told) WHERE fresh = 1;
-- What was matched until now was for people to tell.
INSERT INTO sighting_told (report, fresh, upto, told, times, sending, count, first, last)
  SELECT report, 0, max(seq), 0, 0, 0, 0, 0, 0 FROM indicator_match WHERE report <> '' GROUP BY report;

-- The number of what was to be delivered is never used again: else an answer to what was
-- replaced meanwhile would end what came in its place.
ALTER TABLE exchange_out RENAME TO exchange_out_before;
DROP INDEX exchange_out_due;
DROP INDEX exchange_out_digest;
CREATE TABLE exchange_out (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  digest TEXT NOT NULL,
  member TEXT NOT NULL,
  id TEXT NOT NULL,             -- of a feedback; else empty
  key TEXT NOT NULL,            -- to which the copy is sealed
  copy BLOB NOT NULL,           -- empty: not sealed yet, or taken
  attempts INTEGER NOT NULL,
  next INTEGER NOT NULL,
  made INTEGER NOT NULL,
  taken INTEGER NOT NULL,       -- 0: not yet
  receipt BLOB NOT NULL,
  UNIQUE (kind, digest, member, id)
);
INSERT INTO exchange_out SELECT seq, kind, digest, member, id, key, copy, attempts, next, made, taken, receipt FROM exchange_out_before ORDER BY seq;
DROP TABLE exchange_out_before;
CREATE INDEX exchange_out_due ON exchange_out (member, next) WHERE taken = 0;
CREATE INDEX exchange_out_digest ON exchange_out (digest);

-- What the tools of this organisation said: alerts, findings of scanners, and reports that
-- came from elsewhere. seq rises and is never used again, so that whoever has read up to
-- one goes on behind it.
CREATE TABLE alert (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  digest BLOB NOT NULL,         -- SHA-256 of original, 32 bytes
  format TEXT NOT NULL,
  kind TEXT NOT NULL,           -- alert, scan, report
  received INTEGER NOT NULL,    -- milliseconds
  time INTEGER NOT NULL,        -- as the tool says; received where it does not
  severity INTEGER NOT NULL,    -- basis points
  title TEXT NOT NULL,
  rule TEXT NOT NULL,
  doc BLOB NOT NULL,            -- observables, CVEs, techniques, asset
  original BLOB NOT NULL,       -- as it came
  UNIQUE (source, digest)
);
CREATE INDEX alert_time ON alert (time, seq);
CREATE INDEX alert_kind ON alert (kind, time, seq);
CREATE INDEX alert_source ON alert (source, time, seq);
CREATE INDEX alert_rule ON alert (rule, time, seq) WHERE rule <> '';

-- By which values each is found. Addresses stand in a form whose order is theirs, so
-- that a network is a range.
CREATE TABLE alert_value (
  value TEXT NOT NULL,
  time INTEGER NOT NULL,
  alert INTEGER NOT NULL,
  PRIMARY KEY (value, time, alert)
) WITHOUT ROWID;

-- How far each source was read. It is written together with what was read.
CREATE TABLE source (
  name TEXT PRIMARY KEY,
  checkpoint BLOB NOT NULL,     -- of the way in, as its reader understands it
  fresh INTEGER NOT NULL,       -- things that were new
  known INTEGER NOT NULL,       -- that were here already
  refused INTEGER NOT NULL,     -- that could not be read
  reason TEXT NOT NULL,         -- why the last one could not
  success INTEGER NOT NULL,     -- milliseconds: when it was last read to its end; 0: never
  failing INTEGER NOT NULL,     -- since when it fails; 0: it does not
  failure TEXT NOT NULL         -- why, and what to do
) WITHOUT ROWID;

-- The files and documents of a source that were taken once.
CREATE TABLE source_taken (
  source TEXT NOT NULL,
  digest BLOB NOT NULL,         -- SHA-256 of its content
  time INTEGER NOT NULL,        -- when it was seen last
  PRIMARY KEY (source, digest)
) WITHOUT ROWID;

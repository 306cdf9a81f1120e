-- Which readings a device has here, so that they are found by device: from the
-- vault, from which it can be made again. The ordinal is that of the vault and of
-- the integrity log.
CREATE TABLE reading (
  ordinal INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  unit TEXT NOT NULL,
  received INTEGER NOT NULL,
  count INTEGER NOT NULL,
  root TEXT NOT NULL,
  vouched_by TEXT NOT NULL,
  media_type TEXT NOT NULL
);
CREATE INDEX reading_unit ON reading (unit, ordinal);
CREATE INDEX reading_id ON reading (id);
CREATE INDEX reading_received ON reading (received);

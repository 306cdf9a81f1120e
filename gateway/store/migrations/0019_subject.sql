-- Which requests are about which subject: the slot of its key in the vault, which says
-- nothing of who it is, and nothing at all once it was erased. It is made from the vault,
-- with the list of readings.
CREATE TABLE reading_subject (
  slot INTEGER NOT NULL,
  reading TEXT NOT NULL,    -- id
  records INTEGER NOT NULL,
  PRIMARY KEY (slot, reading)
) WITHOUT ROWID;
CREATE INDEX reading_subject_reading ON reading_subject (reading);

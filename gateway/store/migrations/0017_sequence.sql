-- What senders say of their own counts and clocks. Like the list of readings it is made
-- from the vault. signer is the unit that signed, device or edge box, and empty where
-- nobody did; made is by the sender's clock, and deviation, in seconds, is there where
-- that was too far from the node's.
ALTER TABLE reading ADD COLUMN signer TEXT NOT NULL DEFAULT '';
ALTER TABLE reading ADD COLUMN epoch INTEGER;
ALTER TABLE reading ADD COLUMN number INTEGER;
ALTER TABLE reading ADD COLUMN made INTEGER;
ALTER TABLE reading ADD COLUMN deviation INTEGER;
CREATE INDEX reading_number ON reading (unit, signer, epoch, number) WHERE number IS NOT NULL;

-- What a signer's numbers for a unit came to. due is when gaps are to be told that
-- nobody was told of yet.
CREATE TABLE sequence (
  unit TEXT NOT NULL,
  signer TEXT NOT NULL,
  due INTEGER,
  state TEXT NOT NULL,
  PRIMARY KEY (unit, signer)
) WITHOUT ROWID;
CREATE INDEX sequence_signer ON sequence (signer);
CREATE INDEX sequence_due ON sequence (due) WHERE due IS NOT NULL;

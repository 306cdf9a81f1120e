-- DICOM instances of which the digest was taken: what tells them apart, which device
-- made them, and the receipt of the manifest that stands for each in the integrity log.
-- Nothing here says whose image it is. An instance can be there more than once, with
-- other bytes: that is a finding, and both stay.
CREATE TABLE image (
  seq INTEGER PRIMARY KEY,      -- in the order in which they came
  instance TEXT NOT NULL,       -- SOP instance UID
  digest TEXT NOT NULL,         -- SHA-256 of the file, hexadecimal
  measured TEXT NOT NULL,       -- by whom: node or sender
  study TEXT NOT NULL, series TEXT NOT NULL, class TEXT NOT NULL,
  modality TEXT NOT NULL, date TEXT NOT NULL,           -- of the study, YYYYMMDD; empty: not known
  manufacturer TEXT NOT NULL, model TEXT NOT NULL, serial TEXT NOT NULL, station TEXT NOT NULL,
  syntax TEXT NOT NULL, size INTEGER NOT NULL,          -- bytes
  unit TEXT NOT NULL,           -- the device as the ledger knows it
  receipt TEXT NOT NULL, received INTEGER NOT NULL,     -- ms
  UNIQUE (instance, digest, measured)
);
CREATE INDEX image_study ON image (study, series, instance);
CREATE INDEX image_series ON image (series);
CREATE INDEX image_digest ON image (digest);
CREATE INDEX image_serial ON image (serial);
CREATE INDEX image_date ON image (date);
CREATE INDEX image_unit ON image (unit);

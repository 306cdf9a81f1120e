-- Certification by controls: catalogues, evidence, assessments and exceptions, as the
-- ledger has them. What a newer chaincode wrote before this version of the node
-- stands among the records that the version before could not read.

CREATE TABLE control_catalogue (
  name TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (name, version)
) WITHOUT ROWID;
INSERT INTO control_catalogue (name, version, digest, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(CAST(doc AS TEXT), '$.digest'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'cat';
DELETE FROM other WHERE type = 'cat';

CREATE TABLE catalogue_in_use (
  name TEXT NOT NULL, revision INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (name)
) WITHOUT ROWID;
INSERT INTO catalogue_in_use (name, revision, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), CAST(json_extract(CAST(doc AS TEXT), '$.revision') AS BIGINT), block, idx, tx, org, time, late, doc FROM other WHERE type = 'cat.us';
DELETE FROM other WHERE type = 'cat.us';

CREATE TABLE evidence (
  kind TEXT NOT NULL, subject TEXT NOT NULL, control TEXT NOT NULL, digest TEXT NOT NULL, witness TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (kind, subject, control, digest, witness)
) WITHOUT ROWID;
INSERT INTO evidence (kind, subject, control, digest, witness, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(parts, '$[2]'), json_extract(parts, '$[3]'), json_extract(parts, '$[4]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'evi';
DELETE FROM other WHERE type = 'evi';

CREATE TABLE control_assessment (
  unit TEXT NOT NULL, result TEXT NOT NULL, assessor TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (unit, result, assessor)
) WITHOUT ROWID;
INSERT INTO control_assessment (unit, result, assessor, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(parts, '$[2]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'cas';
DELETE FROM other WHERE type = 'cas';

CREATE TABLE control_exception (
  kind TEXT NOT NULL, subject TEXT NOT NULL, control TEXT NOT NULL, reason TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (kind, subject, control, reason)
) WITHOUT ROWID;
INSERT INTO control_exception (kind, subject, control, reason, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(parts, '$[2]'), json_extract(parts, '$[3]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'exc';
DELETE FROM other WHERE type = 'exc';

CREATE TABLE control_exception_end (
  kind TEXT NOT NULL, subject TEXT NOT NULL, control TEXT NOT NULL, reason TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (kind, subject, control, reason)
) WITHOUT ROWID;
INSERT INTO control_exception_end (kind, subject, control, reason, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(parts, '$[2]'), json_extract(parts, '$[3]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'exc.en';
DELETE FROM other WHERE type = 'exc.en';
CREATE INDEX control_assessment_order ON control_assessment (unit, block, idx);

-- When each own device is to be judged again, and what came of it last. A device
-- whose facts have changed is due at once.
CREATE TABLE review (
  unit TEXT NOT NULL,
  next INTEGER NOT NULL,      -- ms
  changes INTEGER NOT NULL,   -- of its facts, so that none is missed while it is judged
  attempts INTEGER NOT NULL,  -- that failed since it was judged
  catalogue TEXT NOT NULL, release TEXT NOT NULL, results TEXT NOT NULL,  -- of the last judgement that went to the ledger; empty: none
  published INTEGER NOT NULL, -- ms
  PRIMARY KEY (unit)
) WITHOUT ROWID;
CREATE INDEX review_next ON review (next);

-- When a device last handed in readings that it had signed, and when such that it
-- had not. 0: never.
CREATE TABLE reading_seen (
  unit TEXT NOT NULL, signed INTEGER NOT NULL, unsigned INTEGER NOT NULL,
  PRIMARY KEY (unit)
) WITHOUT ROWID;

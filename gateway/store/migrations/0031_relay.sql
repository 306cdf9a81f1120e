-- Who is behind reports that an authority relayed, sealed, and what was asked and given
-- to open it, as the ledger has it. What a newer chaincode wrote before this version of
-- the node stands among the records that the version before could not read.

CREATE TABLE threat_escrow (
  digest TEXT NOT NULL, sharer TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (digest, sharer)
) WITHOUT ROWID;
INSERT INTO threat_escrow (digest, sharer, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'thr.es';
DELETE FROM other WHERE type = 'thr.es';

CREATE TABLE opening_request (
  digest TEXT NOT NULL, sharer TEXT NOT NULL, asker TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (digest, sharer, asker)
) WITHOUT ROWID;
INSERT INTO opening_request (digest, sharer, asker, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(parts, '$[2]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'thr.or';
DELETE FROM other WHERE type = 'thr.or';

CREATE TABLE opening_share (
  digest TEXT NOT NULL, sharer TEXT NOT NULL, holder TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (digest, sharer, holder)
) WITHOUT ROWID;
INSERT INTO opening_share (digest, sharer, holder, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(parts, '$[2]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'thr.os';
DELETE FROM other WHERE type = 'thr.os';

-- What members said of the keys to which their shares of names are sealed.
CREATE TABLE share_key (
  member TEXT PRIMARY KEY,
  statement BLOB NOT NULL
) WITHOUT ROWID;

-- By what the node of an authority knows again who had it relay a report, when that is
-- to be withdrawn: the SHA-256 of a secret of that one's. It tells nothing of the name.
CREATE TABLE relay_handle (
  digest TEXT PRIMARY KEY,      -- of the sealed name, which each report that is relayed has of its own
  handle TEXT NOT NULL
) WITHOUT ROWID;

-- Vocabularies, as the ledger has them, and proposals that ended without taking
-- effect. What a newer chaincode wrote before this version of the node stands among
-- the records that the version before could not read.

CREATE TABLE closure (
  proposal TEXT NOT NULL, outcome TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (proposal)
) WITHOUT ROWID;
INSERT INTO closure (proposal, outcome, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(CAST(doc AS TEXT), '$.outcome'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'prp.cl';
DELETE FROM other WHERE type = 'prp.cl';

CREATE TABLE vocabulary (
  id TEXT NOT NULL, version INTEGER NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (id)
) WITHOUT ROWID;
INSERT INTO vocabulary (id, version, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), CAST(json_extract(CAST(doc AS TEXT), '$.version') AS BIGINT), block, idx, tx, org, time, late, doc FROM other WHERE type = 'voc';
DELETE FROM other WHERE type = 'voc';

CREATE TABLE vocabulary_version (
  vocabulary TEXT NOT NULL, number TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (vocabulary, number)
) WITHOUT ROWID;
INSERT INTO vocabulary_version (vocabulary, number, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'voc.v';
DELETE FROM other WHERE type = 'voc.v';

CREATE TABLE vocabulary_manifest (
  vocabulary TEXT NOT NULL, number TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (vocabulary, number)
) WITHOUT ROWID;
INSERT INTO vocabulary_manifest (vocabulary, number, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'voc.mf';
DELETE FROM other WHERE type = 'voc.mf';

CREATE TABLE vocabulary_node (
  vocabulary TEXT NOT NULL, node TEXT NOT NULL, since TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (vocabulary, node, since)
) WITHOUT ROWID;
INSERT INTO vocabulary_node (vocabulary, node, since, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(parts, '$[2]'), block, idx, tx, org, time, late, doc FROM other WHERE type = 'voc.n';
DELETE FROM other WHERE type = 'voc.n';

CREATE TABLE vocabulary_change (
  vocabulary TEXT NOT NULL, proposal TEXT NOT NULL, change TEXT NOT NULL, node TEXT NOT NULL,
  block INTEGER NOT NULL, idx INTEGER NOT NULL, tx TEXT NOT NULL, org TEXT NOT NULL, time INTEGER NOT NULL, late INTEGER NOT NULL, doc BLOB NOT NULL,
  PRIMARY KEY (vocabulary, proposal)
) WITHOUT ROWID;
INSERT INTO vocabulary_change (vocabulary, proposal, change, node, block, idx, tx, org, time, late, doc)
  SELECT json_extract(parts, '$[0]'), json_extract(parts, '$[1]'), json_extract(CAST(doc AS TEXT), '$.change'),
    coalesce(json_extract(CAST(doc AS TEXT), '$.term.id'), json_extract(CAST(doc AS TEXT), '$.node'), ''), block, idx, tx, org, time, late, doc FROM other WHERE type = 'voc.ch';
DELETE FROM other WHERE type = 'voc.ch';

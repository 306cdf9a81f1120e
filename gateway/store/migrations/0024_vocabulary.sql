-- Vocabularies from elsewhere, every version that was taken in: the one with the greatest
-- number is in use.
CREATE TABLE reference_vocabulary (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL,             -- what it is called here
  digest TEXT NOT NULL,         -- SHA-256 of body
  title TEXT NOT NULL,
  authority TEXT NOT NULL,      -- whose ids its nodes have
  nodes INTEGER NOT NULL,
  imported INTEGER NOT NULL,    -- ms
  body BLOB NOT NULL
);
CREATE INDEX reference_vocabulary_id ON reference_vocabulary (id, number);

-- What a classifier of sentences is trained with, by what it is called, and those that
-- were trained. basis is a digest of the examples.
CREATE TABLE example (name TEXT PRIMARY KEY, digest TEXT NOT NULL, imported INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE classifier (
  number INTEGER PRIMARY KEY,
  digest TEXT NOT NULL,         -- SHA-256 of body
  basis TEXT NOT NULL,
  trained INTEGER NOT NULL,     -- ms
  body BLOB NOT NULL
);

-- Which nodes the texts of STIX objects speak of, and by which versions that was judged.
CREATE TABLE text_label (
  object INTEGER NOT NULL,      -- stix_object.added
  vocabulary TEXT NOT NULL,
  node TEXT NOT NULL,
  collection TEXT NOT NULL,
  id TEXT NOT NULL,             -- of the object
  name TEXT NOT NULL,           -- of the node
  basis TEXT NOT NULL,          -- tag, id, name or classifier
  probability INTEGER NOT NULL, -- basis points
  sentence TEXT NOT NULL,
  version TEXT NOT NULL,        -- digest of the vocabulary
  model TEXT NOT NULL,          -- digest of the classifier; empty: none
  PRIMARY KEY (object, vocabulary, node)
) WITHOUT ROWID;
CREATE INDEX text_label_node ON text_label (vocabulary, node, object);
CREATE INDEX text_label_id ON text_label (id, object);
CREATE TRIGGER text_label_gone AFTER DELETE ON stix_object BEGIN
  DELETE FROM text_label WHERE object = old.added;
END;

-- Terms that recur in those texts and stand in no vocabulary, as they were found last.
CREATE TABLE term_candidate (place INTEGER PRIMARY KEY, doc TEXT NOT NULL);

-- Which documents, unpacked, the versions of vocabularies were read from: by a document's
-- digest members agree on it.
CREATE TABLE reference_document (
  id TEXT NOT NULL,             -- of the vocabulary
  document TEXT NOT NULL,       -- SHA-256
  digest TEXT NOT NULL,         -- of the version
  PRIMARY KEY (id, document)
) WITHOUT ROWID;
CREATE INDEX reference_document_version ON reference_document (id, digest);

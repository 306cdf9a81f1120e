-- The words of STIX objects, by which they are found; the row is the object's. It is
-- derived behind what is added, and can be derived again.
CREATE TABLE intelligence_text (rowid INTEGER NOT NULL PRIMARY KEY, words TSVECTOR NOT NULL);
CREATE INDEX intelligence_text_words ON intelligence_text USING gin (words);
CREATE TRIGGER intelligence_text_deleted AFTER DELETE ON stix_object BEGIN
  DELETE FROM intelligence_text WHERE rowid = old.added;
END;

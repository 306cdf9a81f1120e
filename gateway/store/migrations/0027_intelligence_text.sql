-- The words of STIX objects, by which they are found; the row is the object's. It is
-- derived behind what is added, and can be derived again.
CREATE VIRTUAL TABLE intelligence_text USING fts5 (name, words, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2");
CREATE TRIGGER intelligence_text_deleted AFTER DELETE ON stix_object BEGIN
  DELETE FROM intelligence_text WHERE rowid = old.added;
END;

-- A credential's place is in one of several status lists, and it came by an offer.
CREATE TABLE credential_in_list (
  id TEXT PRIMARY KEY,
  type TEXT NOT NULL, format TEXT NOT NULL, reference TEXT NOT NULL, holder TEXT NOT NULL,
  list INTEGER NOT NULL, place INTEGER NOT NULL,  -- in the status lists, for good; below 0: in none
  status INTEGER NOT NULL,
  issued INTEGER NOT NULL, expires INTEGER NOT NULL,  -- ms
  offer TEXT NOT NULL,                                -- drawn; empty: none that is known
  UNIQUE (list, place)
) WITHOUT ROWID;
INSERT INTO credential_in_list
  SELECT id, type, format, reference, holder, 1, place, status, issued, expires, '' FROM credential;
DROP TABLE credential;
ALTER TABLE credential_in_list RENAME TO credential;
CREATE INDEX credential_order ON credential (issued, id);
CREATE INDEX credential_reference ON credential (reference, issued, id);

CREATE TABLE status_change_of_list (list INTEGER PRIMARY KEY, count INTEGER NOT NULL);
INSERT INTO status_change_of_list SELECT 1, count FROM status_change;
DROP TABLE status_change;
ALTER TABLE status_change_of_list RENAME TO status_change;

-- How often what was issued under a reference, or by an offer, was taken back. What
-- was ordered before gives nothing any more.
CREATE TABLE taken_back (
  kind TEXT NOT NULL, id TEXT NOT NULL,
  times INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- Who is signed in: a pseudonym, and what is needed to see at each request that it
-- may go on. No claim of a credential is kept, and no name.
CREATE TABLE session (
  id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  turn INTEGER NOT NULL,     -- how often it was refreshed
  begun INTEGER NOT NULL, expires INTEGER NOT NULL,  -- ms
  doc BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_subject ON session (subject, begun);
CREATE INDEX session_expires ON session (expires);

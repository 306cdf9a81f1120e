-- Reports that this node holds sealed: its own, and those of others that name it. What
-- they say is encrypted under a key of the vault, of which slot is the place.
CREATE TABLE sealed_report (
  digest TEXT PRIMARY KEY,      -- the commitment on the ledger
  sharer TEXT NOT NULL,
  slot INTEGER NOT NULL,
  wrapped BLOB NOT NULL,        -- empty once it was erased
  sealed BLOB NOT NULL,
  stored INTEGER NOT NULL,
  erased INTEGER NOT NULL       -- 0: it is here
) WITHOUT ROWID;

-- What is to be handed to one member, until it has taken it.
CREATE TABLE exchange_out (
  seq INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  digest TEXT NOT NULL,
  member TEXT NOT NULL,
  id TEXT NOT NULL,             -- of a feedback; else empty
  key TEXT NOT NULL,            -- to which the copy is sealed
  copy BLOB NOT NULL,           -- empty: not sealed yet, or taken
  attempts INTEGER NOT NULL,
  next INTEGER NOT NULL,
  made INTEGER NOT NULL,
  taken INTEGER NOT NULL,       -- 0: not yet
  receipt BLOB NOT NULL,
  UNIQUE (kind, digest, member, id)
);
CREATE INDEX exchange_out_due ON exchange_out (member, next) WHERE taken = 0;
CREATE INDEX exchange_out_digest ON exchange_out (digest);

-- Reports that their sharers said are to be had, and that are not here yet.
CREATE TABLE exchange_in (
  digest TEXT NOT NULL,
  sharer TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next INTEGER NOT NULL,
  told INTEGER NOT NULL,
  PRIMARY KEY (sharer, digest)
) WITHOUT ROWID;

-- The own keys to which others seal, sealed themselves; and what others said of theirs.
CREATE TABLE exchange_key (
  id TEXT PRIMARY KEY,
  sealed BLOB NOT NULL,
  made INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE exchange_peer (
  member TEXT PRIMARY KEY,
  statement BLOB NOT NULL
) WITHOUT ROWID;

-- What was said of sealed reports to those who hold them, and stands on no ledger.
CREATE TABLE sealed_feedback (
  digest TEXT NOT NULL,
  witness TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  count INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  opinion TEXT NOT NULL,
  weight INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  time INTEGER NOT NULL,
  PRIMARY KEY (digest, witness, id)
) WITHOUT ROWID;

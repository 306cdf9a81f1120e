-- What own devices attested of themselves. The token itself is in the vault. A challenge
-- stands here once it was answered, so that it serves once.
CREATE TABLE attestation (
  seq INTEGER PRIMARY KEY,      -- in the order in which they came
  unit TEXT NOT NULL, nonce TEXT NOT NULL,
  release TEXT NOT NULL,        -- by which it was judged
  status TEXT NOT NULL,         -- affirming, contraindicated or unknown
  reasons TEXT NOT NULL,        -- JSON
  version TEXT NOT NULL,        -- as the device says; empty: it did not
  digest TEXT NOT NULL, receipt TEXT NOT NULL,
  time INTEGER NOT NULL, expires INTEGER NOT NULL,  -- ms
  UNIQUE (unit, nonce)
);
CREATE INDEX attestation_unit ON attestation (unit, release, seq);
CREATE INDEX attestation_against ON attestation (unit, release) WHERE status = 'contraindicated';

-- Groups of own devices whose facts have changed, until each of them is due in review:
-- a record of the ledger that concerns ten thousand devices is one row while it is
-- projected.
CREATE TABLE review_group (
  kind TEXT NOT NULL,           -- all, model, release, lot or bill
  a TEXT NOT NULL, b TEXT NOT NULL,
  done TEXT NOT NULL,           -- the last unit that is due; empty: none yet
  PRIMARY KEY (kind, a, b)
) WITHOUT ROWID;

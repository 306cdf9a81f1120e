-- Lasting signatures of the certificates of conformity that the organisation issued.
CREATE TABLE lasting_signature (
  digest TEXT PRIMARY KEY,  -- SHA-256 of what is signed, hex
  signature TEXT NOT NULL   -- JWS without its payload
) WITHOUT ROWID;

-- Advisories on vulnerabilities, what persons decided about them, and which of
-- them are exploited: what only this node knows.

CREATE TABLE advisory (
  id TEXT PRIMARY KEY,
  format TEXT NOT NULL, tracking TEXT NOT NULL, namespace TEXT NOT NULL, publisher TEXT NOT NULL, title TEXT NOT NULL,
  version TEXT NOT NULL, status TEXT NOT NULL, marking TEXT NOT NULL,
  published INTEGER NOT NULL, updated INTEGER NOT NULL, imported INTEGER NOT NULL,  -- ms
  score INTEGER NOT NULL,         -- highest base score, tenths
  exploited INTEGER NOT NULL,     -- one of its vulnerabilities is in the catalogue of exploited ones
  likelihood INTEGER NOT NULL,    -- highest EPSS, parts of a million
  digest TEXT NOT NULL,           -- SHA-256 of the body
  basis TEXT NOT NULL,            -- of the releases, decisions and statements that it was matched with; empty: not matched yet
  doc BLOB NOT NULL,              -- what is shown, as JSON
  body BLOB NOT NULL              -- as it came
);
CREATE INDEX advisory_rank ON advisory (exploited, likelihood, score, updated, id);
CREATE INDEX advisory_updated ON advisory (updated, id);
CREATE INDEX advisory_score ON advisory (score, updated, id);
CREATE INDEX advisory_likelihood ON advisory (likelihood, updated, id);
CREATE INDEX advisory_tracking ON advisory (tracking, updated);
CREATE INDEX advisory_basis ON advisory (basis);

CREATE TABLE advisory_vulnerability (
  advisory TEXT NOT NULL, vulnerability TEXT NOT NULL,
  PRIMARY KEY (advisory, vulnerability)
) WITHOUT ROWID;
CREATE INDEX advisory_of_vulnerability ON advisory_vulnerability (vulnerability);

-- One row for each release that an advisory concerns: which units run it follows.
CREATE TABLE advisory_match (
  id TEXT NOT NULL UNIQUE,
  advisory TEXT NOT NULL, di TEXT NOT NULL, version TEXT NOT NULL,
  state TEXT NOT NULL, basis TEXT NOT NULL, confidence INTEGER NOT NULL,
  doc BLOB NOT NULL,  -- reasons, vulnerabilities, actions, subjects as JSON
  PRIMARY KEY (advisory, di, version)
);
CREATE INDEX advisory_match_release ON advisory_match (di, version, state);
CREATE INDEX unit_release ON unit (di, version, owner, manufacturer, state, id);

CREATE TABLE advisory_decision (
  subject TEXT NOT NULL, di TEXT NOT NULL,
  confirmed INTEGER NOT NULL,
  by TEXT NOT NULL, role TEXT NOT NULL, note TEXT NOT NULL, advisory TEXT NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY (subject, di)
) WITHOUT ROWID;

CREATE TABLE exploited (
  vulnerability TEXT PRIMARY KEY,
  added INTEGER NOT NULL, due INTEGER NOT NULL, ransomware INTEGER NOT NULL, action TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE likelihood (
  vulnerability TEXT PRIMARY KEY,
  probability INTEGER NOT NULL, percentile INTEGER NOT NULL  -- parts of a million
) WITHOUT ROWID;

-- Statements on exploitability that reports carry, by the report's digest.
CREATE TABLE vex (digest TEXT PRIMARY KEY, doc BLOB NOT NULL) WITHOUT ROWID;

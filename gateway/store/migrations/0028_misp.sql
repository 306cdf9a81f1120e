-- Events as MISP exchanges them, and what they are found by.
CREATE TABLE misp_event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  info TEXT NOT NULL,
  date TEXT NOT NULL,
  orgc TEXT NOT NULL,
  tags TEXT NOT NULL,           -- each between line feeds
  published INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,   -- seconds
  published_at INTEGER NOT NULL,
  threat_level INTEGER NOT NULL,
  report TEXT NOT NULL,         -- digest of the report that it is the form of; '': handed in here
  count INTEGER NOT NULL,       -- attributes
  body BLOB NOT NULL
);
CREATE INDEX misp_event_timestamp ON misp_event (timestamp);
CREATE INDEX misp_event_report ON misp_event (report) WHERE report <> '';
CREATE TABLE misp_attribute (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event INTEGER NOT NULL REFERENCES misp_event (id) ON DELETE CASCADE,
  uuid TEXT NOT NULL,
  type TEXT NOT NULL,
  category TEXT NOT NULL,
  to_ids INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  doc BLOB NOT NULL
);
CREATE INDEX misp_attribute_event ON misp_attribute (event);
CREATE INDEX misp_attribute_uuid ON misp_attribute (uuid);
CREATE INDEX misp_attribute_timestamp ON misp_attribute (timestamp);
CREATE TABLE misp_value (
  value TEXT NOT NULL COLLATE NOCASE,
  attribute INTEGER NOT NULL REFERENCES misp_attribute (id) ON DELETE CASCADE,
  PRIMARY KEY (value, attribute)
) WITHOUT ROWID;
CREATE INDEX misp_value_attribute ON misp_value (attribute);

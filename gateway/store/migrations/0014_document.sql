-- Labels: a device is found by what stands on it.
CREATE INDEX serial_text ON serial (serial);

-- What a maker tells of a model beside the ledger: its usage description (MUD) and
-- its answers about security (MDS2). body is as it was received.
CREATE TABLE model_file (
  di TEXT NOT NULL, kind TEXT NOT NULL,
  digest TEXT NOT NULL, doc TEXT NOT NULL, body BLOB NOT NULL, updated INTEGER NOT NULL,
  PRIMARY KEY (di, kind)
) WITHOUT ROWID;

-- The organisation's care services, and the units on which they rely.
CREATE TABLE care_service (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, doc TEXT NOT NULL, updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE care_service_unit (
  unit TEXT NOT NULL, service TEXT NOT NULL,
  PRIMARY KEY (unit, service)
) WITHOUT ROWID;
CREATE INDEX care_service_unit_service ON care_service_unit (service);

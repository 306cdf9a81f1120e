-- What a device is called by those who speak for it: a name says one thing at one
-- source, and nothing anywhere else.
CREATE TABLE device_name (
  source TEXT NOT NULL, name TEXT NOT NULL,
  unit TEXT NOT NULL,
  PRIMARY KEY (source, name)
) WITHOUT ROWID;
CREATE INDEX device_name_unit ON device_name (unit);

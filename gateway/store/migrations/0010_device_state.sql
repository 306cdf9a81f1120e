-- The message that is a device's retained state, by its receipt: what it says lies
-- encrypted in the vault, and ends with it.
CREATE TABLE device_state (
  source TEXT NOT NULL, device TEXT NOT NULL,
  receipt TEXT NOT NULL,
  PRIMARY KEY (source, device)
) WITHOUT ROWID;

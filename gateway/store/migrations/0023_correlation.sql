-- What objects of threat intelligence have in common: derived from stix_object by the
-- worker, behind its acceptance, and made anew when the way of deriving changes.

-- Each value that the last version of some object names, once.
CREATE TABLE observable (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: what is held in memory goes by it
  type TEXT NOT NULL, property TEXT NOT NULL,
  op TEXT NOT NULL,                      -- empty: equal; within, holds
  value TEXT NOT NULL,                   -- canonical
  near TEXT NOT NULL,                    -- network or registrable domain; empty: none
  objects INTEGER NOT NULL,              -- that name it
  UNIQUE (value, type, property, op)
);
CREATE INDEX observable_near ON observable (near, objects) WHERE near <> '';
CREATE INDEX observable_objects ON observable (objects, id);

CREATE TABLE entry (
  object INTEGER PRIMARY KEY,            -- stix_object.added
  id TEXT NOT NULL,                      -- STIX id
  doc BLOB NOT NULL                      -- what it contributes, as JSON
);
CREATE INDEX entry_id ON entry (id);

CREATE TABLE observable_of (
  observable INTEGER NOT NULL,
  object INTEGER NOT NULL,
  hostile INTEGER NOT NULL,              -- 1: an indicator calls it so
  PRIMARY KEY (observable, hostile, object)
) WITHOUT ROWID;
CREATE INDEX observable_of_object ON observable_of (object);

-- That two objects are about the same infrastructure, as a third or one of them says.
CREATE TABLE stix_link (
  object INTEGER NOT NULL,               -- that says so
  source TEXT NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL,
  PRIMARY KEY (source, target, kind, object)
) WITHOUT ROWID;
CREATE INDEX stix_link_target ON stix_link (target);
CREATE INDEX stix_link_object ON stix_link (object);

-- Versions that became the last again, when a later one was deleted.
CREATE TABLE entry_due (object INTEGER PRIMARY KEY);
-- What the memory still holds.
CREATE TABLE observable_gone (
  id INTEGER PRIMARY KEY,
  type TEXT NOT NULL, property TEXT NOT NULL, op TEXT NOT NULL, value TEXT NOT NULL
);

CREATE TRIGGER stix_object_deleted AFTER DELETE ON stix_object BEGIN
  DELETE FROM entry WHERE object = OLD.added;
  DELETE FROM entry_due WHERE object = OLD.added;
END;
CREATE TRIGGER stix_object_replaced AFTER UPDATE OF last ON stix_object WHEN OLD.last = 1 AND NEW.last = 0 BEGIN
  DELETE FROM entry WHERE object = OLD.added;
  DELETE FROM entry_due WHERE object = OLD.added;
END;
CREATE TRIGGER stix_object_restored AFTER UPDATE OF last ON stix_object WHEN NEW.last = 1 AND OLD.last = 0 BEGIN
  INSERT INTO entry_due (object) VALUES (NEW.added) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER entry_deleted AFTER DELETE ON entry BEGIN
  DELETE FROM observable_of WHERE object = OLD.object;
  DELETE FROM stix_link WHERE object = OLD.object;
END;
CREATE TRIGGER observable_of_deleted AFTER DELETE ON observable_of BEGIN
  UPDATE observable SET objects = objects - 1 WHERE id = OLD.observable;
  DELETE FROM observable WHERE id = OLD.observable AND objects = 0;
END;
CREATE TRIGGER observable_deleted AFTER DELETE ON observable BEGIN
  INSERT INTO observable_gone (id, type, property, op, value) VALUES (OLD.id, OLD.type, OLD.property, OLD.op, OLD.value);
END;

-- What alerts name besides what they are found by: hosts of URLs, and fuzzy hashes,
-- which are found by likeness.
CREATE TABLE alert_host (
  value TEXT NOT NULL, alert INTEGER NOT NULL,
  PRIMARY KEY (value, alert)
) WITHOUT ROWID;
CREATE TABLE alert_fuzzy (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  property TEXT NOT NULL, value TEXT NOT NULL, alert INTEGER NOT NULL,
  UNIQUE (alert, property, value)
);

CREATE INDEX alert_host_alert ON alert_host (alert);

-- Own alerts that show what an indicator describes.
CREATE TABLE indicator_match (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  alert INTEGER NOT NULL,                -- alert.seq
  indicator TEXT NOT NULL,               -- STIX id
  collection TEXT NOT NULL,
  report TEXT NOT NULL,                  -- digest of the report that brought it; empty: none did
  time INTEGER NOT NULL,                 -- of the alert, ms
  noted INTEGER NOT NULL,                -- ms
  suppressed INTEGER NOT NULL,           -- 1: by a warninglist
  score INTEGER NOT NULL,                -- what was left of the indicator's, basis points
  doc BLOB NOT NULL,                     -- what was found and why, as JSON
  UNIQUE (alert, indicator)
);
CREATE INDEX indicator_match_indicator ON indicator_match (indicator, suppressed, time);
CREATE INDEX indicator_match_report ON indicator_match (report, suppressed, time) WHERE report <> '';

CREATE TRIGGER alert_deleted AFTER DELETE ON alert BEGIN
  DELETE FROM alert_host WHERE alert = OLD.seq;
  DELETE FROM alert_fuzzy WHERE alert = OLD.seq;
  DELETE FROM indicator_match WHERE alert = OLD.seq;
END;

-- Reference data: values that raise false alarms, and how confidence fades.
CREATE TABLE warninglist (name TEXT PRIMARY KEY, version INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE TABLE decay_model (name TEXT PRIMARY KEY, doc BLOB NOT NULL);

-- Subscriptions to what the node tells by itself, and what waits to be delivered.

CREATE TABLE webhook (
  id TEXT PRIMARY KEY,
  face TEXT NOT NULL,                 -- events or fhir
  state TEXT NOT NULL, reason TEXT NOT NULL,
  doc BLOB NOT NULL,                  -- what it says in clear, as JSON
  sealed BLOB NOT NULL,               -- address, secrets and what else only the deliverer may know
  created INTEGER NOT NULL, ends INTEGER NOT NULL,  -- ms; 0: it does not end
  version INTEGER NOT NULL,
  resource TEXT NOT NULL, criteria BLOB,            -- of FHIR, blinded
  delivered INTEGER NOT NULL DEFAULT 0, count INTEGER NOT NULL DEFAULT 0, waiting INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0, failing INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT ''
);
CREATE INDEX webhook_resource ON webhook (resource, state);

CREATE TABLE webhook_message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number names one message for ever
  webhook TEXT NOT NULL,
  kind TEXT NOT NULL, doc BLOB NOT NULL,
  sent INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX webhook_message_of ON webhook_message (webhook, seq);

-- Behind which event the node has looked for what concerns webhooks.
CREATE TABLE webhook_position (one INTEGER PRIMARY KEY CHECK (one = 1), after TEXT NOT NULL);

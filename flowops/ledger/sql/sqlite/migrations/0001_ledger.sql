-- The tables of a ledger database. Several environments may share one, each with a ledger of its own.

-- One row a ledger. Other tables name it by its `number`, which is short; `id` is what everybody else calls it. It is
-- the ledger of a project's environment, for calls to the API at one host (`api`). `serial` and `head` are the last
-- event's number and hash; `epoch` counts how often an older copy of it was accepted, or the ledger moved to another
-- database. `key_check` proves the key; `key_place` says where the key is kept: in a `file` beside the ledger, in this
-- `row` (`key`), or `given`. `suspicion` says why it seems to be an older copy, until that is accepted; `server` is
-- where it was written last. `seal` says why it takes no writes (see `flowops.ledger.seal`), and is empty while it does.
-- `next_slot` is when its next phone may ring, `paused_until` until when the API has asked to wait: seconds since 1970.
CREATE TABLE flowops_ledgers (
  number INTEGER NOT NULL PRIMARY KEY,
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  api TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  serial BIGINT NOT NULL,
  head TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  key_place TEXT NOT NULL,
  key_check TEXT NOT NULL,
  key TEXT,
  suspicion TEXT,
  server TEXT,
  next_slot REAL NOT NULL DEFAULT 0,
  paused_until REAL NOT NULL DEFAULT 0,
  seal TEXT NOT NULL DEFAULT '',
  UNIQUE (project, environment)
);

-- What a ledger was called, since when, and who has called it so: the first is who made it.
CREATE TABLE flowops_names (
  ledger INTEGER NOT NULL,
  number INTEGER NOT NULL,
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  api TEXT NOT NULL,
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  PRIMARY KEY (ledger, number)
);

-- One row a time that an older copy was accepted: with how many events, and what had told that it is one.
CREATE TABLE flowops_acceptances (
  ledger INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  serial BIGINT NOT NULL,
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  reason TEXT NOT NULL,
  suspicion TEXT NOT NULL,
  PRIMARY KEY (ledger, epoch)
);

-- One row a run that claimed something. Its lease is the lock of a file. `posts` is how many requests the API has
-- answered, as far as the run has said so, `refused` how many of them it refused.
CREATE TABLE flowops_runs (
  run TEXT NOT NULL PRIMARY KEY,
  ledger INTEGER NOT NULL,
  who TEXT,
  host TEXT,
  job TEXT,
  "commit" TEXT,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  posts INTEGER NOT NULL DEFAULT 0,
  refused INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX flowops_runs_open ON flowops_runs (ledger, ended_at);

-- One row a call, see `flowops.ledger.states.CallRow`. `claim` is the serial of the event that has its body, or 0.
-- `phones` is how many the request rings, by its body. `renamed` is the reference under which a call was posted where
-- that is another one, and of one that is renamed the reference that stands for the call now. `words` is a keyed hash of
-- all that was sent but the reference, `naming` one of what the document says of the reference.
CREATE TABLE flowops_calls (
  ledger INTEGER NOT NULL,
  reference_id TEXT NOT NULL,
  state TEXT,
  before_claim TEXT,
  fingerprint TEXT NOT NULL,
  claim BIGINT NOT NULL,
  attempts INTEGER NOT NULL,
  run TEXT,
  error TEXT,
  claimed_at TEXT NOT NULL,
  renamed TEXT,
  words BIGINT,
  naming INTEGER,
  purged BOOLEAN NOT NULL,
  cancelled_from TEXT,
  refused INTEGER NOT NULL,
  serial BIGINT NOT NULL,
  phones INTEGER NOT NULL,
  PRIMARY KEY (ledger, reference_id)
);
CREATE INDEX flowops_calls_state ON flowops_calls (ledger, state, reference_id);
CREATE INDEX flowops_calls_claimed ON flowops_calls (ledger, claimed_at);
CREATE INDEX flowops_calls_words ON flowops_calls (ledger, words);
CREATE INDEX flowops_calls_refused ON flowops_calls (ledger, reference_id) WHERE refused > 0;
CREATE INDEX flowops_calls_renamed ON flowops_calls (ledger, renamed) WHERE state = 'renamed';
-- Those that may be further attempts of another one, by their names. PostgreSQL takes what is equal to something for rare.
CREATE INDEX flowops_calls_further ON flowops_calls (ledger, reference_id, state)
WHERE CASE WHEN replace(reference_id, '~', '') = reference_id THEN 0 ELSE 1 END = 1;

-- How many calls there are, and how many phones they ring: in a state, or claimed within ten minutes (such as
-- 2026-11-28T09:3) with a phone that may have rung. Whoever changes a call changes these in the same transaction, so
-- that nobody has to go through all calls.
CREATE TABLE flowops_counts (
  ledger INTEGER NOT NULL,
  counted TEXT NOT NULL,
  calls BIGINT NOT NULL,
  phones BIGINT NOT NULL,
  PRIMARY KEY (ledger, counted)
) WITHOUT ROWID;

-- One row a callee of a call that the API, a callback or a record has named.
CREATE TABLE flowops_legs (
  ledger INTEGER NOT NULL,
  reference_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  callee TEXT,
  shown TEXT,
  call_id TEXT,
  error TEXT,
  code INTEGER,
  description TEXT,
  later INTEGER,
  PRIMARY KEY (ledger, reference_id, position)
) WITHOUT ROWID;
CREATE INDEX flowops_legs_callee ON flowops_legs (ledger, callee);

-- Who has acted, from where: one row each, as events name them again and again. `actor` is canonical JSON.
-- The `number` of one that has the labels of a call is below 0, so that an index finds what was claimed with labels.
CREATE TABLE flowops_actors (
  ledger INTEGER NOT NULL,
  number INTEGER NOT NULL,
  actor TEXT NOT NULL,
  PRIMARY KEY (ledger, number),
  UNIQUE (ledger, actor)
);

-- Appended, never rewritten; only `actor`, `details` and `body` may be taken out, by a purge, which leaves
-- their hash in `details_hash`. `earlier` is the serial of the call's event before, so that the events of a call are
-- found from its row. See `flowops.ledger.chain`.
CREATE TABLE flowops_events (
  ledger INTEGER NOT NULL,
  serial BIGINT NOT NULL,
  reference_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  state TEXT,
  at TEXT NOT NULL,
  earlier BIGINT,
  actor INTEGER,
  details TEXT,
  body TEXT,
  details_hash TEXT,
  hash TEXT NOT NULL,
  PRIMARY KEY (ledger, serial)
) WITHOUT ROWID;
CREATE INDEX flowops_events_purged ON flowops_events (ledger, reference_id, serial) WHERE event_type = 'purged';
CREATE INDEX flowops_events_labelled ON flowops_events (ledger, actor) WHERE actor < 0;

-- What must not be asked again before a time (ISO 8601 in UTC), such as a page of Call Detail Records.
CREATE TABLE flowops_throttle (
  ledger INTEGER NOT NULL,
  key TEXT NOT NULL,
  until TEXT NOT NULL,
  PRIMARY KEY (ledger, key)
);

-- One row a time that an ledger was stopped; it is stopped while one of them has no `resumed_at`.
CREATE TABLE flowops_stops (
  id TEXT NOT NULL PRIMARY KEY,
  ledger INTEGER NOT NULL,
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  host TEXT NOT NULL,
  reason TEXT NOT NULL,
  resumed_at TEXT,
  resumed_by TEXT
);

-- One row a time that a number was blocked, by the pseudonym that legs have of it; it is blocked while one of them has
-- no `lifted_at`. `shown` is the number masked, `pseudonym` the short one that people are shown.
CREATE TABLE flowops_blocked (
  id TEXT NOT NULL PRIMARY KEY,
  ledger INTEGER NOT NULL,
  callee TEXT NOT NULL,
  shown TEXT NOT NULL,
  pseudonym TEXT NOT NULL,
  at TEXT NOT NULL,
  who TEXT NOT NULL,
  host TEXT NOT NULL,
  reason TEXT NOT NULL,
  lifted_at TEXT,
  lifted_by TEXT,
  lifted_reason TEXT
);
CREATE UNIQUE INDEX flowops_blocked_callee ON flowops_blocked (ledger, callee) WHERE lifted_at IS NULL;

-- One row a campaign, see `flowops.model.campaign.Campaign`. `settings`, `canary` and `totals` are JSON. A campaign is
-- `new` while a `run` writes it, and lives; what its calls came to is kept when it is over. `heard` is the event up to which workers
-- have asked which outcomes make further attempts due.
CREATE TABLE flowops_campaigns (
  ledger INTEGER NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  why TEXT,
  created_at TEXT NOT NULL,
  starts_at TEXT NOT NULL,
  ended_at TEXT,
  who TEXT NOT NULL,
  host TEXT NOT NULL,
  "commit" TEXT,
  digest TEXT NOT NULL,
  settings TEXT NOT NULL,
  calls INTEGER NOT NULL,
  phones INTEGER NOT NULL,
  batches INTEGER NOT NULL,
  canary TEXT,
  totals TEXT,
  heard BIGINT NOT NULL DEFAULT 0,
  run TEXT NOT NULL,
  PRIMARY KEY (ledger, id)
);

-- Some calls of a campaign, `sealed` with a key that is not in the database. `turn` counts how often a worker has gone
-- through them, `due_at` is when one is to go through them again; they are done when nothing of them is left to place.
-- `calls` counts them, `waiting` says what they waited for when one has gone through them (JSON: a count by reason).
-- `again_at` is by when the next turn is to follow one that is being taken, for an outcome that was told meanwhile.
CREATE TABLE flowops_batches (
  ledger INTEGER NOT NULL,
  campaign TEXT NOT NULL,
  number INTEGER NOT NULL,
  turn INTEGER NOT NULL,
  due_at TEXT NOT NULL,
  again_at TEXT,
  done_at TEXT,
  calls INTEGER NOT NULL,
  waiting TEXT,
  sealed BLOB NOT NULL,
  PRIMARY KEY (ledger, campaign, number)
);
CREATE INDEX flowops_batches_left ON flowops_batches (ledger, campaign, due_at) WHERE done_at IS NULL;

-- Which campaign a call is in that is not over, and in which batch, by the reference-id of its first attempt. `said` is a
-- keyed hash of what the files said when it was handed over.
CREATE TABLE flowops_scheduled (
  ledger INTEGER NOT NULL,
  reference_id TEXT NOT NULL,
  campaign TEXT NOT NULL,
  batch INTEGER NOT NULL,
  said BIGINT NOT NULL,
  PRIMARY KEY (ledger, reference_id)
) WITHOUT ROWID;
CREATE INDEX flowops_scheduled_campaign ON flowops_scheduled (ledger, campaign);

-- The number of the newest migration that was made.
CREATE TABLE flowops_version (version TEXT NOT NULL PRIMARY KEY);
INSERT INTO flowops_version (version) VALUES ('0001');

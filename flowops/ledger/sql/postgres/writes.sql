-- What a transaction writes: in one trip, with the rows as JSON, so that the driver has no value to look at.

-- Of the catalog itself, as of now: `to_regclass` may answer from a cache, though another session has made the table.
-- name: has_version
SELECT 1 FROM pg_class WHERE relname = 'flowops_version' AND pg_table_is_visible(oid)

-- name: server
SELECT
  current_setting('synchronous_commit'), current_setting('fsync'), pg_is_in_recovery(),
  current_setting('server_encoding'), pg_backend_pid()

-- Whoever makes or alters tables holds this lock: "flow".
-- name: lock_schema
SELECT pg_advisory_xact_lock(1718382455)

-- Only while a row still has the serial that it was read with (`seen`). Tells how many rows of each kind it has written.
-- name: save
WITH
new AS (
  INSERT INTO flowops_calls (
    ledger, reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at,
    renamed, words, naming, purged, cancelled_from, refused, serial, phones
  )
  SELECT ledger, reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at,
    renamed, words, naming, purged, cancelled_from, refused, serial, phones
  FROM json_populate_recordset(NULL::flowops_calls, :new)
  ON CONFLICT DO NOTHING
  RETURNING 1
),
settled AS (
  UPDATE flowops_calls
  SET state = given.state, before_claim = given.before_claim, error = given.error, refused = given.refused,
    serial = given.serial
  FROM json_to_recordset(:settled) AS given (
    seen bigint, ledger integer, reference_id text, state text, before_claim text, error text, refused integer,
    serial bigint
  )
  WHERE flowops_calls.ledger = given.ledger AND flowops_calls.reference_id = given.reference_id
    AND flowops_calls.serial = given.seen
  RETURNING 1
),
changed AS (
  UPDATE flowops_calls
  SET state = given.state, before_claim = given.before_claim, fingerprint = given.fingerprint, claim = given.claim,
    attempts = given.attempts, run = given.run, error = given.error, claimed_at = given.claimed_at,
    renamed = given.renamed, words = given.words, naming = given.naming, purged = given.purged,
    cancelled_from = given.cancelled_from, refused = given.refused, serial = given.serial, phones = given.phones
  FROM json_to_recordset(:changed) AS given (
    seen bigint, ledger integer, reference_id text, state text, before_claim text, fingerprint text, claim bigint,
    attempts integer, run text, error text, claimed_at text, renamed text, words bigint, naming integer,
    purged boolean, cancelled_from text, refused integer, serial bigint, phones integer
  )
  WHERE flowops_calls.ledger = given.ledger AND flowops_calls.reference_id = given.reference_id
    AND flowops_calls.serial = given.seen
  RETURNING 1
),
told AS (
  INSERT INTO flowops_legs (ledger, reference_id, position, callee, shown, call_id, error, code, description, later)
  SELECT ledger, reference_id, position, callee, shown, call_id, error, code, description, later
  FROM json_populate_recordset(NULL::flowops_legs, :legs)
  ON CONFLICT DO NOTHING
  RETURNING 1
),
added AS (
  INSERT INTO flowops_events (
    ledger, serial, reference_id, event_type, state, at, earlier, actor, details, body, hash
  )
  SELECT ledger, serial, reference_id, event_type, state, at, earlier, actor, details, body, hash
  FROM json_populate_recordset(NULL::flowops_events, :events)
  ON CONFLICT DO NOTHING
  RETURNING 1
),
counted AS (
  INSERT INTO flowops_counts (ledger, counted, calls, phones)
  SELECT ledger, counted, calls, phones FROM json_populate_recordset(NULL::flowops_counts, :counts)
  ON CONFLICT (ledger, counted)
  DO UPDATE SET calls = flowops_counts.calls + excluded.calls, phones = flowops_counts.phones + excluded.phones
),
advanced AS (
  UPDATE flowops_ledgers SET serial = :serial, head = :head WHERE number = :ledger
)
SELECT
  (SELECT count(*) FROM new), (SELECT count(*) FROM settled), (SELECT count(*) FROM changed),
  (SELECT count(*) FROM told), (SELECT count(*) FROM added)

-- A reference is in one campaign that is not over at most; of one that is over, rows may be left.
-- name: insert_scheduled
INSERT INTO flowops_scheduled (ledger, reference_id, campaign, batch, said)
SELECT :ledger, row ->> 0, :campaign, (row ->> 1)::integer, (row ->> 2)::bigint FROM json_array_elements(:rows::json) AS row
ON CONFLICT (ledger, reference_id) DO UPDATE SET campaign = excluded.campaign, batch = excluded.batch, said = excluded.said
WHERE NOT EXISTS (
  SELECT 1 FROM flowops_campaigns
  WHERE flowops_campaigns.ledger = flowops_scheduled.ledger AND id = flowops_scheduled.campaign
    AND state IN ('new', 'running', 'paused')
)

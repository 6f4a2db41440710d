-- What a transaction writes. Each statement takes one row, or many: `VALUES (…)` is then repeated (see `sqlite.py`).

-- name: has_version
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'flowops_version'

-- name: insert_calls
INSERT INTO flowops_calls (
  ledger, reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at,
  renamed, words, naming, purged, cancelled_from, refused, serial, phones
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING

-- Only while a row still has the serial that it was read with.
-- name: update_calls
UPDATE flowops_calls
SET state = given.column4, before_claim = given.column5, fingerprint = given.column6, claim = given.column7,
  attempts = given.column8, run = given.column9, error = given.column10, claimed_at = given.column11,
  renamed = given.column12, words = given.column13, naming = given.column14, purged = given.column15,
  cancelled_from = given.column16, refused = given.column17, serial = given.column18, phones = given.column19
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) AS given
WHERE flowops_calls.serial = given.column1 AND ledger = given.column2 AND reference_id = given.column3

-- What an answer changes, in an order of its own; no index but that of the state.
-- name: settle_calls
UPDATE flowops_calls
SET state = given.column4, before_claim = given.column5, error = given.column6, refused = given.column7,
  serial = given.column8
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?)) AS given
WHERE flowops_calls.serial = given.column1 AND ledger = given.column2 AND reference_id = given.column3

-- name: insert_legs
INSERT INTO flowops_legs (ledger, reference_id, position, callee, shown, call_id, error, code, description, later)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING

-- name: insert_events
INSERT INTO flowops_events (
  ledger, serial, reference_id, event_type, state, at, earlier, actor, details, body, hash
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING

-- name: add_counts
INSERT INTO flowops_counts (ledger, counted, calls, phones)
VALUES (?, ?, ?, ?)
ON CONFLICT (ledger, counted) DO UPDATE SET calls = calls + excluded.calls, phones = phones + excluded.phones

-- name: advance_ledger
UPDATE flowops_ledgers SET serial = :serial, head = :head WHERE number = :ledger

-- A reference is in one campaign that is not over at most; of one that is over, rows may be left.
-- name: insert_scheduled
INSERT INTO flowops_scheduled (ledger, reference_id, campaign, batch, said)
SELECT :ledger, json_extract(value, '$[0]'), :campaign, json_extract(value, '$[1]'), json_extract(value, '$[2]')
FROM json_each(:rows) WHERE TRUE
ON CONFLICT (ledger, reference_id) DO UPDATE SET campaign = excluded.campaign, batch = excluded.batch, said = excluded.said
WHERE NOT EXISTS (
  SELECT 1 FROM flowops_campaigns
  WHERE flowops_campaigns.ledger = flowops_scheduled.ledger AND id = flowops_scheduled.campaign
    AND state IN ('new', 'running', 'paused')
)

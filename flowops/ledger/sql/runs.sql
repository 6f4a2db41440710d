-- Runs, and what keeps them from claiming.

-- name: insert_run
INSERT INTO flowops_runs (run, ledger, who, host, job, "commit", started_at)
VALUES (:run, :ledger, :who, :host, :job, :commit, :at)
ON CONFLICT DO NOTHING

-- name: end_run
UPDATE flowops_runs SET ended_at = :at, posts = :posts, refused = :refused WHERE run = :run

-- name: count_posts
UPDATE flowops_runs SET posts = :posts, refused = :refused WHERE run = :run

-- name: posts_of_runs
SELECT run, posts, refused FROM flowops_runs WHERE run = ANY (:runs)

-- The newest first.
-- name: runs
SELECT run, who, host, job, "commit", started_at, ended_at, posts FROM flowops_runs
WHERE ledger = :ledger AND started_at >= :since
ORDER BY started_at DESC, run DESC
LIMIT :limit

-- name: who_runs
SELECT who, host FROM flowops_runs WHERE run = :run

-- name: open_runs
SELECT run FROM flowops_runs WHERE ledger = :ledger AND ended_at IS NULL

-- name: end_open_runs
UPDATE flowops_runs SET ended_at = :at WHERE run = ANY (:runs) AND ended_at IS NULL

-- Those that left nothing open.
-- name: delete_runs
DELETE FROM flowops_runs
WHERE ledger = :ledger AND ended_at < :before AND run NOT IN (
  SELECT run FROM flowops_calls WHERE ledger = :ledger AND state = 'in-flight' AND run IS NOT NULL
)

-- What is so of a ledger for all runs, in one trip: see `flowops.ledger.reader.Standing`.
-- name: open_stop
SELECT stops.at, stops.who, stops.host, stops.reason, suspicion, next_slot, paused_until,
  EXISTS (SELECT 1 FROM flowops_blocked WHERE ledger = :ledger AND lifted_at IS NULL),
  EXISTS (SELECT 1 FROM flowops_campaigns WHERE ledger = :ledger AND state IN ('running', 'paused'))
FROM flowops_ledgers
LEFT JOIN (
  SELECT at, who, host, reason FROM flowops_stops
  WHERE ledger = :ledger AND resumed_at IS NULL
  ORDER BY at
  LIMIT 1
) AS stops ON TRUE
WHERE flowops_ledgers.number = :ledger

-- name: insert_stop
INSERT INTO flowops_stops (id, ledger, at, who, host, reason)
VALUES (:id, :ledger, :at, :who, :host, :reason)

-- name: resume
UPDATE flowops_stops SET resumed_at = :at, resumed_by = :by
WHERE ledger = :ledger AND resumed_at IS NULL

-- name: throttle
SELECT until FROM flowops_throttle WHERE ledger = :ledger AND key = :key

-- name: set_throttle
INSERT INTO flowops_throttle (ledger, key, until) VALUES (:ledger, :key, :until)
ON CONFLICT (ledger, key) DO UPDATE SET until = excluded.until

-- Runs, and what keeps them from claiming.

-- name: insert_run
INSERT INTO flowops_runs (run, environment, who, host, job, "commit", started_at)
VALUES (:run, :environment, :who, :host, :job, :commit, :at)
ON CONFLICT DO NOTHING

-- name: end_run
UPDATE flowops_runs SET ended_at = :at WHERE run = :run

-- name: open_runs
SELECT run FROM flowops_runs WHERE environment = :environment AND ended_at IS NULL

-- name: end_open_runs
UPDATE flowops_runs SET ended_at = :at WHERE run = ANY (:runs) AND ended_at IS NULL

-- Those that left nothing open.
-- name: delete_runs
DELETE FROM flowops_runs
WHERE environment = :environment AND ended_at < :before AND run NOT IN (
  SELECT run FROM flowops_calls WHERE environment = :environment AND state = 'in-flight' AND run IS NOT NULL
)

-- name: open_stop
SELECT at, who, host, reason FROM flowops_stops
WHERE environment = :environment AND resumed_at IS NULL
ORDER BY at
LIMIT 1

-- name: insert_stop
INSERT INTO flowops_stops (id, environment, at, who, host, reason)
VALUES (:id, :environment, :at, :who, :host, :reason)

-- name: resume
UPDATE flowops_stops SET resumed_at = :at, resumed_by = :by
WHERE environment = :environment AND resumed_at IS NULL

-- name: throttle
SELECT until FROM flowops_throttle WHERE environment = :environment AND key = :key

-- name: set_throttle
INSERT INTO flowops_throttle (environment, key, until) VALUES (:environment, :key, :until)
ON CONFLICT (environment, key) DO UPDATE SET until = excluded.until

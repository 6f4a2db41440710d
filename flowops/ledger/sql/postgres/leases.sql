-- A run's lease: a heartbeat by the server's clock, and an advisory lock of a session of its own.

-- Which server this is: after a promotion its timeline is another, and in another cluster its system.
-- name: origin
SELECT
  (SELECT system_identifier::text FROM pg_control_system()),
  CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END,
  current_setting('synchronous_standby_names') <> '' AND current_setting('synchronous_commit') IN ('on', 'remote_apply')

-- A session is known by a mark: behind a connection pooler that hands sessions round it is not there, or another's.
-- name: mark_session
SELECT set_config('flowops.session', :mark, false)

-- name: session_mark
SELECT current_setting('flowops.session', true)

-- name: clock
SELECT extract(epoch FROM clock_timestamp())::double precision

-- name: take_lease
SELECT pg_try_advisory_lock(:lock)

-- name: release_leases
SELECT pg_advisory_unlock_all()

-- One that has ended is not renewed: others may have acted on that. Nor is one of a ledger that moves: it takes no
-- writes, and no run of it lives.
-- name: renew_lease
UPDATE flowops_runs SET beat_at = clock_timestamp()
WHERE run = :run AND ended_at IS NULL AND beat_at > clock_timestamp() - make_interval(secs => :lease)
  AND EXISTS (SELECT 1 FROM flowops_ledgers WHERE number = ledger AND seal = '')

-- Whether it lasts, and for long enough: no heartbeat is as old as that. And what time it is.
-- name: lease
SELECT ended_at IS NULL AND beat_at > clock_timestamp() - make_interval(secs => :lease),
  beat_at > clock_timestamp() - make_interval(secs => :enough), extract(epoch FROM clock_timestamp())::double precision
FROM flowops_runs WHERE run = :run

-- name: beating
SELECT run FROM flowops_runs
WHERE run = ANY (:runs) AND ended_at IS NULL AND beat_at > clock_timestamp() - make_interval(secs => :seconds)

-- Whoever cannot share a lock knows that somebody holds it.
-- name: share_leases
SELECT pg_try_advisory_xact_lock_shared(lock) FROM unnest(:locks::bigint[]) AS lock

-- name: lease_ages
SELECT run, extract(epoch FROM clock_timestamp() - beat_at)::double precision FROM flowops_runs
WHERE ledger = :ledger AND ended_at IS NULL

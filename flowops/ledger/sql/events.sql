-- The chain of events. The columns come in the order of `flowops.ledger.chain.Event`.

-- name: events
SELECT serial, reference_id, event_type, state, at, details, details_hash, previous, hash
FROM flowops_events
WHERE ledger = :ledger AND serial > :after
ORDER BY serial
LIMIT :limit

-- name: events_of
SELECT serial, reference_id, event_type, state, at, details, details_hash, previous, hash
FROM flowops_events
WHERE ledger = :ledger AND reference_id = :reference AND serial > :after
ORDER BY serial
LIMIT :limit

-- name: event_hash
SELECT hash FROM flowops_events WHERE ledger = :ledger AND serial = :serial

-- name: last_event
SELECT serial, hash FROM flowops_events WHERE ledger = :ledger ORDER BY serial DESC LIMIT 1

-- What a purge takes out: of all events up to its own.
-- name: forget_details
UPDATE flowops_events SET details = NULL
WHERE ledger = :ledger AND serial <= :last AND reference_id = ANY (:references)

-- name: last_purges
SELECT reference_id, max(serial)
FROM flowops_events
WHERE ledger = :ledger AND event_type = 'purged' AND reference_id = ANY (:references)
GROUP BY reference_id

-- The first call that has no row, or one that is not of its last event.
-- name: call_behind_its_events
SELECT ended.reference_id, ended.serial, flowops_calls.serial
FROM (
  SELECT reference_id, max(serial) AS serial FROM flowops_events WHERE ledger = :ledger GROUP BY reference_id
) AS ended
LEFT JOIN flowops_calls
  ON flowops_calls.environment = (SELECT environment FROM flowops_ledgers WHERE id = :ledger)
  AND flowops_calls.reference_id = ended.reference_id
WHERE flowops_calls.serial IS NULL OR flowops_calls.serial <> ended.serial
ORDER BY ended.serial
LIMIT 1

-- name: events_of_rows
SELECT flowops_events.serial, flowops_events.reference_id, flowops_events.state, flowops_events.details
FROM flowops_events
JOIN flowops_calls
  ON flowops_calls.environment = :environment AND flowops_calls.serial = flowops_events.serial
  AND flowops_calls.reference_id = flowops_events.reference_id
WHERE flowops_events.ledger = :ledger AND flowops_events.reference_id = ANY (:references)

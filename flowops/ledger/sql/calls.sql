-- Calls and their legs. The columns of a call come in the order of `flowops.ledger.states.CallRow`.

-- name: calls
SELECT reference_id, state, before_claim, fingerprint, body, attempts, run, error, claimed_at, updated_at, purged, serial
FROM flowops_calls
WHERE environment = :environment AND reference_id = ANY (:references)

-- name: page_of_calls
SELECT reference_id, state, before_claim, fingerprint, body, attempts, run, error, claimed_at, updated_at, purged, serial
FROM flowops_calls
WHERE environment = :environment AND reference_id > :after
ORDER BY reference_id
LIMIT :limit

-- name: page_of_entries
SELECT reference_id, state, before_claim, fingerprint, body, attempts, run, error, claimed_at, updated_at, purged, serial
FROM flowops_calls
WHERE environment = :environment AND reference_id > :after
  AND state IS NOT NULL AND reference_id LIKE :pattern ESCAPE '\'
ORDER BY reference_id
LIMIT :limit

-- Of one state, so that its index gives the rows in their order, and none is read that is not asked for.
-- name: page_of_entries_in
SELECT reference_id, state, before_claim, fingerprint, body, attempts, run, error, claimed_at, updated_at, purged, serial
FROM flowops_calls
WHERE environment = :environment AND state = :state AND reference_id > :after
  AND reference_id LIKE :pattern ESCAPE '\'
ORDER BY reference_id
LIMIT :limit

-- name: legs
SELECT reference_id, callee, shown, call_id, error, code, description
FROM flowops_legs
WHERE environment = :environment AND reference_id = ANY (:references)
ORDER BY reference_id, position

-- name: delete_legs
DELETE FROM flowops_legs WHERE environment = :environment AND reference_id = ANY (:references)

-- With a condition on the state SQLite would go through all calls of that state, for each thousand again.
-- name: fingerprints
SELECT reference_id, fingerprint, state
FROM flowops_calls
WHERE environment = :environment AND reference_id = ANY (:references)

-- name: count_by_state
SELECT state, count(*) FROM flowops_calls WHERE environment = :environment AND state IS NOT NULL GROUP BY state

-- name: count_by_code
SELECT code, count(*)
FROM flowops_legs
WHERE environment = :environment AND code IS NOT NULL
GROUP BY code
ORDER BY code

-- name: count_claimed_since
SELECT count(*) FROM flowops_calls
WHERE environment = :environment AND claimed_at >= :since AND state = ANY (:states)

-- Neither of the next two asks for the time: there are few calls to one callee and few without an answer, and only
-- without a condition on the time does SQLite take the index that finds these, not the one of all calls in that time.

-- Of calls of which something has been told: they have legs.
-- name: callees_answered
SELECT flowops_legs.callee, flowops_calls.claimed_at
FROM flowops_legs
JOIN flowops_calls
  ON flowops_calls.environment = flowops_legs.environment AND flowops_calls.reference_id = flowops_legs.reference_id
WHERE flowops_legs.environment = :environment AND flowops_legs.callee = ANY (:callees)
  AND flowops_calls.state = ANY (:states)

-- Of calls of which nothing has been told yet: they have no legs. A placed call has some.
-- name: bodies_unanswered
SELECT flowops_calls.body, flowops_calls.claimed_at
FROM flowops_calls
LEFT JOIN flowops_legs
  ON flowops_calls.environment = flowops_legs.environment AND flowops_calls.reference_id = flowops_legs.reference_id
WHERE flowops_calls.environment = :environment AND flowops_calls.state = ANY (:states)
  AND flowops_legs.reference_id IS NULL

-- name: calls_to_purge
SELECT reference_id FROM flowops_calls
WHERE environment = :environment AND (state = ANY (:states) OR state IS NULL)
  AND updated_at < :before AND NOT purged
LIMIT :limit

-- name: calls_in_flight
SELECT reference_id, run FROM flowops_calls
WHERE environment = :environment AND state = 'in-flight'
ORDER BY reference_id

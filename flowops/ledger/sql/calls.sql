-- Calls and their legs. The columns of a call come in the order of `flowops.ledger.states.CallRow`; its body and
-- the time of its last event are kept once, with the events.
--
-- SQLite takes an index for any condition on a state, and goes through all calls then: where some calls are asked for,
-- a condition is written so that no index has it.

-- name: calls
SELECT reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at, renamed, words, naming,
  purged, cancelled_from, refused, serial,
  (SELECT at FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.serial),
  (SELECT body FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.claim)
FROM flowops_calls
WHERE ledger = :ledger AND reference_id = ANY (:references)

-- name: page_of_calls
SELECT reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at, renamed, words, naming,
  purged, cancelled_from, refused, serial,
  (SELECT at FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.serial),
  (SELECT body FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.claim)
FROM flowops_calls
WHERE ledger = :ledger AND reference_id > :after
ORDER BY reference_id
LIMIT :limit

-- name: page_of_entries
SELECT reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at, renamed, words, naming,
  purged, cancelled_from, refused, serial,
  (SELECT at FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.serial),
  (SELECT body FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.claim)
FROM flowops_calls
WHERE ledger = :ledger AND reference_id > :after
  AND state IS NOT NULL AND reference_id LIKE :pattern ESCAPE '\'
ORDER BY reference_id
LIMIT :limit

-- Of any name, and without bodies, which are most of what is read.
-- name: page_of_rows
SELECT reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at, renamed, words, naming,
  purged, cancelled_from, refused, serial,
  (SELECT at FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.serial),
  NULL
FROM flowops_calls
WHERE ledger = :ledger AND reference_id > :after
  AND state IS NOT NULL
ORDER BY reference_id
LIMIT :limit

-- Of one state, so that its index gives the rows in their order, and none is read that is not asked for.
-- name: page_of_entries_in
SELECT reference_id, state, before_claim, fingerprint, claim, attempts, run, error, claimed_at, renamed, words, naming,
  purged, cancelled_from, refused, serial,
  (SELECT at FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.serial),
  (SELECT body FROM flowops_events WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.claim)
FROM flowops_calls
WHERE ledger = :ledger AND state = :state AND reference_id > :after
  AND reference_id LIKE :pattern ESCAPE '\'
ORDER BY reference_id
LIMIT :limit

-- Of calls whose claims have labels: those of some of the actors, whose numbers are below 0. One that was renamed since
-- has the claim under its new name.
-- name: labelled_calls
WITH RECURSIVE named (reference_id, claim) AS (
  SELECT reference_id, serial FROM flowops_events
  WHERE ledger = :ledger AND actor = ANY (:actors) AND actor < 0
  UNION
  SELECT flowops_calls.renamed, named.claim FROM named
  JOIN flowops_calls
    ON flowops_calls.ledger = :ledger AND flowops_calls.reference_id = named.reference_id
      AND flowops_calls.state = 'renamed'
)
SELECT flowops_calls.reference_id FROM named
CROSS JOIN flowops_calls
WHERE flowops_calls.ledger = :ledger AND flowops_calls.reference_id = named.reference_id
  AND flowops_calls.claim = named.claim AND coalesce(flowops_calls.state, '') <> ''

-- name: actors_of_calls
SELECT flowops_calls.reference_id, flowops_events.actor
FROM flowops_calls
JOIN flowops_events
  ON flowops_events.ledger = flowops_calls.ledger AND flowops_events.serial = flowops_calls.claim
WHERE flowops_calls.ledger = :ledger AND flowops_calls.reference_id = ANY (:references)

-- name: oldest_claim_in
SELECT min(claimed_at || '') FROM flowops_calls WHERE ledger = :ledger AND state = :state

-- name: references_in
SELECT reference_id FROM flowops_calls
WHERE ledger = :ledger AND state = ANY (:states)

-- name: partly_refused
SELECT reference_id FROM flowops_calls
WHERE ledger = :ledger AND refused > 0
ORDER BY reference_id

-- name: legs
SELECT reference_id, callee, shown, call_id, error, code, description, later
FROM flowops_legs
WHERE ledger = :ledger AND reference_id = ANY (:references)
ORDER BY reference_id, position

-- With how often they were claimed, and what was kept with the last claim.
-- name: tried
SELECT flowops_calls.reference_id, flowops_calls.state, flowops_calls.claimed_at, attempts, flowops_events.details
FROM flowops_calls
LEFT JOIN flowops_events
  ON flowops_events.ledger = flowops_calls.ledger AND flowops_events.serial = flowops_calls.claim
WHERE flowops_calls.ledger = :ledger AND flowops_calls.reference_id = ANY (:references)
  AND coalesce(flowops_calls.state, '') <> ''

-- What was kept with the claims of those of which it is marked so.
-- name: claims_with
SELECT flowops_calls.reference_id, flowops_events.details
FROM flowops_calls
JOIN flowops_events
  ON flowops_events.ledger = flowops_calls.ledger AND flowops_events.serial = flowops_calls.claim
WHERE flowops_calls.ledger = :ledger AND flowops_calls.reference_id = ANY (:references)
  AND coalesce(flowops_calls.state, '') <> '' AND flowops_events.details LIKE :marked

-- Those that were claimed to be tried more than once, by a pattern of their names.
-- name: claimed_with_attempts
SELECT reference_id FROM flowops_calls
WHERE ledger = :ledger AND reference_id LIKE :pattern ESCAPE '\' AND coalesce(state, '') <> '' AND (
  SELECT details FROM flowops_events
  WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.claim
) LIKE :marked
ORDER BY reference_id

-- Few references have what stands between a call's own name and the number of an attempt. Of a call that was purged, or
-- that only evidence has told of, it is not known how often it was to be tried.
-- name: count_further
SELECT count(*)
FROM flowops_calls AS further
JOIN flowops_calls AS first
  ON first.ledger = further.ledger AND first.reference_id = substr(
    further.reference_id, 1, length(rtrim(further.reference_id, '0123456789')) - 1
  )
LEFT JOIN flowops_events AS claim
  ON claim.ledger = first.ledger AND claim.serial = first.claim
WHERE further.ledger = :ledger
  AND CASE WHEN replace(further.reference_id, '~', '') = further.reference_id THEN 0 ELSE 1 END = 1
  AND coalesce(further.state, 'renamed') <> 'renamed'
  AND rtrim(further.reference_id, '0123456789') LIKE :behind AND (first.claim = 0 OR claim.details LIKE :marked)

-- name: codes_of
SELECT reference_id, code, later
FROM flowops_legs
WHERE ledger = :ledger AND reference_id = ANY (:references) AND code IS NOT NULL
ORDER BY reference_id, position

-- name: delete_legs
DELETE FROM flowops_legs WHERE ledger = :ledger AND reference_id = ANY (:references)

-- With a condition on the state SQLite would go through all calls of that state, for each thousand again.
-- name: fingerprints
SELECT reference_id, fingerprint, state, refused
FROM flowops_calls
WHERE ledger = :ledger AND reference_id = ANY (:references)

-- name: count_of
SELECT count(CASE WHEN state IS NOT NULL THEN serial END)
FROM flowops_calls
WHERE ledger = :ledger AND reference_id = ANY (:references)

-- name: count_by_state
SELECT counted, calls, phones FROM flowops_counts WHERE ledger = :ledger AND counted = ANY (:states)

-- name: count_by_code
SELECT code, count(*)
FROM flowops_legs
WHERE ledger = :ledger AND code IS NOT NULL
GROUP BY code
ORDER BY code

-- Of the ten minutes in which the time lies, the calls themselves.
-- name: count_claimed_since
SELECT
  (SELECT coalesce(sum(phones), 0) FROM flowops_counts WHERE ledger = :ledger AND counted BETWEEN :whole AND '9999')
  + (
    SELECT coalesce(sum(phones), 0) FROM flowops_calls
    WHERE ledger = :ledger AND claimed_at >= :since AND claimed_at < :whole
      AND (state = ANY (:states) OR cancelled_from = 'in-doubt')
  )

-- What the counts have to be.
-- name: counted
SELECT state, count(*), sum(phones) FROM flowops_calls
WHERE ledger = :ledger AND state IS NOT NULL
GROUP BY state
UNION ALL
SELECT substr(claimed_at, 1, 15), count(*), sum(phones) FROM flowops_calls
WHERE ledger = :ledger AND (state = ANY (:states) OR cancelled_from = 'in-doubt')
GROUP BY substr(claimed_at, 1, 15)

-- name: counts
SELECT counted, calls, phones FROM flowops_counts WHERE ledger = :ledger AND calls <> 0

-- The last one is looked at: any would do, but PostgreSQL would go through all of them to find it.
-- name: has_claimed_since
SELECT EXISTS (
  SELECT 1 FROM (
    SELECT 1 FROM flowops_calls WHERE ledger = :ledger AND claimed_at >= :since ORDER BY claimed_at DESC LIMIT 1
  ) AS last
)

-- Whatever became of them. The labels of a call are kept with who claimed it, as canonical JSON: a quote inside a text is
-- escaped there, so that nothing else looks like a label.
-- name: count_labelled_since
SELECT coalesce(sum(phones), 0) FROM flowops_calls
WHERE ledger = :ledger AND claimed_at >= :since AND coalesce(state, '') <> '' AND (
  SELECT actor FROM flowops_events
  WHERE flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.claim
) IN (SELECT number FROM flowops_actors WHERE ledger = :ledger AND actor LIKE :labelled)

-- Neither of the next two asks for the time: there are few calls to one callee and few without an answer, and only
-- without a condition on the time does SQLite take the index that finds these, not the one of all calls in that time.

-- Of calls of which something has been told: they have legs. So has a call in doubt that was cancelled.
-- name: callees_answered
SELECT flowops_legs.callee, flowops_calls.claimed_at
FROM flowops_legs
JOIN flowops_calls
  ON flowops_calls.ledger = flowops_legs.ledger AND flowops_calls.reference_id = flowops_legs.reference_id
WHERE flowops_legs.ledger = :ledger AND flowops_legs.callee = ANY (:callees)
  AND (flowops_calls.state = ANY (:states) OR flowops_calls.cancelled_from = 'in-doubt')

-- Of calls of which nothing has been told yet: they have no legs. A placed call has some.
-- name: bodies_unanswered
SELECT flowops_events.body, flowops_calls.claimed_at
FROM flowops_calls
JOIN flowops_events
  ON flowops_events.ledger = flowops_calls.ledger AND flowops_events.serial = flowops_calls.claim
LEFT JOIN flowops_legs
  ON flowops_calls.ledger = flowops_legs.ledger AND flowops_calls.reference_id = flowops_legs.reference_id
WHERE flowops_calls.ledger = :ledger AND flowops_calls.state = ANY (:states)
  AND flowops_legs.reference_id IS NULL

-- Of one state, or of those that only count attempts, so that an index gives them.
-- name: often_claimed
SELECT reference_id FROM flowops_calls WHERE ledger = :ledger AND state IS NULL AND attempts >= :least
UNION ALL
SELECT reference_id FROM flowops_calls WHERE ledger = :ledger AND state = 'rejected' AND attempts >= :least
ORDER BY reference_id

-- name: calls_to_purge
SELECT flowops_calls.reference_id
FROM flowops_calls
CROSS JOIN flowops_events
WHERE flowops_events.ledger = flowops_calls.ledger AND flowops_events.serial = flowops_calls.serial
  AND flowops_calls.ledger = :ledger AND flowops_calls.reference_id > :after
  AND (flowops_calls.state = ANY (:states) OR flowops_calls.state IS NULL)
  AND flowops_events.at < :before AND NOT flowops_calls.purged
ORDER BY flowops_calls.reference_id
LIMIT :limit

-- These, and those that became one of them.
-- name: names_of_calls
WITH RECURSIVE names (reference_id) AS (
  SELECT reference_id FROM flowops_calls WHERE ledger = :ledger AND reference_id = ANY (:references)
  UNION
  SELECT flowops_calls.reference_id FROM names
  JOIN flowops_calls
    ON flowops_calls.ledger = :ledger AND flowops_calls.renamed = names.reference_id AND flowops_calls.state = 'renamed'
)
SELECT reference_id FROM names ORDER BY reference_id

-- What may have been placed with these words.
-- name: calls_with_words
SELECT words, naming, reference_id FROM flowops_calls
WHERE ledger = :ledger AND words = ANY (:words) AND (state <> 'rejected' AND state <> 'renamed')
ORDER BY words, reference_id

-- name: calls_in_flight
SELECT reference_id, run FROM flowops_calls
WHERE ledger = :ledger AND state = 'in-flight'
ORDER BY reference_id

-- The chain of events. The columns come in the order of `flowops.ledger.chain.Event`.

-- name: events
SELECT serial, reference_id, event_type, state, at, earlier, actor, details, body, details_hash, hash
FROM flowops_events
WHERE ledger = :ledger AND serial > :after
ORDER BY serial
LIMIT :limit

-- From the last one, which its row names, to the first; with those of references that became this one.
-- name: events_of
WITH RECURSIVE names (reference_id) AS (
  SELECT reference_id FROM flowops_calls WHERE ledger = :ledger AND reference_id = :reference
  UNION
  SELECT flowops_calls.reference_id FROM names
  JOIN flowops_calls
    ON flowops_calls.ledger = :ledger AND flowops_calls.renamed = names.reference_id AND flowops_calls.state = 'renamed'
),
history (serial) AS (
  SELECT serial FROM flowops_calls
  JOIN names ON names.reference_id = flowops_calls.reference_id
  WHERE flowops_calls.ledger = :ledger
  UNION ALL
  SELECT earlier FROM history
  JOIN flowops_events ON flowops_events.ledger = :ledger AND flowops_events.serial = history.serial
  WHERE earlier IS NOT NULL
)
SELECT flowops_events.serial, reference_id, event_type, state, at, earlier, actor, details, body, details_hash, hash
FROM history
CROSS JOIN flowops_events
WHERE flowops_events.ledger = :ledger AND flowops_events.serial = history.serial
ORDER BY flowops_events.serial

-- Those of calls that may be placed again, and have been claimed so often at least; oldest first. With the imports of
-- calls, which may have been given up elsewhere.
-- The history comes first, which CROSS says to SQLite: it would go through all events, since that is their order.
-- name: refusals_of
WITH RECURSIVE history (reference_id, serial) AS (
  SELECT reference_id, serial FROM flowops_calls
  WHERE ledger = :ledger AND reference_id = ANY (:references)
    AND attempts >= :least AND (state IS NULL OR state = 'rejected')
  UNION ALL
  SELECT history.reference_id, earlier FROM history
  JOIN flowops_events ON flowops_events.ledger = :ledger AND flowops_events.serial = history.serial
  WHERE earlier IS NOT NULL
)
SELECT history.reference_id, flowops_events.at, flowops_actors.actor, flowops_events.details
FROM history
CROSS JOIN flowops_events
JOIN flowops_actors
  ON flowops_actors.ledger = flowops_events.ledger AND flowops_actors.number = flowops_events.actor
WHERE flowops_events.ledger = :ledger AND flowops_events.serial = history.serial
  AND flowops_events.event_type IN ('refused', 'forbidden', 'imported')
ORDER BY flowops_events.serial

-- When calls that are finished became so, under whatever name.
-- name: finish_times
WITH RECURSIVE names (reference_id, name) AS (
  SELECT reference_id, reference_id FROM flowops_calls
  WHERE ledger = :ledger AND reference_id = ANY (:references) AND state = 'finished'
  UNION
  SELECT names.reference_id, flowops_calls.reference_id FROM names
  JOIN flowops_calls
    ON flowops_calls.ledger = :ledger AND flowops_calls.renamed = names.name AND flowops_calls.state = 'renamed'
),
history (reference_id, serial) AS (
  SELECT names.reference_id, serial FROM names
  JOIN flowops_calls ON flowops_calls.ledger = :ledger AND flowops_calls.reference_id = names.name
  UNION ALL
  SELECT history.reference_id, earlier FROM history
  JOIN flowops_events ON flowops_events.ledger = :ledger AND flowops_events.serial = history.serial
  WHERE earlier IS NOT NULL AND (state = 'finished' OR state = 'renamed')
)
SELECT history.reference_id, min(at)
FROM history
JOIN flowops_events ON flowops_events.ledger = :ledger AND flowops_events.serial = history.serial
WHERE state = 'finished'
GROUP BY history.reference_id

-- When calls were claimed first, under whatever name; a claim that left the call as it was before is none.
-- name: first_claims
WITH RECURSIVE names (reference_id, name) AS (
  SELECT reference_id, reference_id FROM flowops_calls
  WHERE ledger = :ledger AND reference_id = ANY (:references)
  UNION
  SELECT names.reference_id, flowops_calls.reference_id FROM names
  JOIN flowops_calls
    ON flowops_calls.ledger = :ledger AND flowops_calls.renamed = names.name AND flowops_calls.state = 'renamed'
),
history (reference_id, event_type, state, at, earlier) AS (
  SELECT names.reference_id, event_type, flowops_events.state, at, earlier
  FROM names
  JOIN flowops_calls ON flowops_calls.ledger = :ledger AND flowops_calls.reference_id = names.name
  JOIN flowops_events ON flowops_events.ledger = :ledger AND flowops_events.serial = flowops_calls.serial
  UNION ALL
  SELECT
    history.reference_id, flowops_events.event_type, flowops_events.state, flowops_events.at, flowops_events.earlier
  FROM history
  JOIN flowops_events ON flowops_events.ledger = :ledger AND flowops_events.serial = history.earlier
  WHERE history.state IS NOT NULL
)
SELECT reference_id, min(at) FROM history WHERE event_type = 'claimed' GROUP BY reference_id

-- What each actor has done since a time. The events are walked back from the last to the first from before it, so that
-- no older one is read.
-- name: count_by_actor
SELECT actor, event_type, count(*) FROM flowops_events
WHERE ledger = :ledger AND actor IS NOT NULL AND event_type = ANY (:types) AND serial > coalesce(
  (SELECT serial FROM flowops_events WHERE ledger = :ledger AND at < :since ORDER BY serial DESC LIMIT 1), 0
)
GROUP BY actor, event_type

-- name: event_hash
SELECT hash FROM flowops_events WHERE ledger = :ledger AND serial = :serial

-- name: last_event
SELECT serial, hash FROM flowops_events WHERE ledger = :ledger ORDER BY serial DESC LIMIT 1

-- name: last_event_at
SELECT at FROM flowops_events WHERE ledger = :ledger ORDER BY serial DESC LIMIT 1

-- All events of some calls. Each is looked up by itself: of a join PostgreSQL expects so many that it reads them all.
-- name: serials_of
WITH RECURSIVE history (serial) AS (
  SELECT serial FROM flowops_calls WHERE ledger = :ledger AND reference_id = ANY (:references)
  UNION ALL
  SELECT (
    SELECT earlier FROM flowops_events
    WHERE flowops_events.ledger = :ledger AND flowops_events.serial = history.serial
  )
  FROM history WHERE serial IS NOT NULL
)
SELECT serial FROM history WHERE serial IS NOT NULL

-- What a purge takes out of events.
-- name: details_to_forget
SELECT flowops_events.serial, flowops_actors.actor, flowops_events.details, flowops_events.body
FROM flowops_events
JOIN flowops_actors
  ON flowops_actors.ledger = flowops_events.ledger AND flowops_actors.number = flowops_events.actor
WHERE flowops_events.ledger = :ledger AND flowops_events.serial = ANY (:serials)

-- name: forget_details
UPDATE flowops_events SET details_hash = :details_hash, actor = NULL, details = NULL, body = NULL
WHERE ledger = :ledger AND serial = :serial

-- name: last_purges
SELECT reference_id, max(serial)
FROM flowops_events
WHERE ledger = :ledger AND event_type = 'purged' AND reference_id = ANY (:references)
GROUP BY reference_id

-- The first call that has no row, or one that is not of its last event.
-- name: call_behind_its_events
SELECT flowops_events.reference_id, flowops_events.serial, flowops_calls.serial
FROM flowops_events
LEFT JOIN flowops_calls
  ON flowops_calls.ledger = :ledger AND flowops_calls.reference_id = flowops_events.reference_id
WHERE flowops_events.ledger = :ledger
  AND (flowops_calls.serial IS NULL OR flowops_calls.serial < flowops_events.serial)
ORDER BY flowops_events.serial
LIMIT 1

-- name: events_of_rows
SELECT flowops_events.serial, flowops_events.reference_id, flowops_events.state, flowops_events.details
FROM flowops_events
JOIN flowops_calls
  ON flowops_calls.ledger = :ledger AND flowops_calls.serial = flowops_events.serial
  AND flowops_calls.reference_id = flowops_events.reference_id
WHERE flowops_events.ledger = :ledger AND flowops_calls.reference_id = ANY (:references)

-- name: actors
SELECT number, actor FROM flowops_actors WHERE ledger = :ledger

-- name: actor
SELECT number FROM flowops_actors WHERE ledger = :ledger AND actor = :actor

-- name: insert_actor
INSERT INTO flowops_actors (ledger, number, actor)
SELECT :ledger, (coalesce(max(abs(number)), 0) + 1) * :sign, :actor FROM flowops_actors WHERE ledger = :ledger

-- Those that no event names any more.
-- name: forget_actors
DELETE FROM flowops_actors
WHERE ledger = :ledger AND number NOT IN (
  SELECT actor FROM flowops_events WHERE ledger = :ledger AND actor IS NOT NULL
)

-- Campaigns and their batches. The columns come in the order of `flowops.model.campaign.Campaign`.

-- name: insert_campaign
INSERT INTO flowops_campaigns (
  ledger, id, name, state, created_at, starts_at, who, host, "commit", digest, settings, calls, phones, batches, run
)
VALUES (:ledger, :id, :name, 'new', :at, :starts_at, :who, :host, :commit, '', '{}', 0, 0, 0, :run)

-- name: campaigns
SELECT
  id, name, state, why, created_at, starts_at, ended_at, who, host, "commit", digest, settings, calls, phones, batches,
  canary, totals
FROM flowops_campaigns
WHERE ledger = :ledger AND state <> 'new'
ORDER BY created_at DESC, id DESC

-- name: campaign
SELECT
  id, name, state, why, created_at, starts_at, ended_at, who, host, "commit", digest, settings, calls, phones, batches,
  canary, totals
FROM flowops_campaigns
WHERE ledger = :ledger AND (id = :campaign OR name = :campaign) AND state <> 'new'
ORDER BY created_at DESC, id DESC
LIMIT 1

-- name: has_campaigns
SELECT EXISTS (SELECT 1 FROM flowops_campaigns WHERE ledger = :ledger AND state IN ('running', 'paused'))

-- name: begin_campaign
UPDATE flowops_campaigns SET
  state = 'running', digest = :digest, settings = :settings, canary = :canary, calls = :calls, phones = :phones,
  batches = :batches, heard = (SELECT serial FROM flowops_ledgers WHERE number = :ledger)
WHERE ledger = :ledger AND id = :campaign AND state = 'new' AND run = :run

-- name: set_campaign
UPDATE flowops_campaigns SET state = :state, why = :why, ended_at = :ended_at, totals = :totals
WHERE ledger = :ledger AND id = :campaign AND state IN ('running', 'paused')

-- name: end_canary
UPDATE flowops_campaigns SET canary = NULL WHERE ledger = :ledger AND id = :campaign AND canary IS NOT NULL

-- name: unfinished_campaigns
SELECT id, run FROM flowops_campaigns WHERE ledger = :ledger AND state = 'new'

-- From then on no run is the one that writes it.
-- name: disown_campaign
UPDATE flowops_campaigns SET run = '' WHERE ledger = :ledger AND id = :campaign AND state = 'new' AND run = :run

-- name: ended_campaigns
SELECT id FROM flowops_campaigns
WHERE ledger = :ledger AND state IN ('finished', 'cancelled') AND ended_at < :before

-- name: delete_campaign
DELETE FROM flowops_campaigns WHERE ledger = :ledger AND id = :campaign

-- name: insert_batch
INSERT INTO flowops_batches (ledger, campaign, number, turn, due_at, calls, sealed)
VALUES (:ledger, :campaign, :number, 0, :due_at, :calls, :sealed)

-- name: sealed_batch
SELECT turn, calls, sealed FROM flowops_batches WHERE ledger = :ledger AND campaign = :campaign AND number = :number

-- Those of campaigns that are placed, without what is held back until a canary is judged.
-- name: open_batches
SELECT campaign, flowops_batches.number, turn, due_at
FROM flowops_batches
INNER JOIN flowops_campaigns ON flowops_campaigns.ledger = flowops_batches.ledger AND id = campaign
WHERE
  flowops_batches.ledger = :ledger AND state = 'running' AND done_at IS NULL
  AND (canary IS NULL OR flowops_batches.number = 0)
ORDER BY due_at, campaign, flowops_batches.number

-- How many are left of each campaign that is placed, and when the first of them is due.
-- name: left_of_campaigns
SELECT campaign, count(*), min(due_at)
FROM flowops_batches
INNER JOIN flowops_campaigns ON flowops_campaigns.ledger = flowops_batches.ledger AND id = campaign
WHERE
  flowops_batches.ledger = :ledger AND state = 'running' AND done_at IS NULL
  AND (canary IS NULL OR flowops_batches.number = 0)
GROUP BY campaign

-- name: waiting
SELECT campaign, state, flowops_batches.number, canary, flowops_batches.calls, waiting
FROM flowops_batches
INNER JOIN flowops_campaigns ON flowops_campaigns.ledger = flowops_batches.ledger AND id = campaign
WHERE flowops_batches.ledger = :ledger AND state IN ('running', 'paused') AND done_at IS NULL

-- How far the outcomes were asked for of the campaign for which that was longest ago, and how far the ledger goes.
-- name: heard_of_campaigns
SELECT min(heard), (SELECT serial FROM flowops_ledgers WHERE number = :ledger)
FROM flowops_campaigns
WHERE ledger = :ledger AND state = 'running'

-- name: hear_campaigns
UPDATE flowops_campaigns SET heard = :serial WHERE ledger = :ledger AND state = 'running' AND heard < :serial

-- Calls that have finished, and those that an operator has made placeable again, or may have.
-- name: told_between
SELECT reference_id, state = 'finished' FROM flowops_events
WHERE
  ledger = :ledger AND serial > :heard AND serial <= :until
  AND (state = 'finished' OR event_type IN ('resolved-not-placed', 'cancel-undone'))

-- Of calls whose campaigns are placed; also those that are done.
-- name: batches_of
SELECT reference_id, flowops_scheduled.campaign, batch, turn, due_at, done_at IS NOT NULL, again_at, waiting
FROM flowops_scheduled
INNER JOIN flowops_campaigns ON flowops_campaigns.ledger = flowops_scheduled.ledger AND id = flowops_scheduled.campaign
INNER JOIN flowops_batches ON
  flowops_batches.ledger = flowops_scheduled.ledger AND flowops_batches.campaign = flowops_scheduled.campaign
  AND flowops_batches.number = batch
WHERE flowops_scheduled.ledger = :ledger AND reference_id = ANY (:references) AND state = 'running'

-- name: set_again_at
UPDATE flowops_batches SET again_at = :at WHERE ledger = :ledger AND campaign = :campaign AND number = :number

-- name: set_waiting
UPDATE flowops_batches SET waiting = :waiting WHERE ledger = :ledger AND campaign = :campaign AND number = :number

-- name: again_at
SELECT again_at FROM flowops_batches WHERE ledger = :ledger AND campaign = :campaign AND number = :number

-- name: advance_batch
UPDATE flowops_batches SET
  turn = turn + 1, due_at = :due_at, done_at = :done_at, waiting = :waiting, again_at = NULL
WHERE ledger = :ledger AND campaign = :campaign AND number = :number AND turn = :turn

-- Of one that is not due yet; what its calls wait for stays as it was found.
-- name: bring_forward_batch
UPDATE flowops_batches SET turn = turn + 1, due_at = :due_at
WHERE ledger = :ledger AND campaign = :campaign AND number = :number AND turn = :turn

-- name: reopen_batch
UPDATE flowops_batches SET turn = turn + 1, due_at = :due_at, done_at = NULL
WHERE ledger = :ledger AND campaign = :campaign AND number = :number AND turn = :turn AND done_at IS NOT NULL

-- name: hasten_batches
UPDATE flowops_batches SET turn = turn + 1, due_at = :at
WHERE ledger = :ledger AND campaign = ANY (:campaigns) AND done_at IS NULL AND due_at > :at AND due_at <= :before

-- name: next_of_batches
SELECT min(due_at) FROM flowops_batches
WHERE ledger = :ledger AND campaign = :campaign AND done_at IS NULL

-- name: delete_batches
DELETE FROM flowops_batches WHERE ledger = :ledger AND campaign = :campaign

-- name: scheduled_among
SELECT reference_id, campaign, name, state, said
FROM flowops_scheduled
INNER JOIN flowops_campaigns ON flowops_campaigns.ledger = flowops_scheduled.ledger AND id = campaign
WHERE flowops_scheduled.ledger = :ledger AND reference_id = ANY (:references)
  AND state IN ('running', 'paused')

-- name: scheduled
SELECT reference_id FROM flowops_scheduled WHERE ledger = :ledger AND campaign = :campaign ORDER BY reference_id

-- Calls by the state of their newest attempt: R~2 and so on are attempts of R.
-- name: count_scheduled
SELECT state, count(*)
FROM flowops_scheduled
LEFT JOIN flowops_calls ON flowops_calls.ledger = flowops_scheduled.ledger AND flowops_calls.reference_id = coalesce(
  (
    SELECT further.reference_id FROM flowops_calls AS further
    WHERE
      further.ledger = flowops_scheduled.ledger AND further.state IS NOT NULL
      AND further.reference_id > flowops_scheduled.reference_id || '~'
      AND further.reference_id < flowops_scheduled.reference_id || '~:'
      AND rtrim(substr(further.reference_id, length(flowops_scheduled.reference_id) + 2), '0123456789') = ''
    ORDER BY length(further.reference_id) DESC, further.reference_id DESC
    LIMIT 1
  ),
  flowops_scheduled.reference_id
)
WHERE flowops_scheduled.ledger = :ledger AND campaign = :campaign
GROUP BY state

-- Phones for which the API has answered, and those that it has refused, over all attempts.
-- name: count_answered
SELECT state, sum(phones), sum(refused)
FROM (
  SELECT state, phones, refused
  FROM flowops_scheduled
  INNER JOIN flowops_calls ON
    flowops_calls.ledger = flowops_scheduled.ledger AND flowops_calls.reference_id = flowops_scheduled.reference_id
  WHERE flowops_scheduled.ledger = :ledger AND campaign = :campaign
  UNION ALL
  SELECT state, phones, refused
  FROM flowops_scheduled
  INNER JOIN flowops_calls ON
    flowops_calls.ledger = flowops_scheduled.ledger
    AND flowops_calls.reference_id > flowops_scheduled.reference_id || '~'
    AND flowops_calls.reference_id < flowops_scheduled.reference_id || '~:'
    AND rtrim(substr(flowops_calls.reference_id, length(flowops_scheduled.reference_id) + 2), '0123456789') = ''
  WHERE flowops_scheduled.ledger = :ledger AND campaign = :campaign
) AS answered
GROUP BY state

-- name: delete_scheduled
DELETE FROM flowops_scheduled
WHERE ledger = :ledger AND campaign = :campaign AND reference_id IN (
  SELECT reference_id FROM flowops_scheduled WHERE ledger = :ledger AND campaign = :campaign LIMIT :limit
)

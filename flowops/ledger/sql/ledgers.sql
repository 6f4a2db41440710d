-- The records of the ledgers in a database, and which migration its tables are at.

-- name: version
SELECT version FROM flowops_version

-- name: set_version
UPDATE flowops_version SET version = :version

-- The columns come in the order of `flowops.ledger.records.Record`.
-- name: ledger
SELECT number, id, serial, head, epoch, key_place, key_check, key, project, environment, api, suspicion, server, seal
FROM flowops_ledgers
WHERE project = :project AND environment = :environment

-- name: ledger_by_id
SELECT number, id, serial, head, epoch, key_place, key_check, key, project, environment, api, suspicion, server, seal
FROM flowops_ledgers
WHERE id = :id

-- name: ledgers
SELECT
  number, id, project, environment, api,
  (SELECT count(*) FROM flowops_calls WHERE flowops_calls.ledger = number AND state IS NOT NULL),
  (
    SELECT coalesce(sum(calls), 0) FROM flowops_campaigns
    WHERE flowops_campaigns.ledger = number AND state IN ('running', 'paused')
  ),
  (SELECT at FROM flowops_events WHERE flowops_events.ledger = number ORDER BY serial DESC LIMIT 1)
FROM flowops_ledgers
ORDER BY number

-- name: insert_ledger
INSERT INTO flowops_ledgers (
  number, project, environment, api, id, serial, head, epoch, key_place, key_check, key
)
SELECT
  coalesce(max(number), 0) + 1, :project, :environment, :api, :id, 0, :head, 0, :key_place, :key_check, :key
FROM flowops_ledgers

-- name: set_suspicion
UPDATE flowops_ledgers SET suspicion = :suspicion WHERE number = :ledger

-- name: set_next_slot
UPDATE flowops_ledgers SET next_slot = :slot WHERE number = :ledger

-- name: pause
UPDATE flowops_ledgers SET paused_until = :until WHERE number = :ledger AND paused_until < :until

-- name: set_server
UPDATE flowops_ledgers SET server = :server WHERE number = :ledger

-- name: suspicion
SELECT suspicion FROM flowops_ledgers WHERE number = :ledger

-- name: accept_copy
UPDATE flowops_ledgers SET epoch = epoch + 1, suspicion = NULL, server = :server WHERE number = :ledger

-- name: insert_acceptance
INSERT INTO flowops_acceptances (ledger, epoch, serial, at, who, reason, suspicion)
SELECT number, epoch + 1, serial, :at, :who, :reason, suspicion FROM flowops_ledgers WHERE number = :ledger

-- name: rename_ledger
UPDATE flowops_ledgers SET project = :project, environment = :environment, api = :api WHERE number = :ledger

-- name: insert_name
INSERT INTO flowops_names (ledger, number, project, environment, api, at, who)
SELECT :ledger, coalesce(max(number), 0) + 1, :project, :environment, :api, :at, :who
FROM flowops_names WHERE ledger = :ledger

-- name: names
SELECT project, environment, api, at, who FROM flowops_names WHERE ledger = :ledger ORDER BY number

-- name: ledger_with_key_place
SELECT id FROM flowops_ledgers WHERE key_place = :key_place LIMIT 1

-- name: checkpoint
SELECT id, serial, head, epoch FROM flowops_ledgers WHERE number = :ledger

-- Writers of one ledger come one after the other: its chain has one end. The lock also ends when a commit does. In one
-- trip with the number of who is going to act, and with what keeps everybody from writing.
-- name: lock_ledger
SELECT id, serial, head, epoch, environment, seal,
  (SELECT flowops_actors.number FROM flowops_actors WHERE flowops_actors.ledger = :ledger AND actor = :actor)
FROM flowops_ledgers WHERE number = :ledger FOR UPDATE

-- name: lock_seal
SELECT seal FROM flowops_ledgers WHERE number = :ledger FOR UPDATE

-- A seal is only set where it is what it was taken for.
-- name: set_seal
UPDATE flowops_ledgers SET seal = :seal WHERE id = :id AND seal = :before

-- name: open_copy
UPDATE flowops_ledgers SET seal = '', epoch = :epoch WHERE id = :id AND seal = :before

-- name: insert_copy
INSERT INTO flowops_ledgers (
  number, project, environment, api, id, serial, head, epoch, key_place, key_check, key, next_slot, paused_until, seal
)
SELECT
  coalesce(max(number), 0) + 1, :project, :environment, :api, :id, :serial, :head, :epoch, :key_place, :key_check,
  :key, :next_slot, :paused_until, :seal
FROM flowops_ledgers

-- name: slots
SELECT next_slot, paused_until FROM flowops_ledgers WHERE number = :ledger

-- name: delete_ledger
DELETE FROM flowops_ledgers WHERE number = :ledger

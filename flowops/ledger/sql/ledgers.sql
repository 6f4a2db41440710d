-- The records of the ledgers in a database, and which migration its tables are at.

-- name: version
SELECT version FROM flowops_version

-- name: set_version
UPDATE flowops_version SET version = :version

-- name: ledger
SELECT id, serial, head, key_place, key_check, key
FROM flowops_ledgers
WHERE environment = :environment

-- name: insert_ledger
INSERT INTO flowops_ledgers (environment, id, serial, head, created_at, key_place, key_check, key)
VALUES (:environment, :id, 0, :head, :created_at, :key_place, :key_check, :key)

-- name: ledger_with_key_place
SELECT id FROM flowops_ledgers WHERE key_place = :key_place LIMIT 1

-- name: checkpoint
SELECT id, serial, head FROM flowops_ledgers WHERE id = :ledger

-- name: environment
SELECT environment FROM flowops_ledgers WHERE id = :ledger

-- Writers of one ledger come one after the other: its chain has one end. The lock also ends when a commit does.
-- name: lock_ledger
SELECT environment, serial, head FROM flowops_ledgers WHERE id = :ledger FOR UPDATE

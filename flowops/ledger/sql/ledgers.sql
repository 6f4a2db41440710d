-- The records of the ledgers in a database, and which migration its tables are at.

-- name: version
SELECT version FROM flowops_version

-- name: set_version
UPDATE flowops_version SET version = :version

-- name: ledger
SELECT number, id, serial, head, key_place, key_check, key
FROM flowops_ledgers
WHERE environment = :environment

-- name: insert_ledger
INSERT INTO flowops_ledgers (number, environment, id, serial, head, created_at, key_place, key_check, key)
SELECT
  coalesce(max(number), 0) + 1, :environment, :id, 0, :head, :created_at, :key_place, :key_check, :key
FROM flowops_ledgers

-- name: ledger_with_key_place
SELECT id FROM flowops_ledgers WHERE key_place = :key_place LIMIT 1

-- name: checkpoint
SELECT id, serial, head FROM flowops_ledgers WHERE number = :ledger

-- Writers of one ledger come one after the other: its chain has one end. The lock also ends when a commit does.
-- name: lock_ledger
SELECT id, serial, head FROM flowops_ledgers WHERE number = :ledger FOR UPDATE

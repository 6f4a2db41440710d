-- Numbers that are never called again. The columns come in the order of `flowops.model.ledger.NumberBlock`.

-- name: has_blocks
SELECT EXISTS (SELECT 1 FROM flowops_blocked WHERE ledger = :ledger AND lifted_at IS NULL)

-- name: blocks_among
SELECT callee, shown, pseudonym, at, who, host, reason, lifted_at, lifted_by, lifted_reason
FROM flowops_blocked
WHERE ledger = :ledger AND callee = ANY (:callees) AND lifted_at IS NULL

-- name: blocks
SELECT shown, pseudonym, at, who, host, reason, lifted_at, lifted_by, lifted_reason
FROM flowops_blocked
WHERE ledger = :ledger
ORDER BY at, id

-- Nothing where the number is blocked already.
-- name: insert_block
INSERT INTO flowops_blocked (id, ledger, callee, shown, pseudonym, at, who, host, reason)
VALUES (:id, :ledger, :callee, :shown, :pseudonym, :at, :who, :host, :reason)
ON CONFLICT DO NOTHING

-- name: lift_block
UPDATE flowops_blocked SET lifted_at = :at, lifted_by = :by, lifted_reason = :reason
WHERE ledger = :ledger AND callee = :callee AND lifted_at IS NULL

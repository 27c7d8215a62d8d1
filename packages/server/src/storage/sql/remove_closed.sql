-- Forgets a closed account ($1) of which nothing is left but what the last piece has counted off.
WITH gone AS (
  DELETE FROM accounts WHERE id = $1 AND closed_at IS NOT NULL RETURNING id
), gone_counts AS (
  DELETE FROM delivery_counts WHERE account_id IN (SELECT id FROM gone)
), gone_new_counts AS (
  DELETE FROM delivery_counts_new WHERE account_id IN (SELECT id FROM gone)
)
SELECT id FROM gone

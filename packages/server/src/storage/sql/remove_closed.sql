-- Forgets a closed account ($1) of which nothing is left but what the last piece has counted off, when no statement of
-- ours that began before it was closed is still under way: until then one could store an event for it.
WITH gone AS (
  DELETE FROM accounts a
  WHERE id = $1 AND closed_at IS NOT NULL
    AND NOT EXISTS (
      SELECT FROM pg_stat_activity s
      WHERE s.datname = current_database() AND s.application_name LIKE 'posthorn%' AND s.pid <> pg_backend_pid()
        AND age(s.backend_xmin) >= age(a.closed_xid::xid))
  RETURNING id
), gone_counts AS (
  DELETE FROM delivery_counts WHERE account_id IN (SELECT id FROM gone)
), gone_new_counts AS (
  DELETE FROM delivery_counts_new WHERE account_id IN (SELECT id FROM gone)
)
SELECT id FROM gone

-- Transactions of our connections ($1: a pattern for their name) that may not see what the transaction $2 has committed.
-- A transaction is known by its lock on itself, which it holds from before its first snapshot until all others see what it has
-- done. Its snapshot alone says too little: it is gone while the commit waits for the disk or for a standby.
SELECT l.virtualxid AS transaction
FROM pg_locks l JOIN pg_stat_activity s USING (pid)
WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.granted
  AND s.datname = current_database() AND s.application_name LIKE $1 AND pid <> pg_backend_pid()
  AND (s.backend_xmin IS NULL OR age(s.backend_xmin) >= age($2::xid8::xid))

-- When a scheduled event is looked at next, where that is not when it is due: an account's contract is not loaded, or a contract
-- has refused it that may be a newer one soon. `infinity`: refused, and not tried again.
ALTER TABLE scheduled_events ADD COLUMN next_try_at timestamptz;
UPDATE scheduled_events SET next_try_at = 'infinity' WHERE error IS NOT NULL;
DROP INDEX scheduled_events_due;
CREATE INDEX scheduled_events_due ON scheduled_events (coalesce(next_try_at, due_at), seq);
-- Accounts in turns. Not quite the same expression: statistics are of quiet times, when nothing is due, and with the same one a plan
-- for one account would read what is due of all.
CREATE INDEX scheduled_events_due_of_account ON scheduled_events (account_id, coalesce(next_try_at, due_at, 'infinity'), seq);
-- How many an account has put down.
CREATE INDEX scheduled_events_waiting ON scheduled_events (account_id) WHERE digest IS NOT NULL AND error IS NULL;
-- Rows come and go as in a queue.
ALTER TABLE scheduled_events SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_cost_delay = 0);

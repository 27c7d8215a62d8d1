-- How things are doing, seen before a delivery is given up.

-- What is being retried. A delivery that succeeds at once never enters it.
CREATE INDEX queue_retrying ON queue (account_id, endpoint_id, id) WHERE attempts > 0;

-- How many deliveries a node finished a second, up to its last heartbeat.
ALTER TABLE nodes ADD COLUMN finished_per_s real NOT NULL DEFAULT 0;

-- What each node has in flight and in memory, as of its last heartbeat: so that one node shows what all of them do.
ALTER TABLE nodes ADD COLUMN in_flight int NOT NULL DEFAULT 0, ADD COLUMN in_memory int NOT NULL DEFAULT 0;

-- Events that could not be published at $1, and will be tried again: each after as long a time as it waits already, at least $2
-- and at most $3 seconds. The others are given as arrays.
UPDATE scheduled_events s
SET next_try_at = $1::timestamptz + least(greatest($1::timestamptz - greatest(s.due_at, s.created_at), make_interval(secs => $2)),
                                          make_interval(secs => $3))
FROM unnest($4::text[], $5::uuid[]) AS late(account_id, id)
WHERE s.account_id = late.account_id AND s.id = late.id

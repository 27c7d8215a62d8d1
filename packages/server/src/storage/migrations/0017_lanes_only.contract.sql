-- Applied when no node runs any more that leases deliveries: should one come back from a long pause, it finds nothing that
-- it could write to.
DROP INDEX queue_waiting;
ALTER TABLE queue DROP COLUMN lease_node;
DROP TABLE paces;

INSERT INTO lanes (endpoint_id, account_id, next_due_at)
SELECT q.endpoint_id, q.account_id, min(q.due_at) FILTER (WHERE e.status IS DISTINCT FROM 'inactive')
FROM queue q LEFT JOIN endpoints e ON e.id = q.endpoint_id
GROUP BY 1, 2
ON CONFLICT (endpoint_id) DO UPDATE SET next_due_at = least(lanes.next_due_at, excluded.next_due_at);

-- Each statement that ends deliveries counts them itself: a trigger would have to keep a copy of every row.
DROP TRIGGER count_ended ON deliveries;

-- Locks lanes that this node ($1) owns, before it looks what is left in them: whoever puts something into a lane that it
-- does not own locks the lane, too.
SELECT l.endpoint_id FROM lanes l
JOIN unnest($2::uuid[], $3::int8[]) AS owned(endpoint_id, epoch) ON owned.endpoint_id = l.endpoint_id AND owned.epoch = l.epoch
WHERE l.node = $1
ORDER BY l.endpoint_id
FOR UPDATE OF l

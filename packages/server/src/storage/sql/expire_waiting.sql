-- Deliveries that still wait when their event's day is dropped cannot be sent any more; their history goes with it.
DELETE FROM queue WHERE event_id < $1

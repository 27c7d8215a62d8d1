-- Nodes own endpoints, not deliveries. This part can be applied while nodes of the version before run: they go on as they
-- did. What they need and nobody else does is dropped by the migration after this one, when the last of them has stopped.

-- A row per endpoint with unfinished work. `node` owns it: only that node sends to the endpoint. Every new owner gets a new
-- epoch, from a sequence, so that an epoch never comes again even when the row has been deleted in between: it is the
-- fencing token of everything that the owner stores. `next_due_at` matters while nobody owns the lane: when its next
-- delivery is due; NULL: nothing can be sent, because the endpoint is inactive.
CREATE SEQUENCE lane_epochs;
CREATE TABLE lanes (
  endpoint_id uuid PRIMARY KEY,
  account_id  text COLLATE "C" NOT NULL,
  node        int,
  epoch       bigint NOT NULL DEFAULT nextval('lane_epochs'),
  next_due_at timestamptz
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lanes_due ON lanes (next_due_at) WHERE node IS NULL AND next_due_at IS NOT NULL;
CREATE INDEX lanes_of_node ON lanes (node) WHERE node IS NOT NULL;
CREATE INDEX lanes_of_account ON lanes (account_id);

-- engine: 1 leases deliveries, 2 owns lanes. name: what this node's connections begin with. dead_at: others have declared
-- it dead and are taking over. watermark: what it handed over of events before this id is stored elsewhere by now.
ALTER TABLE nodes
  ADD COLUMN engine     int NOT NULL DEFAULT 1,
  ADD COLUMN name       text,
  ADD COLUMN dead_at    timestamptz,
  ADD COLUMN watermark  uuid,
  ADD COLUMN backlogged int NOT NULL DEFAULT 0;

-- The node that accepted an event and the deliveries that it sends from memory, without a row in the queue
-- (storage/handed-over.ts): should the node die, they are put into the queue from here.
ALTER TABLE events ADD COLUMN node int, ADD COLUMN handed_over bytea;

-- What `handed_over` says: see storage/handed-over.ts for the format.
CREATE FUNCTION read_handed_over(bytes bytea) RETURNS TABLE (id uuid, endpoint_id uuid, topic text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  at int := 0;
  topic_bytes int;
BEGIN
  WHILE at < length(bytes) LOOP
    id := encode(substr(bytes, at + 1, 16), 'hex')::uuid;
    endpoint_id := encode(substr(bytes, at + 17, 16), 'hex')::uuid;
    topic_bytes := get_byte(bytes, at + 32) * 256 + get_byte(bytes, at + 33);
    IF topic_bytes = 65535 THEN
      topic := NULL;
      topic_bytes := 0;
    ELSE
      topic := convert_from(substr(bytes, at + 35, topic_bytes), 'UTF8');
    END IF;
    RETURN NEXT;
    at := at + 34 + topic_bytes;
  END LOOP;
END $$;

-- The epoch under which a delivery is being sent right now. The mark of an earlier epoch means nothing.
ALTER TABLE queue ADD COLUMN sending_epoch bigint;
CREATE INDEX queue_due ON queue (endpoint_id, due_at, id);

-- What waits for an endpoint can be sent, or ended, from now on. The lane's row is locked whoever owns it: letting go locks
-- it too before it looks, so one of both sees what the other did.
CREATE FUNCTION lane_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE lanes SET next_due_at = now() WHERE endpoint_id = OLD.id;
  RETURN NULL;
END $$;
CREATE TRIGGER lane_is_due AFTER UPDATE OF status ON endpoints
  FOR EACH ROW WHEN (NEW.status = 'active') EXECUTE FUNCTION lane_is_due();
CREATE TRIGGER lane_is_due_to_end AFTER DELETE ON endpoints
  FOR EACH ROW EXECUTE FUNCTION lane_is_due();

-- The same, in a fifth of the time: it is called for every delivery.
CREATE OR REPLACE FUNCTION hour_of(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(
  ((get_byte(uuid_send(id), 0)::bigint << 40) + (get_byte(uuid_send(id), 1)::bigint << 32)
   + (get_byte(uuid_send(id), 2)::bigint << 24) + (get_byte(uuid_send(id), 3) << 16)
   + (get_byte(uuid_send(id), 4) << 8) + get_byte(uuid_send(id), 5)) / 3600000 * 3600);

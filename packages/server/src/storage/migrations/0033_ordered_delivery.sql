-- Ordered delivery: of the deliveries of one ordering key of an endpoint, only the first in line has a moment at which it is
-- due; those behind it wait until 'infinity', where no claim looks, and the next is due when the first leaves the queue. That
-- is done by triggers, and not by the statements that put deliveries into the queue and take them out: so none can forget it,
-- and no crash comes in between.
ALTER TABLE queue
  ADD COLUMN ordering_key text COLLATE "C",
  -- Its place in line.
  ADD COLUMN turn bigint;
CREATE SEQUENCE queue_turns;
CREATE INDEX queue_in_line ON queue (endpoint_id, ordering_key, turn) WHERE ordering_key IS NOT NULL;
-- Only the first in line is tried: these are the keys that are parked.
CREATE INDEX queue_parked ON queue (endpoint_id, id) WHERE ordering_key IS NOT NULL AND attempts > 0;

-- A row per key with deliveries in the queue. It is locked by whoever adds one or takes one out, so that turns are given in the
-- order of commits, and neither can miss what the other did.
CREATE TABLE ordering_keys (
  account_id  text COLLATE "C" NOT NULL,
  endpoint_id uuid NOT NULL,
  key         text COLLATE "C" NOT NULL,
  waiting     int NOT NULL,
  PRIMARY KEY (endpoint_id, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE FUNCTION time_of(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(
  ((get_byte(uuid_send(id), 0)::bigint << 40) + (get_byte(uuid_send(id), 1)::bigint << 32)
   + (get_byte(uuid_send(id), 2)::bigint << 24) + (get_byte(uuid_send(id), 3) << 16)
   + (get_byte(uuid_send(id), 4) << 8) + get_byte(uuid_send(id), 5)) / 1000.0);

CREATE FUNCTION queue_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  in_line int;
BEGIN
  INSERT INTO ordering_keys AS k (account_id, endpoint_id, key, waiting)
  VALUES (NEW.account_id, NEW.endpoint_id, NEW.ordering_key, 1)
  ON CONFLICT (endpoint_id, key) DO UPDATE SET waiting = k.waiting + 1
  RETURNING waiting INTO in_line;
  NEW.turn := nextval('queue_turns');
  IF in_line > 1 THEN NEW.due_at := 'infinity'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER queue_up BEFORE INSERT ON queue
  FOR EACH ROW WHEN (NEW.ordering_key IS NOT NULL) EXECUTE FUNCTION queue_up();

-- A delivery leaves its line; if it was the first, the next is due. Each statement in here sees what was committed while the
-- one before it waited for the lock.
CREATE FUNCTION leave_line(of_endpoint uuid, of_key text, was_first boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  in_line int;
BEGIN
  UPDATE ordering_keys SET waiting = waiting - 1 WHERE endpoint_id = of_endpoint AND key = of_key
  RETURNING waiting INTO in_line;
  IF in_line = 0 THEN
    DELETE FROM ordering_keys WHERE endpoint_id = of_endpoint AND key = of_key;
  ELSIF was_first THEN
    -- A clock that was ahead when it was accepted does not put it off.
    UPDATE queue SET due_at = least(time_of(id), now())
    WHERE due_at = 'infinity' AND (account_id, id) = (
      SELECT q.account_id, q.id FROM queue q
      WHERE q.endpoint_id = of_endpoint AND q.ordering_key = of_key
      ORDER BY q.turn LIMIT 1);
  END IF;
END $$;

CREATE FUNCTION queue_next() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM leave_line(OLD.endpoint_id, OLD.ordering_key, OLD.due_at < 'infinity');
  RETURN NULL;
END $$;
CREATE TRIGGER queue_next AFTER DELETE ON queue
  FOR EACH ROW WHEN (OLD.ordering_key IS NOT NULL) EXECUTE FUNCTION queue_next();

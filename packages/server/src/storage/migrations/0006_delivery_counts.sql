-- Deliveries counted by hour and endpoint, so that a chart of a day or a month does not read every delivery of it.
-- Tests are not counted, but remembered as the last one. The hour is
-- that of the id: when the delivery was made.
CREATE TABLE delivery_counts (
  account_id      text COLLATE "C" NOT NULL,
  at              timestamptz NOT NULL,
  endpoint_id     uuid NOT NULL,
  succeeded       bigint NOT NULL,
  discarded       bigint NOT NULL,
  skipped         bigint NOT NULL,
  -- When the last of them ended: of those that were sent, and of those that succeeded.
  last_at         timestamptz,
  last_success_at timestamptz,
  PRIMARY KEY (account_id, at, endpoint_id)
);
CREATE INDEX delivery_counts_at ON delivery_counts (at);

-- What was counted and has not been added up yet: a row or a few with every batch, without an index and without a lock
-- that two nodes could wait for. Maintenance adds them up every few seconds; whoever reads takes both, by the view.
CREATE TABLE delivery_counts_new (LIKE delivery_counts) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

CREATE VIEW delivery_hours AS SELECT * FROM delivery_counts UNION ALL SELECT * FROM delivery_counts_new;

CREATE FUNCTION hour_of(id uuid) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_timestamp(('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 3600000 * 3600);

-- A trigger, and not a part of each statement that ends or revives deliveries: so none can forget it, and the counts are
-- right to the last delivery, whatever is killed when.
CREATE FUNCTION count_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  sign CONSTANT int := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
  INSERT INTO delivery_counts_new
  SELECT account_id, hour_of(id), endpoint_id,
         sign * count(*) FILTER (WHERE status = 'succeeded' AND NOT test),
         sign * count(*) FILTER (WHERE status = 'discarded' AND NOT test),
         sign * count(*) FILTER (WHERE status = 'skipped' AND NOT test),
         max(finished_at) FILTER (WHERE status <> 'skipped'),
         max(finished_at) FILTER (WHERE status = 'succeeded')
  FROM changed
  GROUP BY 1, 2, 3;
  RETURN NULL;
END $$;

INSERT INTO delivery_counts
SELECT account_id, hour_of(id), endpoint_id,
       count(*) FILTER (WHERE status = 'succeeded' AND NOT test),
       count(*) FILTER (WHERE status = 'discarded' AND NOT test),
       count(*) FILTER (WHERE status = 'skipped' AND NOT test),
       max(finished_at) FILTER (WHERE status <> 'skipped'),
       max(finished_at) FILTER (WHERE status = 'succeeded')
FROM deliveries
GROUP BY 1, 2, 3;

CREATE TRIGGER count_ended AFTER INSERT ON deliveries
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_deliveries();
-- A delivery that is sent again leaves the history while it waits.
CREATE TRIGGER count_revived AFTER DELETE ON deliveries
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_deliveries();

-- What one looks for in a history is what went wrong: it is rare, and found without reading what went well.
CREATE INDEX deliveries_not_succeeded ON deliveries (account_id, status, id) WHERE status <> 'succeeded';

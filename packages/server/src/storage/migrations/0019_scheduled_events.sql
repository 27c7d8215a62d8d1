-- Events that are to be published later, and those that an application has published with SQL in a transaction of its own.
CREATE TABLE scheduled_events (
  account_id      text COLLATE "C" NOT NULL,
  id              uuid NOT NULL DEFAULT gen_random_uuid(),
  external_id     text COLLATE "C",
  idempotency_key text COLLATE "C",
  trigger         text NOT NULL,
  -- The event as a publisher sends it: numbers and the order of members stay as they were written.
  input           text NOT NULL,
  -- Of those that came with a request: what a repeat must agree in.
  digest          bytea,
  -- The epoch: at once, by whatever clock.
  due_at          timestamptz NOT NULL,
  -- Of what is due at the same moment, the first that was put down comes first.
  seq             bigint GENERATED ALWAYS AS IDENTITY,
  created_at      timestamptz NOT NULL DEFAULT now(),
  -- Why it could not be published: it stays here for people to see.
  error           jsonb,
  refused_at      timestamptz,
  PRIMARY KEY (account_id, id)
);
CREATE INDEX scheduled_events_due ON scheduled_events (due_at, seq) WHERE error IS NULL;
CREATE INDEX scheduled_events_refused ON scheduled_events (refused_at) WHERE error IS NOT NULL;
CREATE INDEX scheduled_events_listed ON scheduled_events (account_id, due_at, id);
CREATE UNIQUE INDEX scheduled_events_by_external_id ON scheduled_events (account_id, external_id) WHERE digest IS NOT NULL;
CREATE UNIQUE INDEX scheduled_events_by_key ON scheduled_events (account_id, idempotency_key);

-- `posthorn.publish` publishes an event if and only if the transaction commits that calls it, and answers the event's id. Whoever
-- may execute it needs no other right here, and nobody may until it is granted. Where no schema may be made, it is
-- `posthorn_publish`, beside the tables.
DO $do$
DECLARE
  name text := 'posthorn.publish';
BEGIN
  BEGIN
    CREATE SCHEMA IF NOT EXISTS posthorn;
  EXCEPTION WHEN insufficient_privilege THEN
    name := format('%I.posthorn_publish', current_schema());
  END;
  EXECUTE format($create$
    CREATE FUNCTION %1$s(account text, trigger text, payload json, id text DEFAULT NULL, scheduled_for timestamptz DEFAULT NULL)
    RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = %2$I, pg_temp AS $body$
    DECLARE
      event_id text := coalesce(id, gen_random_uuid()::text);
    BEGIN
      -- Until this transaction ends, the account is not forgotten: its id could be another's by then.
      PERFORM FROM accounts a WHERE a.id = account AND a.closed_at IS NULL FOR KEY SHARE;
      IF NOT FOUND THEN
        RAISE EXCEPTION 'account_not_found: there is no account "%%"', account USING ERRCODE = 'P0002';
      END IF;
      IF trigger IS NULL OR length(trigger) NOT BETWEEN 1 AND 256 THEN
        RAISE EXCEPTION 'unknown_trigger: a trigger has 1 to 256 characters' USING ERRCODE = '22023';
      END IF;
      IF payload IS NULL THEN
        RAISE EXCEPTION 'invalid_request: payload is missing; for null, pass ''null''' USING ERRCODE = '22023';
      END IF;
      IF octet_length(payload::text) > 16 * 1024 * 1024 THEN
        RAISE EXCEPTION 'payload_too_large: a payload has at most 16 MiB' USING ERRCODE = '22023';
      END IF;
      IF event_id !~ '^[A-Za-z0-9_:-]{1,128}$' THEN
        RAISE EXCEPTION 'invalid_request: an id has 1 to 128 letters, digits and _ : -' USING ERRCODE = '22023';
      END IF;
      IF NOT isfinite(scheduled_for) OR scheduled_for < 'epoch' OR scheduled_for > now() + interval '366 days' THEN
        RAISE EXCEPTION 'invalid_request: scheduled_for is at most 366 days from now' USING ERRCODE = '22023';
      END IF;
      INSERT INTO scheduled_events (account_id, external_id, trigger, input, due_at)
      VALUES (account, event_id, trigger,
              json_build_object('id', event_id, 'trigger', trigger, 'payload', payload)::text,
              coalesce(date_trunc('milliseconds', scheduled_for), 'epoch'));
      PERFORM pg_notify('posthorn_scheduled', '');
      RETURN event_id;
    END $body$
  $create$, name, current_schema());
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
END $do$;

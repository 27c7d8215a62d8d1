-- The first schema. Never edit an applied migration: add the next number.
--
-- Small and hot: queue (one row per unfinished delivery, deleted when it ends).
-- Large and cold: events, deliveries, attempts. Each is partitioned by day through its UUIDv7, which begins with the
-- time, so that a lookup by id touches one partition and retention drops whole tables.

CREATE TABLE accounts (
  id         text COLLATE "C" PRIMARY KEY,
  name       text NOT NULL,
  contract   text NOT NULL,
  metadata   jsonb NOT NULL DEFAULT '{}',
  -- Raised by every change to the account or its endpoints. Accepting an event checks it, so that a node never
  -- fans out by an outdated copy.
  version    bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX accounts_newest ON accounts (created_at DESC, id DESC);

CREATE TABLE endpoints (
  id              uuid PRIMARY KEY,
  account_id      text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
  url             text NOT NULL,
  description     text NOT NULL DEFAULT '',
  status          text NOT NULL CHECK (status IN ('active', 'inactive')),
  inactive_reason text CHECK (inactive_reason IN ('new', 'user', 'consecutive_failures', 'gone')),
  subscriptions   jsonb NOT NULL,
  headers         jsonb NOT NULL DEFAULT '{}',
  signature       text NOT NULL,
  public_key      text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  updated_at      timestamptz NOT NULL DEFAULT now(),
  CHECK ((status = 'inactive') = (inactive_reason IS NOT NULL))
);
CREATE INDEX endpoints_of_account ON endpoints (account_id, id);

-- AES-256-GCM; the associated data is the row's identity, so a ciphertext copied to another row does not open.
CREATE TABLE endpoint_secrets (
  endpoint_id uuid NOT NULL REFERENCES endpoints ON DELETE CASCADE,
  number      int NOT NULL,
  key_id      text NOT NULL,
  ciphertext  bytea NOT NULL,
  expires_at  timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (endpoint_id, number)
);

CREATE FUNCTION account_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed text := coalesce(NEW.account_id, OLD.account_id);
BEGIN
  UPDATE accounts SET version = version + 1 WHERE id = changed;
  PERFORM pg_notify('posthorn_account', changed);
  RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON endpoints
  FOR EACH ROW EXECUTE FUNCTION account_changed();

CREATE FUNCTION account_itself_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('posthorn_account', coalesce(NEW.id, OLD.id));
  RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER UPDATE OF name, contract, metadata OR DELETE ON accounts
  FOR EACH ROW EXECUTE FUNCTION account_itself_changed();

CREATE TABLE nodes (
  id           int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host         text NOT NULL,
  pid          int NOT NULL,
  started_at   timestamptz NOT NULL DEFAULT now(),
  heartbeat_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE settings (
  name  text PRIMARY KEY,
  value text NOT NULL
);

CREATE TABLE idempotency (
  account_id text COLLATE "C" NOT NULL,
  key        text COLLATE "C" NOT NULL,
  event_id   uuid NOT NULL,
  digest     bytea NOT NULL,
  deliveries int NOT NULL,
  PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_by_age ON idempotency (event_id);

CREATE TABLE events (
  account_id  text COLLATE "C" NOT NULL,
  id          uuid NOT NULL,
  external_id text COLLATE "C",
  trigger     text NOT NULL,
  by_topic    boolean NOT NULL,
  test        boolean NOT NULL,
  payload     bytea NOT NULL,
  PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX events_by_external_id ON events (account_id, external_id) WHERE external_id IS NOT NULL;

-- Deleted accounts whose history is still to be removed: everything older than `before`, so that an account made again
-- under the same id keeps its own.
CREATE TABLE purges (
  account_id text COLLATE "C" NOT NULL,
  before     uuid NOT NULL,
  PRIMARY KEY (account_id, before)
);

-- lease_node: the node that holds the delivery right now; NULL while it waits. A row that is handed over from memory
-- is born with a lease and dies with it, so it never enters queue_waiting.
CREATE TABLE queue (
  account_id  text COLLATE "C" NOT NULL,
  id          uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id    uuid NOT NULL,
  topic       text,
  trigger     text NOT NULL,
  test        boolean NOT NULL,
  attempts    int NOT NULL DEFAULT 0,
  tries       int NOT NULL DEFAULT 0,
  due_at      timestamptz NOT NULL,
  lease_node  int,
  last_status int,
  last_error  text,
  PRIMARY KEY (account_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX queue_waiting ON queue (endpoint_id, due_at, id) WHERE lease_node IS NULL;

-- Finished deliveries, written once.
CREATE TABLE deliveries (
  account_id  text COLLATE "C" NOT NULL,
  id          uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id    uuid NOT NULL,
  topic       text,
  trigger     text NOT NULL,
  test        boolean NOT NULL,
  status      text NOT NULL CHECK (status IN ('succeeded', 'discarded', 'skipped')),
  reason      text,
  attempts    int NOT NULL,
  finished_at timestamptz NOT NULL,
  last_status int,
  last_error  text,
  PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_of_endpoint ON deliveries (endpoint_id, id);

-- Times in microseconds; NULL where a step did not happen.
CREATE TABLE attempts (
  delivery_id      uuid NOT NULL,
  number           int NOT NULL,
  started_at       timestamptz NOT NULL,
  url              text NOT NULL,
  request_headers  text NOT NULL,
  error            text,
  error_detail     text,
  response_status  int,
  response_headers text,
  response_body    bytea,
  response_truncated boolean NOT NULL,
  dns_us           int,
  connect_us       int,
  tls_us           int,
  first_byte_us    int,
  total_us         int NOT NULL,
  PRIMARY KEY (delivery_id, number)
) PARTITION BY RANGE (delivery_id);

-- What contracts promise beyond plain delivery: numbers that vendors' APIs show, versions, rate limits over all nodes,
-- switching off what stays broken, testing mode, and API keys.

ALTER TABLE accounts ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY UNIQUE;

ALTER TABLE endpoints
  ADD COLUMN number        bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  ADD COLUMN version       text,
  ADD COLUMN rate_limit    int CHECK (rate_limit > 0),
  ADD COLUMN testing_until timestamptz;

-- Failures in a row. Apart from endpoints, whose every change makes all nodes read the account again.
CREATE TABLE endpoint_health (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  failures    int NOT NULL
);

-- When the next sample of an endpoint in testing mode is due.
CREATE TABLE testing_rounds (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  next_at     timestamptz NOT NULL,
  interval_s  int NOT NULL
);
CREATE INDEX testing_rounds_due ON testing_rounds (next_at);

-- Which node sends to an endpoint with a rate limit: one at a time, so that the limit and the order hold over all nodes.
-- It is free when node is NULL and free_at has passed, or when the node is dead. `wanted`: another node has something
-- that somebody waits for.
CREATE TABLE paces (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  node        int,
  free_at     timestamptz NOT NULL,
  wanted      boolean NOT NULL DEFAULT false
);
CREATE INDEX paces_of_node ON paces (node) WHERE node IS NOT NULL;

CREATE TABLE api_keys (
  id           uuid PRIMARY KEY,
  account_id   text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
  label        text NOT NULL,
  scopes       jsonb NOT NULL,
  -- Its first characters: enough to recognise it, not to use it.
  prefix       text NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  last_used_at timestamptz
);
CREATE INDEX api_keys_of_account ON api_keys (account_id, id);

-- SHA-256 of a key's text; a rotated key has two for a while.
CREATE TABLE api_key_digests (
  digest     bytea PRIMARY KEY,
  key_id     uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
  expires_at timestamptz
);
CREATE INDEX api_key_digests_of_key ON api_key_digests (key_id);

CREATE FUNCTION api_key_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('posthorn_keys', '');
  RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER UPDATE OF scopes, expires_at OR DELETE ON api_keys
  FOR EACH STATEMENT EXECUTE FUNCTION api_key_changed();
CREATE TRIGGER changed AFTER UPDATE OR DELETE ON api_key_digests
  FOR EACH STATEMENT EXECUTE FUNCTION api_key_changed();

-- Calls of a key to a vendor's facade, minute by minute.
CREATE TABLE api_key_calls (
  key_id uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
  minute timestamptz NOT NULL,
  calls  int NOT NULL,
  PRIMARY KEY (key_id, minute)
);

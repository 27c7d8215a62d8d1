-- What the people of an account can say of a key besides its scopes, and what they want to know of it.
ALTER TABLE api_keys
  ADD COLUMN enabled boolean NOT NULL DEFAULT true,
  -- Networks whose calls are taken, as `10.0.0.0/8`; none: all.
  ADD COLUMN networks jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN last_refused_at timestamptz,
  ADD COLUMN last_refusal text;

CREATE OR REPLACE TRIGGER changed AFTER UPDATE OF scopes, expires_at, enabled, networks OR DELETE ON api_keys
  FOR EACH STATEMENT EXECUTE FUNCTION api_key_changed();

-- Calls of a key, day by day in UTC: those that were let through, and those that were refused although the key was known.
CREATE TABLE api_key_days (
  key_id   uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
  day      date NOT NULL,
  calls    bigint NOT NULL,
  refusals bigint NOT NULL,
  PRIMARY KEY (key_id, day)
);

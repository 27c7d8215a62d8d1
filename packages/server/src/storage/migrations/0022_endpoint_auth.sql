-- How an endpoint's receiver wants requests to authenticate, besides their signature: sealed as secrets are.
CREATE TABLE endpoint_auth (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  account_id  text COLLATE "C" NOT NULL,
  key_id      text NOT NULL,
  ciphertext  bytea NOT NULL
);
CREATE INDEX endpoint_auth_by_key ON endpoint_auth (key_id);

-- OAuth 2 tokens, so that nodes share them. config: a digest of what they were asked for with. asked_until: until then a node asks
-- for a new one. What cannot be opened any more is asked for again.
CREATE TABLE endpoint_tokens (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  config      bytea NOT NULL,
  asked_until timestamptz,
  key_id      text,
  ciphertext  bytea,
  digest      bytea,
  renew_at    timestamptz,
  expires_at  timestamptz
) WITH (fillfactor = 70);

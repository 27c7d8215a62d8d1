-- Values of endpoints' own headers, encrypted as signing secrets are: AES-256-GCM, the associated data is the row's
-- identity. A row is written once for each set of headers that an endpoint has had; endpoints and attempts refer to it, so
-- that no value is repeated with every attempt. Rows outlive their endpoint: history shows what was sent.
CREATE SEQUENCE endpoint_headers_id;
CREATE TABLE endpoint_headers (
  id          bigint PRIMARY KEY,
  account_id  text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
  endpoint_id uuid NOT NULL,
  key_id      text NOT NULL,
  ciphertext  bytea NOT NULL,
  -- NULL while the endpoint uses them; dropped when no day that is kept can refer to them.
  replaced_at timestamptz
);
CREATE INDEX endpoint_headers_of_account ON endpoint_headers (account_id);
CREATE INDEX endpoint_headers_replaced ON endpoint_headers (replaced_at) WHERE replaced_at IS NOT NULL;

-- `headers` holds what was stored before this migration, until it is sealed; '{}' from then on.
ALTER TABLE endpoints ADD COLUMN headers_id bigint;
CREATE INDEX endpoints_with_plain_headers ON endpoints (id) WHERE headers <> '{}';

ALTER TABLE attempts ADD COLUMN headers_id bigint;

-- Headers of a received request that may be credentials; `headers` holds the others.
ALTER TABLE bin_requests ADD COLUMN key_id text, ADD COLUMN sealed bytea;

-- The sessions of an account's page, those that end last first: their number is bounded.
CREATE INDEX page_sessions_of_account ON page_sessions (account_id, expires_at) WHERE account_id IS NOT NULL;

-- Which master keys are in use, and which rows a key has sealed, is found without reading all of them.
CREATE INDEX endpoint_secrets_by_key ON endpoint_secrets (key_id);
CREATE INDEX endpoint_headers_by_key ON endpoint_headers (key_id);
CREATE INDEX bin_requests_by_key ON bin_requests (key_id) WHERE key_id IS NOT NULL;

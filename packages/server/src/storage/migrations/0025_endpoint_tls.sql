-- Certificates and keys that connections to an endpoint are made with: sealed as secrets are.
CREATE TABLE endpoint_tls (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  account_id  text COLLATE "C" NOT NULL,
  key_id      text NOT NULL,
  ciphertext  bytea NOT NULL
);
CREATE INDEX endpoint_tls_by_key ON endpoint_tls (key_id);

-- The code of the function that reshapes an endpoint's requests: sealed as secrets are, as it may hold some.
CREATE TABLE endpoint_transformations (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  account_id  text COLLATE "C" NOT NULL,
  key_id      text NOT NULL,
  ciphertext  bytea NOT NULL
);
CREATE INDEX endpoint_transformations_by_key ON endpoint_transformations (key_id);

-- What was sent, where it cannot be written again from the event: NULL is POST, and the body as the contract writes it.
ALTER TABLE attempts ADD COLUMN request_method text, ADD COLUMN request_body bytea;

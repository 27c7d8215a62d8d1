-- Keys of people and programs that operate the server, beside the one of its settings. role: what they may do.
CREATE TABLE operator_keys (
  id              uuid PRIMARY KEY,
  name            text NOT NULL,
  role            text NOT NULL CHECK (role IN ('viewer', 'support', 'product', 'admin')),
  prefix          text NOT NULL,
  digest          bytea NOT NULL UNIQUE,
  -- From before the last rotation, valid until then.
  previous_digest bytea UNIQUE,
  previous_until  timestamptz,
  created_at      timestamptz NOT NULL,
  expires_at      timestamptz,
  last_used_at    timestamptz
);
-- A session of the console that was opened with such a key may what the key may, and ends with it. operator_role: of one that
-- somebody opened who is known elsewhere (OpenID Connect).
ALTER TABLE page_sessions
  ADD COLUMN operator_key uuid REFERENCES operator_keys ON DELETE CASCADE,
  ADD COLUMN operator_role text;
CREATE INDEX page_sessions_of_operator_key ON page_sessions (operator_key) WHERE operator_key IS NOT NULL;

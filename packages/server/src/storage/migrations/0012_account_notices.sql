-- Since when an endpoint has its status; NULL: since it was created.
ALTER TABLE endpoints ADD COLUMN status_at timestamptz;

-- Where the people of an account want to be told how its webhooks stand. An e-mail address counts when somebody who reads
-- it has given back the code that was sent there. The secret signs what goes to `url`; it is sealed.
CREATE TABLE account_notices (
  account_id    text COLLATE "C" PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
  number        int NOT NULL DEFAULT 1,
  email         text,
  pending_email text,
  code_digest   bytea,
  code_until    timestamptz,
  code_tries    int NOT NULL DEFAULT 0,
  url           text,
  key_id        text,
  ciphertext    bytea,
  looked_at     timestamptz NOT NULL DEFAULT '-infinity',
  told_at       timestamptz,
  sent_at       timestamptz,
  last_error    text
);
CREATE INDEX account_notices_looked ON account_notices (looked_at);
CREATE INDEX account_notices_of_key ON account_notices (key_id);

-- How each endpoint of such an account stands, since when, and what its people were told last.
CREATE TABLE notice_standings (
  endpoint_id uuid PRIMARY KEY REFERENCES endpoints ON DELETE CASCADE,
  standing    text NOT NULL,
  since       timestamptz NOT NULL,
  told        text NOT NULL
);

-- Messages on their way. Written in the transaction that notes what was told.
CREATE TABLE notice_messages (
  id         uuid PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
  channel    text NOT NULL CHECK (channel IN ('email', 'webhook')),
  message    jsonb NOT NULL,
  tries      int NOT NULL DEFAULT 0,
  next_at    timestamptz NOT NULL
);
CREATE INDEX notice_messages_due ON notice_messages (next_at);

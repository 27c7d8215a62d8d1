-- What the Developers page and the operator's console need: sessions, an audit log, request bins, replays.

-- Sessions of the page. account_id NULL: the operator's. Only the token's digest is stored.
CREATE TABLE page_sessions (
  digest      bytea PRIMARY KEY,
  account_id  text COLLATE "C" REFERENCES accounts ON DELETE CASCADE,
  permissions jsonb NOT NULL,
  theme       jsonb NOT NULL,
  expires_at  timestamptz NOT NULL
);
CREATE INDEX page_sessions_by_age ON page_sessions (expires_at);

-- Who changed what. account_id NULL: a change that belongs to no account. Kept when the account is deleted.
CREATE TABLE audit_log (
  id         uuid PRIMARY KEY,
  account_id text COLLATE "C",
  actor      text NOT NULL,
  action     text NOT NULL,
  target     text,
  detail     jsonb NOT NULL
);
CREATE INDEX audit_log_of_account ON audit_log (account_id, id);

-- The inspector's request bins.
CREATE TABLE bins (
  id         uuid PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
  token      text COLLATE "C" NOT NULL UNIQUE,
  status     int NOT NULL,
  delay_ms   int NOT NULL,
  body       text NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX bins_of_account ON bins (account_id, id);
CREATE INDEX bins_by_age ON bins (expires_at);

CREATE TABLE bin_requests (
  bin_id    uuid NOT NULL REFERENCES bins ON DELETE CASCADE,
  id        uuid NOT NULL,
  method    text NOT NULL,
  path      text NOT NULL,
  headers   text NOT NULL,
  body      bytea NOT NULL,
  truncated boolean NOT NULL,
  PRIMARY KEY (bin_id, id)
);

-- Deliveries that are sent again, piece by piece. `after`: the last one that was.
CREATE TABLE replays (
  id         uuid PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
  filter     jsonb NOT NULL,
  total      int NOT NULL,
  done       int NOT NULL DEFAULT 0,
  per_s      int NOT NULL,
  status     text NOT NULL CHECK (status IN ('running', 'finished', 'cancelled')),
  after      uuid NOT NULL,
  next_at    timestamptz NOT NULL
);
CREATE INDEX replays_of_account ON replays (account_id, id);
CREATE INDEX replays_running ON replays (next_at) WHERE status = 'running';

-- Messages of sources (brokers, outbox tables) that could not become events, until somebody has dealt with them. Of one place
-- in a source there is one, however often it comes.
CREATE TABLE dead_letters (
  id         uuid PRIMARY KEY,
  source     text COLLATE "C" NOT NULL,
  place      text COLLATE "C" NOT NULL,
  code       text NOT NULL,
  detail     text NOT NULL,
  headers    jsonb NOT NULL,
  body       bytea NOT NULL,
  -- Of a message that is too large only the beginning is kept: it cannot be published again.
  is_whole   boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  tried_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (source, place)
);
CREATE INDEX dead_letters_newest ON dead_letters (source, id);
CREATE INDEX dead_letters_created ON dead_letters (created_at);

-- How a node does with a source, as it has last said. Of a node that is dead it says nothing any more.
CREATE TABLE source_states (
  node        int NOT NULL,
  source      text COLLATE "C" NOT NULL,
  type        text NOT NULL,
  state       text NOT NULL,
  error       text,
  accepted    bigint NOT NULL,
  dead        bigint NOT NULL,
  last_at     timestamptz,
  reported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (node, source)
);

-- The feed of an account: its events in an order that never changes, for receivers that ask instead of being called. It
-- begins when somebody asks first. From then on accepting numbers the account's events, in the order in which they commit: it
-- holds the row of `feeds` until then.
CREATE TABLE feeds (
  account_id    text COLLATE "C" PRIMARY KEY,
  position      bigint NOT NULL DEFAULT 0,
  begun_xid     xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- Set when every statement has ended that did not know of this row: all events without a number are stored by then, and
  -- this is the last of them.
  history_until uuid,
  created_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE feed (
  account_id text COLLATE "C" NOT NULL,
  position   bigint NOT NULL,
  event_id   uuid NOT NULL,
  PRIMARY KEY (account_id, position, event_id)
) PARTITION BY RANGE (event_id);
CREATE INDEX feed_by_event ON feed (account_id, event_id);

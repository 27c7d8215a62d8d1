-- Where accounts live, in the first of several databases: those that have no row live here.
CREATE TABLE account_cells (
  account_id text COLLATE "C" PRIMARY KEY,
  cell       text NOT NULL
);

-- The further databases. Each counts accounts, endpoints and sets of headers from its own number on (`numbersFrom`): vendors' APIs show
-- these numbers, and an account that moves keeps them.
CREATE TABLE cells (
  name   text PRIMARY KEY,
  number int NOT NULL UNIQUE
);

CREATE FUNCTION tell_account_cell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('posthorn_account_cell', NEW.account_id);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_account_cell AFTER INSERT OR UPDATE ON account_cells
  FOR EACH ROW EXECUTE FUNCTION tell_account_cell();

-- An account on its way from one cell to another (cells/moves.ts).
-- `moving`: for the moment in which it is nowhere, requests for it wait.
ALTER TABLE account_cells ADD COLUMN moving boolean NOT NULL DEFAULT false;
CREATE TABLE account_moves (
  account_id    text COLLATE "C" PRIMARY KEY,
  -- Of the account: another one may be made under its id.
  number        bigint NOT NULL,
  from_cell     text NOT NULL,
  to_cell       text NOT NULL,
  -- copying, held, switched, following (the history comes after), finished
  state         text NOT NULL,
  -- The last of the events, then of the deliveries, that have been copied.
  after         uuid,
  copied        bigint NOT NULL DEFAULT 0,
  error         text,
  -- Whoever carries it on, until when; another node goes on after that.
  claimed_by    uuid,
  claimed_until timestamptz NOT NULL DEFAULT '-infinity',
  started_at    timestamptz NOT NULL DEFAULT now(),
  finished_at   timestamptz
);

-- In the cell that an account leaves, and in the one that it comes to: closed, but not to be removed. It says where it is.
ALTER TABLE accounts
  ADD COLUMN moved_to text,
  -- Whoever carries the move on right now.
  ADD COLUMN move_claim uuid,
  -- What nodes had in memory when it was held first belongs to events from this one on.
  ADD COLUMN held_from uuid;

-- Nodes that have not heard yet change nothing of an account that is on its way: it would not come along.
CREATE FUNCTION refuse_while_moving() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  account text := CASE TG_OP WHEN 'DELETE' THEN OLD.account_id ELSE NEW.account_id END;
BEGIN
  IF current_setting('posthorn.moves', true) IS DISTINCT FROM 'on'
     AND EXISTS (SELECT FROM accounts WHERE id = account AND moved_to IS NOT NULL) THEN
    RAISE EXCEPTION 'the account % is on its way to another database', account USING ERRCODE = 'PH001';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER moving BEFORE INSERT OR UPDATE OR DELETE ON endpoints FOR EACH ROW EXECUTE FUNCTION refuse_while_moving();
CREATE TRIGGER moving BEFORE INSERT OR UPDATE OR DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION refuse_while_moving();
CREATE TRIGGER moving BEFORE INSERT OR UPDATE OR DELETE ON scheduled_events FOR EACH ROW EXECUTE FUNCTION refuse_while_moving();
CREATE TRIGGER moving BEFORE INSERT OR UPDATE OR DELETE ON bins FOR EACH ROW EXECUTE FUNCTION refuse_while_moving();
CREATE TRIGGER moving BEFORE INSERT OR UPDATE OR DELETE ON page_sessions FOR EACH ROW EXECUTE FUNCTION refuse_while_moving();
CREATE TRIGGER moving BEFORE INSERT OR UPDATE OR DELETE ON replays FOR EACH ROW EXECUTE FUNCTION refuse_while_moving();
CREATE TRIGGER moving BEFORE INSERT OR UPDATE OR DELETE ON account_notices FOR EACH ROW EXECUTE FUNCTION refuse_while_moving();

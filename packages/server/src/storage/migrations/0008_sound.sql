-- Closing an account, bounding what is claimed by bytes, and notices that survive a crash.

-- An account that is being deleted is closed first: nothing is accepted for it, and its id is not given again. Its rows are
-- removed in pieces, and it goes last. closed_xid: statements that began before it could still store something.
ALTER TABLE accounts ADD COLUMN closed_at timestamptz, ADD COLUMN closed_xid xid8;
CREATE INDEX accounts_closed ON accounts (closed_at) WHERE closed_at IS NOT NULL;

-- Of the event's payload: what leasing the row brings into a node's memory. 0: stored before this was known.
ALTER TABLE queue ADD COLUMN payload_bytes int NOT NULL DEFAULT 0;

-- What the operator is to be told. Written in the statement that makes the change, published and deleted soon after.
CREATE TABLE notices (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  trigger    text NOT NULL,
  payload    text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The account, and the endpoint that changed: a node wakes that one alone.
CREATE OR REPLACE FUNCTION account_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed text := coalesce(NEW.account_id, OLD.account_id);
BEGIN
  UPDATE accounts SET version = version + 1 WHERE id = changed;
  PERFORM pg_notify('posthorn_account', changed || ' ' || coalesce(NEW.id, OLD.id));
  RETURN NULL;
END $$;

DROP TRIGGER changed ON accounts;
CREATE TRIGGER changed AFTER UPDATE OF name, contract, metadata, closed_at OR DELETE ON accounts
  FOR EACH ROW EXECUTE FUNCTION account_itself_changed();

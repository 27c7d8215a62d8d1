-- An account that is closed loses all its endpoints in the same transaction, and the closing itself is told: its version
-- is not raised once more with each of them. Ten thousand changes of one row in one transaction would each read all that
-- came before.
CREATE OR REPLACE FUNCTION account_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed text := coalesce(NEW.account_id, OLD.account_id);
BEGIN
  UPDATE accounts SET version = version + 1 WHERE id = changed AND closed_at IS NULL;
  IF FOUND THEN
    PERFORM pg_notify('posthorn_account', changed || ' ' || coalesce(NEW.id, OLD.id));
  END IF;
  RETURN NULL;
END $$;

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

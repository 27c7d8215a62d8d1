-- Lanes are compared with the nodes' clock. One that became due by the database's, while that was ahead, waited for as long;
-- the epoch is due by every clock.
CREATE OR REPLACE FUNCTION lane_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE lanes SET next_due_at = 'epoch' WHERE endpoint_id = OLD.id;
  RETURN NULL;
END $$;

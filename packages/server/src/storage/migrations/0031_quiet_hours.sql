-- Hours in which an account's people are told nothing: minutes of the day in a time zone. What happens in them is told at their end.
ALTER TABLE account_notices
  ADD COLUMN quiet_from smallint CHECK (quiet_from BETWEEN 0 AND 1439),
  ADD COLUMN quiet_to   smallint CHECK (quiet_to BETWEEN 0 AND 1439),
  ADD COLUMN quiet_zone text;

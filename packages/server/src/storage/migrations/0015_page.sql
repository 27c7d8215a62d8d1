-- Whose link shows a bin, looked for when bins end.
CREATE INDEX page_sessions_of_bin ON page_sessions (bin_id) WHERE bin_id IS NOT NULL;
CREATE INDEX notice_messages_of_account ON notice_messages (account_id);
CREATE INDEX api_key_days_by_day ON api_key_days (day);

-- Codes that were sent to confirm an e-mail address, counted by day.
ALTER TABLE account_notices ADD COLUMN codes_day date, ADD COLUMN codes_sent int NOT NULL DEFAULT 0;

-- A payload as `jsonb`, to look into it; NULL where that cannot hold it: \u0000, numbers beyond `numeric`, deep nesting.
CREATE FUNCTION payload_jsonb(payload bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN convert_from(payload, 'UTF8')::jsonb;
EXCEPTION WHEN others THEN
  RETURN NULL;
END $$;

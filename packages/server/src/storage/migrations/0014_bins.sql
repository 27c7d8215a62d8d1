-- Headers that a bin answers with, besides those that every answer has.
ALTER TABLE bins ADD COLUMN headers jsonb NOT NULL DEFAULT '{}';

-- A session that shows one bin, and nothing else: what somebody shares.
ALTER TABLE page_sessions ADD COLUMN bin_id uuid REFERENCES bins ON DELETE CASCADE;
